/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/test.h"
#include "base/time.h"
#include "http/limit.h"

/* FEW: so that there is no room for all */
enum { SLOTS = 4096, FEW = 64, S = USEC_PER_SEC };

static const int64_t start = 1000 * (int64_t)S;

static struct cidr v4(unsigned n)
{
	return (struct cidr){ .family = IP_V4, .bits = 32,
		.addr = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

/* The n-th /64 of the one /48, host `host`. */
static struct cidr v6(unsigned n, unsigned host)
{
	return (struct cidr){ .family = IP_V6, .bits = 128,
		.addr = { 0x20, 1, 0xd, 0xb8, 0, 1, (uint8_t)(n >> 8), (uint8_t)n, [15] = (uint8_t)host } };
}

TEST(tokens_per_source)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(SLOTS, 2, 3);
	struct cidr a = v4(1), b = v4(2);

	for (int i = 0; i < 3; i++)
		assert_true(limiter_take(limiter, &a, start));
	assert_false(limiter_take(limiter, &a, start));
	assert_true(limiter_take(limiter, &b, start));
	assert_int_equal(limiter_wait_s(limiter, &a, start), 1);
	assert_true(limiter_take(limiter, &a, start + S / 2));
	assert_false(limiter_take(limiter, &a, start + S / 2));
	/* after a long rest the burst is back, and no more than that */
	for (int i = 0; i < 3; i++)
		assert_true(limiter_take(limiter, &a, start + 100 * S));
	assert_false(limiter_take(limiter, &a, start + 100 * S));
}

TEST(a_slash_64_is_one_source_and_a_slash_48_eight)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(SLOTS, 2, 3);
	struct cidr one = v6(0, 1), other = v6(0, 2), last = v6(99, 1), elsewhere = v6(0, 1);
	unsigned taken = 0;

	elsewhere.addr[5] = 2;
	for (int i = 0; i < 3; i++)
		assert_true(limiter_take(limiter, i % 2 ? &one : &other, start));
	assert_false(limiter_take(limiter, &one, start));
	for (unsigned n = 1; n < 99; n++) {
		struct cidr source = v6(n, 1);

		taken += limiter_take(limiter, &source, start);
	}
	assert_int_equal(taken, 8 * 3 - 3);
	assert_false(limiter_take(limiter, &last, start));
	assert_true(limiter_take(limiter, &elsewhere, start));
}

TEST(penalties_add_up_hold_and_end)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(SLOTS, 2, 3);
	struct cidr a = v4(1);

	limiter_punish(limiter, &a, 5 * S, start);
	limiter_punish(limiter, &a, 5 * S, start);
	assert_false(limiter_is_punished(limiter, &a, start));
	limiter_punish(limiter, &a, 5 * S, start);
	assert_true(limiter_is_punished(limiter, &a, start));
	/* once it counts it does so to its end */
	assert_true(limiter_is_punished(limiter, &a, start + 14 * S));
	assert_false(limiter_is_punished(limiter, &a, start + 16 * S));
	/* a new one begins from nothing */
	limiter_punish(limiter, &a, 10 * S, start + 16 * S);
	assert_false(limiter_is_punished(limiter, &a, start + 16 * S));
	for (int i = 0; i < 1000; i++)
		limiter_punish(limiter, &a, 90 * S, start + 20 * S);
	assert_true(limiter_is_punished(limiter, &a, start + 619 * S));
	assert_false(limiter_is_punished(limiter, &a, start + 621 * S));
}

TEST(a_slash_48_is_punished_for_what_its_slash_64s_do)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(SLOTS, 2, 3);
	struct cidr innocent = v6(200, 1);

	for (unsigned n = 0; n < 23; n++) {
		struct cidr source = v6(n, 1);

		limiter_punish(limiter, &source, 5 * S, start);
	}
	assert_false(limiter_is_punished(limiter, &innocent, start));
	for (unsigned n = 23; n < 25; n++) {
		struct cidr source = v6(n, 1);

		limiter_punish(limiter, &source, 5 * S, start);
	}
	assert_true(limiter_is_punished(limiter, &innocent, start));
}

TEST(the_known_are_exempt_for_a_day)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(SLOTS, 2, 3);
	int64_t day = 24 * 3600 * (int64_t)S;
	struct cidr a = v4(1);

	limiter_punish(limiter, &a, 90 * S, start);
	assert_true(limiter_is_punished(limiter, &a, start));
	assert_false(limiter_is_known(limiter, &a, start));
	limiter_know(limiter, &a, start);
	assert_true(limiter_is_known(limiter, &a, start + day - S));
	limiter_punish(limiter, &a, 90 * S, start + S);
	assert_false(limiter_is_punished(limiter, &a, start + S));
	assert_false(limiter_is_known(limiter, &a, start + day + S));
	limiter_punish(limiter, &a, 90 * S, start + day + S);
	assert_true(limiter_is_punished(limiter, &a, start + day + S));
}

