/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/arena.h"
#include "base/test.h"

TEST(memory_is_zeroed_aligned_and_bounded)
{
	scoped(arena_freep) struct arena *arena = arena_new(100000);
	struct err err;
	size_t total = 0;
	char *at;

	for (size_t size = 1; (at = arena_alloc(arena, size)); total += size++) {
		assert_int_equal((uintptr_t)at % sizeof(void *), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(at[i], 0);
		memset(at, 1, size);
	}
	assert_in_range(total, 50000, 100000);
	assert_fails(arena_full(arena, &err), &err, REASON_TOO_LARGE);
	arena_reset(arena);
	assert_non_null(arena_alloc(arena, 50000));
	assert_null(arena_alloc(arena, SIZE_MAX));
}

TEST(texts_are_copied)
{
	scoped(arena_freep) struct arena *arena = arena_new(1000);
	char text[] = "hello";

	assert_string_equal(arena_strdup(arena, text), "hello");
	assert_string_equal(arena_strndup(arena, (struct span){ text, 4 }), "hell");
	assert_string_equal(arena_printf(arena, "%s %d", text, 7), "hello 7");
	assert_null(arena_strdup(arena, NULL));
}

static int order[4], n_order;

static void note(void *arg)
{
	order[n_order++] = *(int *)arg;
}

TEST(deferred_work_runs_in_reverse)
{
	scoped(arena_freep) struct arena *arena = arena_new(1000);
	int one = 1, two = 2, three = 3;

	n_order = 0;
	assert_int_equal(arena_defer(arena, note, &one), 0);
	assert_int_equal(arena_defer(arena, note, &two), 0);
	assert_int_equal(n_order, 0);
	arena_reset(arena);
	assert_int_equal(n_order, 2);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 1);
	assert_null(arena_alloc(arena, 2000));
	while (arena_alloc(arena, 16))
		;
	assert_int_not_equal(arena_defer(arena, note, &three), 0);
	assert_int_equal(order[2], 3); /* no room to remember it: done at once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_bounded),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(deferred_work_runs_in_reverse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
