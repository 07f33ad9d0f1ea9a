/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * WireGuard has no reading of one peer, so every question to the device is a reading of all of it. One
 * runs at a time, and all who may be answered by it share it.
 */
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "node/keeper/keeper.h"

/* as published; as published; WireGuard's reject-after time */
enum { ACTIVE_S = 120, STALE_S = 300, CONNECTED_S = 180 };

static void serve(struct keeper *k, struct waiter *waiter, int r, const struct err *err)
{
	struct err still;

	if (waiter->page || waiter->kase) {
		drift_serve(k, waiter, r, err);
		return;
	}
	if (!waiter->op) {
		read_serve(k, waiter, r, err);
	} else if (r < 0) {
		batch_unconfirmed(k, waiter->op, err);
	} else if (waiter->seen) {
		(void)err_set(&still, REASON_DEVICE, NULL,
			"the key is still on the interface; the end is stored and will be tried again");
		k->unknown = true;
		batch_unconfirmed(k, waiter->op, &still);
	} else {
		batch_confirmed(k, waiter->op, k->read_at);
	}
	waiter_free(waiter);
}

void dump_wait(struct keeper *k, struct waiter *waiter)
{
	bool fresh = k->read_us && k->read_us >= waiter->since_us && !k->unknown;

	if (fresh && !waiter->watches && k->state == DEVICE_READY) {
		serve(k, waiter, 0, NULL);
		return;
	}
	TAILQ_INSERT_TAIL(&k->waiters, waiter, link);
}

/* The waiters that this reading answers; those with a key are found by it meanwhile. */
static void enlist(struct keeper *k)
{
	struct waiter *waiter, *first;

	TAILQ_FOREACH(waiter, &k->waiters, link) {
		waiter->in_dump = true;
		waiter->seen = false;
		waiter->same = NULL;
		drift_begin(k, waiter);
		if (!waiter->watches)
			continue;
		first = map_get(&k->watched, &waiter->key);
		if (first) {
			waiter->same = first->same;
			first->same = waiter;
		} else if (!map_put(&k->watched, waiter)) {
			waiter->in_dump = false; /* the next one */
		}
	}
}

static void begin(struct keeper *k)
{
	k->dumps++;
	k->dump_began_us = time_monotonic_us();
	k->dump_began_at = time_now();
	k->device_peers = k->own_peers = k->unmanaged = k->altered = 0;
	k->active = k->connected = k->stale = 0;
	k->n_strangers = 0;
	k->n_listing = 0;
	traffic_begin(&k->traffic);
}

void dump_again(struct keeper *k)
{
	struct waiter *waiter;

	begin(k);
	TAILQ_FOREACH(waiter, &k->waiters, link) {
		waiter->seen = false;
		if (waiter->in_dump)
			drift_begin(k, waiter);
	}
}

void dump_start(struct keeper *k)
{
	struct err err;

	if (wgdev_is_dumping(k->dev))
		return;
	if (TAILQ_EMPTY(&k->waiters) && k->state == DEVICE_READY && !k->unknown)
		return;
	if (wgdev_dump(k->dev, &err) < 0) {
		log_debug("no reading of the device", LOG_ERR(&err));
		return;
	}
	begin(k);
	enlist(k);
}

static bool within(const struct keeper *k, struct timestamp handshake, int64_t seconds)
{
	return handshake.us && k->dump_began_at.us - handshake.us <= seconds * USEC_PER_SEC;
}

static void update(struct keeper *k, struct peer *peer, const struct wgdev_peer *seen)
{
	traffic_peer(&k->traffic, peer, seen);
	if (peer->last_handshake.us != seen->last_handshake.us ||
		peer->rx_device != seen->rx_bytes || peer->tx_device != seen->tx_bytes)
		peer->moved_dump = k->dumps;
	peer->seen_dump = k->dumps;
	peer_count(peer, seen->rx_bytes, seen->tx_bytes);
	peer->last_handshake = seen->last_handshake;
	peer->endpoint = seen->endpoint;
	peer->endpoint_port = seen->endpoint_port;
	peer->altered = (uint8_t)drift_differs(peer, seen);
	k->own_peers++;
	k->connected += within(k, seen->last_handshake, CONNECTED_S);
}

