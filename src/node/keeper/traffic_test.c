/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "node/keeper/traffic.h"
#include "wg/wgdev.h"

static struct wgdev_peer seen(uint8_t key, uint64_t rx, uint64_t tx)
{
	struct wgdev_peer peer = { .rx_bytes = rx, .tx_bytes = tx };

	peer.public_key.bytes[0] = key;
	return peer;
}

/* As the keeper does: the total first, then the peer's new counters. */
static void read_ours(struct traffic *t, struct peer *peer, uint64_t rx, uint64_t tx)
{
	struct wgdev_peer at = seen(peer->public_key.bytes[0], rx, tx);

	traffic_peer(t, peer, &at);
	peer->rx_device = rx;
	peer->tx_device = tx;
	peer->seen_dump = t->reading;
}

static void read_stranger(struct traffic *t, uint8_t key, uint64_t rx, uint64_t tx)
{
	struct wgdev_peer at = seen(key, rx, tx);

	traffic_stranger(t, &at);
}

TEST(what_was_there_before_us_is_the_past)
{
	scoped(traffic_done) struct traffic t;
	struct peer found = { .public_key.bytes = { 1 } };
	struct peer made = { .public_key.bytes = { 2 }, .placed_us = 5 };

	traffic_init(&t);
	traffic_begin(&t);
	read_ours(&t, &found, 1000, 500);
	read_ours(&t, &made, 30, 20);
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 30);
	assert_int_equal(t.tx_bytes, 20);
	traffic_begin(&t);
	read_ours(&t, &found, 1100, 500);
	read_ours(&t, &made, 30, 21);
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 130);
	assert_int_equal(t.tx_bytes, 21);
}

TEST(totals_never_fall)
{
	scoped(traffic_done) struct traffic t;
	struct peer peer = { .public_key.bytes = { 1 }, .placed_us = 5 };

	traffic_init(&t);
	traffic_begin(&t);
	read_ours(&t, &peer, 1000, 1000);
	traffic_end(&t);
	traffic_begin(&t); /* the device was made anew */
	read_ours(&t, &peer, 10, 7);
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 1010);
	assert_int_equal(t.tx_bytes, 1007);
	traffic_begin(&t); /* the peer is gone */
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 1010);
}

TEST(a_stranger_counts_from_when_it_is_known_and_may_become_ours)
{
	scoped(traffic_done) struct traffic t;
	struct peer adopted = { .public_key.bytes = { 9 }, .placed_us = 7 };

	traffic_init(&t);
	traffic_begin(&t);
	read_stranger(&t, 9, 5000, 100);
	read_stranger(&t, 8, 1, 1);
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 0);
	traffic_begin(&t);
	read_stranger(&t, 9, 5010, 100);
	read_stranger(&t, 9, 5012, 100); /* a reading that began anew inside */
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 12);
	assert_int_equal(t.strangers.n, 1);
	traffic_begin(&t);
	read_ours(&t, &adopted, 5020, 101);
	traffic_end(&t);
	assert_int_equal(t.rx_bytes, 20);
	assert_int_equal(t.tx_bytes, 1);
	assert_int_equal(t.strangers.n, 0);
}

TEST(strangers_are_remembered_up_to_a_bound)
{
	scoped(traffic_done) struct traffic t;

	traffic_init(&t);
	traffic_begin(&t);
	for (unsigned i = 0; i < 2 * TRAFFIC_STRANGERS_MAX; i++) {
		struct wgdev_peer at = { .rx_bytes = i };

		memcpy(at.public_key.bytes, &i, sizeof i);
		traffic_stranger(&t, &at);
	}
	traffic_end(&t);
	assert_int_equal(t.strangers.n, TRAFFIC_STRANGERS_MAX);
	traffic_begin(&t);
	traffic_end(&t);
	assert_int_equal(t.strangers.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_there_before_us_is_the_past),
		cmocka_unit_test(totals_never_fall),
		cmocka_unit_test(a_stranger_counts_from_when_it_is_known_and_may_become_ours),
		cmocka_unit_test(strangers_are_remembered_up_to_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