TEST(strangers_do_not_push_out_the_known)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(FEW, 2, 3);
	struct cidr friend = v4(1), foe = v4(2);

	limiter_know(limiter, &friend, start);
	limiter_punish(limiter, &foe, 90 * S, start);
	for (unsigned n = 10; n < 100000; n++) {
		struct cidr source = v4(n);

		(void)limiter_take(limiter, &source, start + n);
	}
	assert_true(limiter_is_known(limiter, &friend, start + S));
	assert_true(limiter_is_punished(limiter, &foe, start + S));
}

TEST(who_was_there_at_a_crash_is_punished)
{
	scoped(freep) void *memory = calloc(1, limiter_size(SLOTS));
	struct limiter *limiter = limiter_attach(memory, SLOTS, 2, 3, 90 * S, start);
	struct cidr there = v4(1), gone = v4(2), known = v4(3);
	int number;

	limiter_know(limiter, &known, start);
	(void)limiter_enter(limiter, &there);
	(void)limiter_enter(limiter, &known);
	number = limiter_enter(limiter, &gone);
	limiter_leave(limiter, number);
	/* it crashes: its memory is taken over as it is */
	free(limiter);
	limiter = limiter_attach(memory, SLOTS, 2, 3, 90 * S, start + S);
	assert_true(limiter_is_punished(limiter, &there, start + S));
	assert_false(limiter_is_punished(limiter, &gone, start + S));
	assert_true(limiter_is_known(limiter, &known, start + S));
	/* an end in order is nobody's fault */
	(void)limiter_enter(limiter, &gone);
	limiter_free(limiter);
	limiter = limiter_attach(memory, SLOTS, 2, 3, 90 * S, start + 2 * S);
	assert_false(limiter_is_punished(limiter, &gone, start + 2 * S));
	limiter_free(limiter);
}

/* The one before may have been anybody's in the end: any bytes give an answer, and penalties still end. */
TEST(any_memory_will_do)
{
	enum { ROUNDS = 50 };
	scoped(freep) uint8_t *memory = malloc(limiter_size(SLOTS));

	for (int round = 0; round < ROUNDS; round++) {
		struct limiter *limiter;
		struct cidr a = v4((unsigned)round), six = v6((unsigned)round, 1);

		rng_bytes(memory, limiter_size(SLOTS));
		limiter = limiter_attach(memory, SLOTS, 20, 30, 90 * S, start);
		(void)limiter_take(limiter, &a, start);
		limiter_punish(limiter, &six, 5 * S, start);
		limiter_know(limiter, &a, start);
		assert_true(limiter_is_known(limiter, &a, start + S));
		assert_false(limiter_is_punished(limiter, &six, start + 2000 * S));
		assert_true(limiter_take(limiter, &six, start + 2000 * S));
		assert_in_range(limiter_wait_s(limiter, &six, start), 1, 100);
		limiter_free(limiter);
	}
}

TEST(there_is_room_for_as_many_as_there_are)
{
	scoped(limiter_freep) struct limiter *limiter = limiter_new(SLOTS, 2, 3);
	struct cidr a = v4(1);
	int number = 0;

	for (int i = 0; i < LIMIT_PRESENT_MAX; i++)
		number = limiter_enter(limiter, &a);
	assert_true(number >= 0);
	assert_int_equal(limiter_enter(limiter, &a), LIMIT_NOBODY);
	limiter_leave(limiter, LIMIT_NOBODY);
	limiter_leave(limiter, number);
	assert_int_equal(limiter_enter(limiter, &a), number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_per_source),
		cmocka_unit_test(a_slash_64_is_one_source_and_a_slash_48_eight),
		cmocka_unit_test(penalties_add_up_hold_and_end),
		cmocka_unit_test(a_slash_48_is_punished_for_what_its_slash_64s_do),
		cmocka_unit_test(the_known_are_exempt_for_a_day),
		cmocka_unit_test(strangers_do_not_push_out_the_known),
		cmocka_unit_test(who_was_there_at_a_crash_is_punished),
		cmocka_unit_test(any_memory_will_do),
		cmocka_unit_test(there_is_room_for_as_many_as_there_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
