/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/test.h"
#include "node/keeper/top.h"

enum { N = 500 };

static struct peer peers[N];
static uint64_t moved[N];

static int by_rank(const void *a, const void *b)
{
	const size_t i = *(const size_t *)a, j = *(const size_t *)b;

	if (moved[i] != moved[j])
		return moved[i] > moved[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Compared with sorting all of them; few different values, so that many are equal. */
TEST(the_top_is_what_sorting_would_give)
{
	size_t order[N];

	srand(7);
	for (unsigned i = 0; i < N; i++) {
		peers[i].id.bytes[14] = (uint8_t)(i >> 8);
		peers[i].id.bytes[15] = (uint8_t)i;
		moved[i] = (uint64_t)(rand() % 40);
		order[i] = i;
	}
	qsort(order, N, sizeof order[0], by_rank);
	for (size_t max = 0; max <= N; max += max < 20 ? 1 : 60) {
		scoped(top_done) struct top top;
		bool chosen[N] = { false };
		struct err err;

		assert_ok(top_init(&top, max, &err), &err);
		for (unsigned i = 0; i < N; i++)
			top_add(&top, moved[(i * 7) % N], &peers[(i * 7) % N]);
		top_sort(&top);
		assert_int_equal(top.n, max);
		assert_int_equal(top.left_out, N - max);
		for (size_t i = 0; i < top.n; i++) {
			chosen[top.at[i].peer - peers] = true;
			assert_true(!i || top.at[i - 1].peer < top.at[i].peer);
		}
		for (size_t i = 0; i < max; i++)
			assert_true(chosen[order[i]]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_top_is_what_sorting_would_give),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