static void note_seen(struct waiter *waiter, const struct wgdev_peer *seen)
{
	waiter->seen = true;
	if (waiter->kase)
		drift_note(waiter, seen);
}

/* What is on its way to the device, or from it, is no difference. */
static void note_difference(struct keeper *k, const struct wgdev_peer *seen, const struct peer *peer)
{
	if (peer && (!drift_is_settled(k, peer) || !(peer->altered || peer_is_off(peer))))
		return;
	k->altered += peer != NULL;
	if (k->n_listing)
		drift_seen(k, seen, peer);
}

void dump_peer(struct keeper *k, const struct wgdev_peer *seen)
{
	struct peer *peer = peers_by_key(&k->peers, &seen->public_key);
	struct waiter *waiter = map_get(&k->watched, &seen->public_key);

	for (; waiter; waiter = waiter->same)
		note_seen(waiter, seen);
	k->device_peers++;
	k->active += within(k, seen->last_handshake, ACTIVE_S);
	k->stale += !within(k, seen->last_handshake, STALE_S);
	if (!peer)
		import_peer_seen(k->names, &seen->public_key, k->dumps);
	if (peer && !peer_is_off(peer)) {
		update(k, peer, seen);
	} else {
		traffic_stranger(&k->traffic, seen);
		device_stranger(k, seen);
	}
	if (!peer)
		device_foreign(k, seen);
	note_difference(k, seen, peer);
}

/* Live peers that the device should have had when the reading began. */
static uint64_t count_missing(const struct keeper *k)
{
	uint64_t n = 0;

	for (size_t i = 0; i < k->peers.n; i++)
		n += drift_is_missing(k, k->peers.order[i]);
	return n;
}

static void serve_all(struct keeper *k, int r, const struct err *err, bool everybody)
{
	struct waiter *waiter = TAILQ_FIRST(&k->waiters), *next;
	struct waiter_list served = TAILQ_HEAD_INITIALIZER(served);

	map_done(&k->watched);
	k->n_listing = 0;
	for (; waiter; waiter = next) {
		next = TAILQ_NEXT(waiter, link);
		if (!waiter->in_dump && !everybody)
			continue;
		TAILQ_REMOVE(&k->waiters, waiter, link);
		TAILQ_INSERT_TAIL(&served, waiter, link);
	}
	/* serving may put new waiters on the list */
	while ((waiter = TAILQ_FIRST(&served))) {
		TAILQ_REMOVE(&served, waiter, link);
		serve(k, waiter, r, err);
	}
}

void dump_done(struct keeper *k, const struct wgdev_interface *interface, int r,
	const struct err *err)
{
	histogram_add(&k->metrics.read_time, time_monotonic_us() - k->dump_began_us);
	if (r < 0) {
		k->metrics.reads_failed++;
		log_warn("the device could not be read", LOG_ERR(err));
		serve_all(k, r, err, false);
		device_lost(k, err);
		return;
	}
	k->read_dump = k->dumps;
	k->read_us = k->dump_began_us;
	k->read_at = k->dump_began_at;
	traffic_end(&k->traffic);
	k->missing = k->own_peers < k->peers.n ? count_missing(k) : 0;
	for (unsigned p = 0; p < k->n_pools; p++)
		pool_foreign_sweep(&k->pools[p], k->dumps, time_now().us);
	device_reconcile(k, interface);
	serve_all(k, 0, NULL, false);
}

void dump_fail_all(struct keeper *k, const struct err *err)
{
	serve_all(k, -(int)err_class(err->reason), err, true);
}
