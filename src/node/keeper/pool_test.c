/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/rng.h"
#include "base/test.h"
#include "base/time.h"
#include "node/keeper/pool.h"

static const int64_t hour = 3600 * USEC_PER_SEC;
static int owner;

static struct cidr of(const char *text)
{
	struct cidr cidr;

	assert_true(cidr_parse_any(span_of(text), &cidr));
	return cidr;
}

static void make(struct pool *pool, const char *subnet, const char *server)
{
	struct cidr net = of(subnet), ip = of(server);

	pool_init(pool, &net, &ip, hour);
}

static void gives(struct pool *pool, int64_t now, const char *want)
{
	char text[CIDR_TEXT_SIZE];
	struct cidr address;
	struct err err;

	assert_ok(pool_give(pool, &owner, now, &address, &err), &err);
	assert_string_equal(cidr_format_address(text, &address), want);
}

static void frees(struct pool *pool, const char *address, int64_t now)
{
	struct cidr at = of(address);

	pool_free(pool, &at, now);
}

TEST(from_the_bottom_past_the_server)
{
	scoped(pool_done) struct pool pool;

	make(&pool, "10.0.0.0/29", "10.0.0.3");
	gives(&pool, 0, "10.0.0.1");
	gives(&pool, 0, "10.0.0.2");
	gives(&pool, 0, "10.0.0.4");
	assert_int_equal(pool_size(&pool), 5);
	assert_int_equal(pool.n_used, 3);
}

TEST(freed_addresses_rest_while_others_are_free)
{
	scoped(pool_done) struct pool pool;

	make(&pool, "10.0.0.0/29", "10.0.0.1");
	gives(&pool, 0, "10.0.0.2");
	gives(&pool, 0, "10.0.0.3");
	frees(&pool, "10.0.0.2", 0);
	gives(&pool, hour - 1, "10.0.0.4"); /* still resting */
	gives(&pool, hour, "10.0.0.2");     /* rested */
	gives(&pool, hour, "10.0.0.5");
	gives(&pool, hour, "10.0.0.6");
	frees(&pool, "10.0.0.4", hour);
	frees(&pool, "10.0.0.3", hour + 1);
	gives(&pool, hour + 2, "10.0.0.4"); /* nothing else is free: the longest-resting */
	gives(&pool, hour + 2, "10.0.0.3");
}

TEST(exactly_its_size_then_no_more)
{
	static const struct {
		const char *subnet, *server;
		unsigned size;
	} cases[] = { { "10.0.0.0/30", "10.0.0.1", 1 }, { "10.0.0.0/29", "10.0.0.1", 5 },
		{ "10.0.0.0/26", "10.0.0.1", 61 }, { "10.0.0.0/16", "10.0.255.254", 65533 },
		{ "fd00::/126", "fd00::2", 1 }, { "fd00::/112", "fd00::1", 65533 } };

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(pool_done) struct pool pool;
		struct cidr address;
		struct err err;

		make(&pool, cases[i].subnet, cases[i].server);
		assert_int_equal(pool_size(&pool), cases[i].size);
		for (unsigned n = 0; n < cases[i].size; n++)
			assert_ok(pool_give(&pool, &owner, 0, &address, &err), &err);
		assert_fails(pool_give(&pool, &owner, 0, &address, &err), &err, REASON_NO_ADDRESS);
	}
}

TEST(huge_pools_cost_nothing)
{
	scoped(pool_done) struct pool pool;

	make(&pool, "fd00::/64", "fd00::1");
	gives(&pool, 0, "fd00::2");
	gives(&pool, 0, "fd00::3");
	assert_true(pool_size(&pool) > UINT64_MAX / 2);
}

TEST(wanted_addresses)
{
	scoped(pool_done) struct pool pool;
	static const char *const outside[] = { "10.0.0.0", "10.0.0.7", "10.0.0.1", "10.0.1.2",
		"fd00::2" };
	struct cidr at;
	struct err err;

	make(&pool, "10.0.0.0/29", "10.0.0.1");
	for (size_t i = 0; i < N_ELEMENTS(outside); i++) {
		at = of(outside[i]);
		assert_fails(pool_claim(&pool, &owner, &at, &err), &err, REASON_INVALID_FIELD);
	}
	at = of("10.0.0.2");
	assert_ok(pool_claim(&pool, &owner, &at, &err), &err);
	assert_fails(pool_claim(&pool, &owner, &at, &err), &err, REASON_ADDRESS_IN_USE);
	assert_ptr_equal(pool_owner(&pool, &at), &owner);
	gives(&pool, 0, "10.0.0.3");
	frees(&pool, "10.0.0.2", 0);
	assert_null(pool_owner(&pool, &at));
	assert_ok(pool_claim(&pool, &owner, &at, &err), &err); /* also while it rests */
	assert_int_equal(pool.n_resting, 0);
}

