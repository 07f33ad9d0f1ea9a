/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/rng.h"
#include "base/test.h"
#include "node/keeper/peers.h"

static struct peer *make(int64_t created, int64_t expires)
{
	struct peer *peer = calloc(1, sizeof *peer);

	uuid_make_v4(&peer->id);
	rng_bytes(&peer->public_key, sizeof peer->public_key);
	peer->created_at.us = created;
	peer->expires_at.us = expires;
	return peer;
}

static void check(const struct peers *peers)
{
	for (size_t i = 1; i < peers->n; i++)
		assert_true(peers->order[i - 1]->created_at.us <= peers->order[i]->created_at.us);
	for (size_t i = 1; i < peers->n_heap; i++) {
		assert_true(peers->heap[(i - 1) / 2]->expires_at.us <=
			    peers->heap[i]->expires_at.us);
		assert_int_equal(peers->heap[i]->heap_at, i + 1);
	}
	assert_int_equal(peers->by_id.n, peers->n);
	assert_int_equal(peers->by_key.n, peers->n);
}

TEST(order_and_expiries_hold_through_a_random_life)
{
	scoped(peers_done) struct peers peers;
	struct err err;

	peers_init(&peers);
	for (int i = 0; i < 3000; i++) {
		uint32_t die;

		rng_bytes(&die, sizeof die);
		if (die % 5 < 3) {
			assert_ok(peers_add(&peers, make(die >> 8 & 1023, die >> 4 & 255), &err),
				&err);
		} else if (peers.n && die % 5 == 3) {
			struct peer *peer = peers.order[(die >> 8) % peers.n];

			peers_remove(&peers, peer);
			assert_null(peers_by_id(&peers, &peer->id));
			peer_free(peer);
		} else if (peers.n) {
			struct peer *peer = peers.order[(die >> 8) % peers.n];
			struct wgkey key;

			rng_bytes(&key, sizeof key);
			peer->expires_at.us = die >> 6 & 255;
			assert_ok(peers_rearm(&peers, peer, &err), &err);
			assert_ok(peers_rekey(&peers, peer, &key, &err), &err);
			assert_ptr_equal(peers_by_key(&peers, &key), peer);
		}
		check(&peers);
	}
}

TEST(the_first_due_comes_first)
{
	scoped(peers_done) struct peers peers;
	struct peer *never = make(1, 0), *late = make(2, 900), *soon = make(3, 100);
	struct err err;

	peers_init(&peers);
	assert_null(peers_next_due(&peers));
	assert_ok(peers_add(&peers, never, &err), &err);
	assert_null(peers_next_due(&peers));
	assert_ok(peers_add(&peers, late, &err), &err);
	assert_ok(peers_add(&peers, soon, &err), &err);
	assert_ptr_equal(peers_next_due(&peers), soon);
	soon->expires_at.us = 0;
	assert_ok(peers_rearm(&peers, soon, &err), &err);
	assert_ptr_equal(peers_next_due(&peers), late);
}

TEST(walking_behind_a_peer_that_is_gone)
{
	scoped(peers_done) struct peers peers;
	struct peer *a = make(1, 0), *b = make(2, 0), *c = make(3, 0);
	struct err err;

	peers_init(&peers);
	assert_ok(peers_add(&peers, c, &err), &err);
	assert_ok(peers_add(&peers, a, &err), &err);
	assert_ok(peers_add(&peers, b, &err), &err);
	peers_remove(&peers, b);
	assert_int_equal(peers_after(&peers, b->created_at, &b->id), 1);
	assert_ptr_equal(peers.order[1], c);
	assert_int_equal(peers_after(&peers, c->created_at, &c->id), 2);
	peer_free(b);
}

TEST(counters_never_fall)
{
	/* what the device says, and what is told of it */
	static const struct {
		uint64_t device, told;
	} steps[] = { { 100, 100 }, { 100, 100 }, { 150, 150 }, { 20, 170 }, { 0, 170 }, { 5, 175 },
		{ 5, 175 } };
	scoped(peer_freep) struct peer *peer = make(1, 0);

	for (size_t i = 0; i < N_ELEMENTS(steps); i++) {
		peer_count(peer, steps[i].device, 2 * steps[i].device);
		assert_int_equal(peer->rx_bytes, steps[i].told);
		assert_int_equal(peer->tx_bytes, 2 * steps[i].told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_expiries_hold_through_a_random_life),
		cmocka_unit_test(the_first_due_comes_first),
		cmocka_unit_test(counters_never_fall),
		cmocka_unit_test(walking_behind_a_peer_that_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
