/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/test.h"

#include "node/keeper/peers.h"

enum { PEERS = 200, STEPS = 20000 };

/* Every peer that is in, once, in the order of revisions. */
static void check(const struct recent *recent, const struct peer *peers, const bool *in)
{
	int64_t last = 0;
	size_t n = 0, want = 0;

	for (size_t i = 0; i < recent->n; i++) {
		const struct peer *peer = recent->slots[i].peer;

		if (!peer)
			continue;
		assert_int_equal(peer->revision, recent->slots[i].revision);
		assert_true(peer->revision > last);
		last = peer->revision;
		n++;
	}
	for (size_t i = 0; i < PEERS; i++)
		want += in[i] && peers[i].revision > 0;
	assert_int_equal(n, want);
}

TEST(keeps_the_order_over_many_changes)
{
	struct peer *peers = calloc(PEERS, sizeof *peers);
	scoped(recent_done) struct recent recent = { 0 };
	bool in[PEERS] = { false };
	int64_t revision = 0;
	uint32_t die = 1;
	struct err err;

	assert_ok(recent_build(&recent, NULL, 0, &err), &err);
	for (unsigned step = 0; step < STEPS; step++) {
		size_t i;

		die = die * 1664525 + 1013904223;
		i = die >> 8 & 0xff;
		if (i >= PEERS)
			continue;
		if (die >> 28 == 0) {
			recent_drop(&recent, &peers[i]);
			in[i] = false;
		} else {
			peers[i].revision = ++revision;
			recent_note(&recent, &peers[i]);
			in[i] = true;
		}
		if (step % 500 == 0)
			check(&recent, peers, in);
	}
	check(&recent, peers, in);
	assert_true(recent.n < 2 * PEERS + 128); /* holes do not pile up */
	free(peers);
}

TEST(those_of_one_commit_may_come_in_any_order)
{
	struct peer a = { .revision = 7 }, b = { .revision = 6 }, c = { .revision = 8 };
	scoped(recent_done) struct recent recent = { 0 };
	struct err err;

	assert_ok(recent_build(&recent, NULL, 0, &err), &err);
	recent_note(&recent, &a);
	recent_note(&recent, &b);
	recent_note(&recent, &c);
	assert_ptr_equal(recent.slots[0].peer, &b);
	assert_ptr_equal(recent.slots[1].peer, &a);
	assert_ptr_equal(recent.slots[2].peer, &c);
	assert_int_equal(recent_after(&recent, 0), 0);
	assert_int_equal(recent_after(&recent, 6), 1);
	assert_int_equal(recent_after(&recent, 8), 3);
}

TEST(nothing_is_kept_until_it_is_built_and_all_is_then)
{
	struct peer a = { .revision = 2 }, b = { .revision = 1 };
	struct peer *const all[] = { &a, &b };
	scoped(recent_done) struct recent recent = { 0 };
	struct err err;

	recent_note(&recent, &a);
	assert_int_equal(recent.n, 0);
	assert_ok(recent_build(&recent, all, 2, &err), &err);
	assert_ptr_equal(recent.slots[0].peer, &b);
	recent_forget(&recent);
	recent_drop(&recent, &a);
	assert_ok(recent_build(&recent, all + 1, 1, &err), &err);
	assert_int_equal(recent.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_order_over_many_changes),
		cmocka_unit_test(those_of_one_commit_may_come_in_any_order),
		cmocka_unit_test(nothing_is_kept_until_it_is_built_and_all_is_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
