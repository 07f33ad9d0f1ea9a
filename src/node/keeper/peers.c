/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "node/keeper/peers.h"

void peers_init(struct peers *peers)
{
	*peers = (struct peers){ 0 };
	map_init(&peers->by_id, struct peer, id);
	map_init(&peers->by_key, struct peer, public_key);
}

struct peer *peers_by_id(const struct peers *peers, const struct uuid *id)
{
	return map_get(&peers->by_id, id);
}

struct peer *peers_by_key(const struct peers *peers, const struct wgkey *key)
{
	return map_get(&peers->by_key, key);
}

/*
 * The order
 */

static int compare(const struct peer *peer, struct timestamp created_at, const struct uuid *id)
{
	if (peer->created_at.us != created_at.us)
		return peer->created_at.us < created_at.us ? -1 : 1;
	return memcmp(&peer->id, id, sizeof *id);
}

static size_t place_of(
	const struct peers *peers, struct timestamp created_at, const struct uuid *id, bool behind)
{
	size_t low = 0, high = peers->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare(peers->order[mid], created_at, id);

		if (c < 0 || (behind && c == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t peers_after(const struct peers *peers, struct timestamp created_at, const struct uuid *id)
{
	return place_of(peers, created_at, id, true);
}

static bool make_room(struct peer ***array, size_t n, size_t *room)
{
	struct peer **more;

	if (n < *room)
		return true;
	more = reallocarray(*array, *room ? *room * 2 : 64, sizeof **array);
	if (!more)
		return false;
	*array = more;
	*room = *room ? *room * 2 : 64;
	return true;
}

/*
 * The heap of expiries: heap[0] is due first; heap_at is the index plus one
 */

static void heap_set(struct peers *peers, size_t at, struct peer *peer)
{
	peers->heap[at] = peer;
	peer->heap_at = at + 1;
}

static bool due_before(const struct peer *a, const struct peer *b)
{
	return a->expires_at.us < b->expires_at.us;
}

static void sift(struct peers *peers, size_t at, struct peer *peer)
{
	while (at > 0 && due_before(peer, peers->heap[(at - 1) / 2])) {
		heap_set(peers, at, peers->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < peers->n_heap &&
			due_before(peers->heap[child + 1], peers->heap[child]))
			child++;
		if (child >= peers->n_heap || !due_before(peers->heap[child], peer))
			break;
		heap_set(peers, at, peers->heap[child]);
		at = child;
	}
	heap_set(peers, at, peer);
}

static void heap_remove(struct peers *peers, struct peer *peer)
{
	size_t at = peer->heap_at - 1;
	struct peer *last = peers->heap[--peers->n_heap];

	peer->heap_at = 0;
	if (last != peer)
		sift(peers, at, last);
}

int peers_rearm(struct peers *peers, struct peer *peer, struct err *err)
{
	if (peer->heap_at)
		heap_remove(peers, peer);
	if (!peer->expires_at.us)
		return 0;
	if (!make_room(&peers->heap, peers->n_heap, &peers->heap_room))
		return err_nomem(err);
	sift(peers, peers->n_heap++, peer);
	return 0;
}

void peers_changed(struct peers *peers, struct peer *peer)
{
	if (peers_by_id(peers, &peer->id) == peer) /* it may have ended in the same commit */
		recent_note(&peers->recent, peer);
}

struct peer *peers_next_due(const struct peers *peers)
{
	return peers->n_heap ? peers->heap[0] : NULL;
}

/*
 * Coming and going
 */

int peers_add(struct peers *peers, struct peer *peer, struct err *err)
{
	size_t at;

	if (!make_room(&peers->order, peers->n, &peers->order_room) ||
		!map_put(&peers->by_id, peer))
		return err_nomem(err);
	if (!map_put(&peers->by_key, peer)) {
		map_del(&peers->by_id, &peer->id);
		return err_nomem(err);
	}
	if (peers_rearm(peers, peer, err) < 0) {
		map_del(&peers->by_id, &peer->id);
		map_del(&peers->by_key, &peer->public_key);
		return -ERR_INTERNAL;
	}
	at = place_of(peers, peer->created_at, &peer->id, false);
	memmove(peers->order + at + 1, peers->order + at,
		(peers->n - at) * sizeof(struct peer *));
	peers->order[at] = peer;
	peers->n++;
	return 0;
}

void peers_remove(struct peers *peers, struct peer *peer)
{
	size_t at = place_of(peers, peer->created_at, &peer->id, false);

	map_del(&peers->by_id, &peer->id);
	map_del(&peers->by_key, &peer->public_key);
	recent_drop(&peers->recent, peer);
	if (peer->heap_at)
		heap_remove(peers, peer);
	peers->n--;
	memmove(peers->order + at, peers->order + at + 1,
		(peers->n - at) * sizeof(struct peer *));
}

int peers_rekey(struct peers *peers, struct peer *peer, const struct wgkey *key, struct err *err)
{
	struct wgkey old = peer->public_key;

	map_del(&peers->by_key, &old);
	peer->public_key = *key;
	if (map_put(&peers->by_key, peer))
		return 0;
	peer->public_key = old;
	/* there was room for it a moment ago */
	if (!map_put(&peers->by_key, peer))
		abort();
	return err_nomem(err);
}

static uint64_t counted(uint64_t *last, uint64_t now)
{
	uint64_t more = now >= *last ? now - *last : now;

	*last = now;
	return more;
}

void peer_count(struct peer *peer, uint64_t rx_device, uint64_t tx_device)
{
	peer->rx_bytes += counted(&peer->rx_device, rx_device);
	peer->tx_bytes += counted(&peer->tx_device, tx_device);
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	wgkey_wipe(&peer->preshared_key);
	free(peer->label);
	free(peer);
}

void peers_done(struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		peer_free(peers->order[i]);
	free(peers->order);
	free(peers->heap);
	recent_done(&peers->recent);
	map_done(&peers->by_id);
	map_done(&peers->by_key);
}