TEST(undone_gifts_come_back_first)
{
	scoped(pool_done) struct pool pool;
	struct cidr at = of("10.0.0.2");

	make(&pool, "10.0.0.0/29", "10.0.0.1");
	gives(&pool, 0, "10.0.0.2");
	pool_undo(&pool, &at);
	gives(&pool, 0, "10.0.0.2");
}

static void found(struct pool *pool, const char *text, uint64_t reading)
{
	struct cidr at = of(text);

	assert_true(pool_foreign(pool, &at, reading));
}

TEST(what_strangers_have_is_not_given)
{
	scoped(pool_done) struct pool pool;
	struct cidr at = of("10.0.0.3");
	struct err err;

	make(&pool, "10.0.0.0/29", "10.0.0.1");
	gives(&pool, 0, "10.0.0.2");
	found(&pool, "10.0.0.3", 7);
	found(&pool, "10.0.0.2", 7); /* ours is ours */
	found(&pool, "10.9.9.9", 7); /* outside */
	assert_int_equal(pool.n_foreign, 1);
	assert_int_equal(pool.n_used, 1);
	assert_fails(pool_claim(&pool, &owner, &at, &err), &err, REASON_ADDRESS_IN_USE);
	assert_null(pool_owner(&pool, &at));
	gives(&pool, 0, "10.0.0.4");
	gives(&pool, 0, "10.0.0.5");
	gives(&pool, 0, "10.0.0.6");
	assert_fails(pool_give(&pool, &owner, 9 * hour, &at, &err), &err, REASON_NO_ADDRESS);
	/* seen again it stays; not seen it rests, and is given then */
	found(&pool, "10.0.0.3", 8);
	pool_foreign_sweep(&pool, 8, 9 * hour);
	assert_int_equal(pool.n_foreign, 1);
	pool_foreign_sweep(&pool, 9, 9 * hour);
	assert_int_equal(pool.n_foreign, 0);
	assert_int_equal(pool.n_resting, 1);
	gives(&pool, 10 * hour, "10.0.0.3");
}

TEST(a_resting_address_can_become_a_strangers_and_a_strangers_ours)
{
	scoped(pool_done) struct pool pool;
	struct cidr at = of("10.0.0.2");
	struct err err;

	make(&pool, "10.0.0.0/29", "10.0.0.1");
	gives(&pool, 0, "10.0.0.2");
	frees(&pool, "10.0.0.2", 0);
	found(&pool, "10.0.0.2", 1);
	assert_int_equal(pool.n_resting, 0);
	assert_int_equal(pool.n_used, 0);
	pool_foreign_forget(&pool, &at);
	assert_int_equal(pool.n_foreign, 0);
	assert_ok(pool_claim(&pool, &owner, &at, &err), &err);
	pool_foreign_forget(&pool, &at); /* nothing to forget */
	assert_ptr_equal(pool_owner(&pool, &at), &owner);
	assert_int_equal(pool.n_used, 1);
}

/* A random life against a plain table of owners: no address ever has two. */
TEST(one_owner_through_a_random_life)
{
	enum { N = 14, ROUNDS = 20000 };
	scoped(pool_done) struct pool pool;
	bool taken[16] = { 0 };
	unsigned used = 0;

	make(&pool, "10.0.0.0/28", "10.0.0.1");
	for (int64_t now = 0; now < ROUNDS; now++) {
		struct cidr net = of("10.0.0.0/28"), at;
		struct err err;
		uint8_t die;

		rng_bytes(&die, 1);
		if (die < 140) {
			int r = pool_give(&pool, &owner, now * hour / 8, &at, &err);

			assert_int_equal(r == 0, used < 13);
			if (r < 0)
				continue;
			assert_false(taken[cidr_offset(&net, &at)]);
			taken[cidr_offset(&net, &at)] = true;
			used++;
		} else if (taken[die % 16]) {
			at = cidr_host(&net, die % 16);
			pool_free(&pool, &at, now * hour / 8);
			taken[die % 16] = false;
			used--;
		}
		assert_int_equal(pool.n_used, used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_bottom_past_the_server),
		cmocka_unit_test(freed_addresses_rest_while_others_are_free),
		cmocka_unit_test(exactly_its_size_then_no_more),
		cmocka_unit_test(huge_pools_cost_nothing),
		cmocka_unit_test(wanted_addresses),
		cmocka_unit_test(undone_gifts_come_back_first),
		cmocka_unit_test(what_strangers_have_is_not_given),
		cmocka_unit_test(a_resting_address_can_become_a_strangers_and_a_strangers_ours),
		cmocka_unit_test(one_owner_through_a_random_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
