/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/node_api.h"
#include "node/keeper/scrape.h"

enum { RECORDS_PER_CHUNK = (IPC_MAX - sizeof(struct ipc_meta)) / sizeof(struct ipc_peer) };

/* Smallest pool a default peer needs: it gets an address of each family. */
uint64_t reads_possible(const struct keeper *k)
{
	uint64_t least = UINT64_MAX;

	for (unsigned p = 0; p < k->n_pools; p++)
		if (pool_size(&k->pools[p]) < least)
			least = pool_size(&k->pools[p]);
	return least;
}

uint64_t reads_suspended(struct keeper *k)
{
	if (k->counted_revision == store_revision(k->store))
		return k->suspended;
	k->suspended = k->quarantined = 0;
	for (size_t i = 0; i < k->peers.n; i++) {
		k->suspended += peer_is_off(k->peers.order[i]);
		k->quarantined += k->peers.order[i]->quarantine != 0;
	}
	k->counted_revision = store_revision(k->store);
	return k->suspended;
}

static void fill_node(struct keeper *k, struct ipc_node *node)
{
	memset(node, 0, sizeof *node);
	node->id = *store_id(k->store);
	node->public_key = k->public_key;
	snprintf(node->name, sizeof node->name, "%s", k->host);
	snprintf(node->interface, sizeof node->interface, "%s", k->conf.interface);
	snprintf(node->endpoint, sizeof node->endpoint, "%s", k->conf.endpoint ?: "");
	snprintf(node->remedy, sizeof node->remedy, "%s", k->forwarding.remedy);
	for (unsigned p = 0; p < k->n_pools; p++)
		node->pools[p] = (struct ipc_pool){ k->pools[p].subnet, k->pools[p].server,
			pool_size(&k->pools[p]), k->pools[p].n_used, k->pools[p].n_resting,
			k->pools[p].n_foreign };
	node->n_pools = (uint8_t)k->n_pools;
	node->peers = k->peers.n;
	node->suspended = reads_suspended(k);
	node->quarantined = k->quarantined; /* counted with them */
	node->possible = reads_possible(k);
	node->active = k->active;
	node->connected = k->connected;
	node->unmanaged = k->unmanaged;
	node->altered = k->altered;
	node->missing = k->missing;
	for (size_t i = 0; offers_next(k, &i);)
		node->offered++;
	node->tombstones = (uint64_t)store_ended(k->store);
	if (k->witness.held.note[0]) {
		node->checkpoint.checkpoint = k->witness.held.checkpoint;
		node->checkpoint.received_us = k->witness.held.received_at.us;
		node->checkpoint.forked = k->witness.log.fork[0] != '\0';
	}
	node->started_us = k->started_at.us;
	node->listen_port = k->listen_port;
	node->mode = (uint8_t)k->conf.mode;
	node->backend = k->backend == WGDEV_KERNEL ? NODE_KERNEL : NODE_USERSPACE;
	node->forwarding = (uint8_t)(k->forwarding.state == NFT_FORWARD_OK    ? NODE_FORWARD_OK
				     : k->forwarding.state == NFT_FORWARD_OFF ? NODE_FORWARD_OFF
									      : NODE_FORWARD_BLOCKED);
}

static void serve_node(struct keeper *k, uint64_t id)
{
	struct ipc_node node;

	device_check_forwarding(k);
	fill_node(k, &node);
	answer_records(k, id, &node, sizeof node, 1);
}

static void serve_peer(struct keeper *k, const struct waiter *waiter)
{
	const struct peer *peer = peers_by_id(&k->peers, &waiter->body.peer.id);
	struct ipc_peer record;
	struct err err;

	if (peer) {
		answer_peer(peer, &record);
		answer_records(k, waiter->id, &record, sizeof record, 1);
		return;
	}
	(void)err_set(&err, REASON_PEER_NOT_FOUND, NULL, "peer not found");
	answer_error(k, waiter->id, &err);
}

static void serve_key(struct keeper *k, const struct waiter *waiter, int r, const struct err *err)
{
	const struct peer *peer = peers_by_key(&k->peers, &waiter->key);
	struct ipc_key_answer body;
	struct err ignored;

	memset(&body, 0, sizeof body);
	if (r < 0) {
		answer_error(k, waiter->id, err);
		return;
	}
	body.on_device = waiter->seen;
	if (peer) {
		body.in_store = 1;
		body.peer_id = peer->id;
		body.state = peer_is_off(peer) ? NODE_PEER_SUSPENDED : NODE_PEER_LIVE;
	} else if (store_used_key(k->store, &waiter->key, &body.peer_id, &ignored) >= 0) {
		body.in_store = 1;
		body.state = NODE_PEER_ENDED;
	}
	answer_records(k, waiter->id, &body, sizeof body, 1);
}

static void start_list(struct keeper *k, const struct waiter *waiter)
{
	struct lister *lister = calloc(1, sizeof *lister);
	struct err err;

	if (!lister) {
		(void)err_nomem(&err);
		answer_error(k, waiter->id, &err);
		return;
	}
	lister->id = waiter->id;
	lister->type = waiter->type;
	lister->after = waiter->body.range.after;
	lister->skip = waiter->body.range.offset;
	lister->left = waiter->body.range.limit;
	lister->total = k->peers.n;
	STAILQ_INSERT_TAIL(&k->listers, lister, link);
}

void read_serve(struct keeper *k, struct waiter *waiter, int r, const struct err *err)
{
	/* without a fresh reading the last one counts; its age and the device's state are in the
	 * answer. Only a key's place cannot be told without one. */
	switch (waiter->type) {
	case IPC_STATS:
	case IPC_NODE: serve_node(k, waiter->id); break;
	case IPC_GET: serve_peer(k, waiter); break;
	case IPC_KEY: serve_key(k, waiter, r, err); break;
	case IPC_API_KEYS: keyring_list(k, waiter->id, waiter->caller); break;
	case IPC_WITNESS: witness_list(k, waiter->id); break;
	case IPC_READY: checks_serve(k, waiter->id); break;
	case IPC_METRICS: scrape_serve(k, waiter->id); break;
	default: start_list(k, waiter); break;
	}
}

/* What is answered from memory or store alone. */
static bool needs_no_reading(const struct keeper *k, const struct waiter *waiter)
{
	switch (waiter->type) {
	case IPC_CHANGES:
	case IPC_API_KEYS:
	case IPC_WITNESS: return true;
	default: return k->state == DEVICE_AWAY && !waiter->watches;
	}
}

static void read_now(struct keeper *k, struct waiter *waiter)
{
	if (needs_no_reading(k, waiter)) {
		read_serve(k, waiter, 0, NULL);
		waiter_free(waiter);
		return;
	}
	dump_wait(k, waiter);
}

void keeper_read_deferred(struct keeper *k)
{
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(&k->deferred))) {
		TAILQ_REMOVE(&k->deferred, waiter, link);
		read_now(k, waiter);
	}
}

void keeper_read(struct keeper *k, const struct ipc_message *message, const struct author *author)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	struct err err;

	if (!waiter) {
		(void)err_nomem(&err);
		answer_error(k, message->head.id, &err);
		return;
	}
	waiter->id = message->head.id;
	waiter->type = message->head.type;
	waiter->caller = author->key;
	waiter->since_us = time_monotonic_us();
	if (waiter->type == IPC_KEY) {
		waiter->key = ((const struct ipc_key *)message->body)->key;
		waiter->watches = true;
	} else {
		if (message->len)
			memcpy(&waiter->body, message->body, message->len);
		waiter->since_us -= KEEPER_READ_AGE_US;
	}
	/* nobody sees what is not durable yet */
	if (STAILQ_EMPTY(&k->staged))
		read_now(k, waiter);
	else
		TAILQ_INSERT_TAIL(&k->deferred, waiter, link);
}

/*
 * Lists, chunk by chunk
 */

struct chunk {
	struct ipc_peer records[RECORDS_PER_CHUNK];
	size_t n;
};

static void send_chunk(struct keeper *k, const struct lister *lister, const struct chunk *chunk,
	bool more)
{
	struct ipc_meta meta = answer_meta(k);

	meta.n_records = (uint32_t)chunk->n;
	meta.total = lister->total;
	answer(k, lister->id, more ? IPC_MORE : 0, &meta, sizeof meta, chunk->records,
		chunk->n * sizeof *chunk->records);
}

/* In the order of creation, from `skip` on and then behind the last one sent. */
static bool next_in_order(struct keeper *k, struct lister *lister, struct chunk *chunk)
{
	size_t at = lister->last_created.us
			    ? peers_after(&k->peers, lister->last_created, &lister->last_id)
			    : (size_t)lister->skip;

	for (; at < k->peers.n && chunk->n < RECORDS_PER_CHUNK && lister->left > 0; at++) {
		const struct peer *peer = k->peers.order[at];

		answer_peer(peer, &chunk->records[chunk->n++]);
		lister->last_created = peer->created_at;
		lister->last_id = peer->id;
		lister->left--;
	}
	return at < k->peers.n && lister->left > 0;
}

static bool next_moved(struct keeper *k, struct lister *lister, struct chunk *chunk)
{
	size_t at = lister->last_created.us
			    ? peers_after(&k->peers, lister->last_created, &lister->last_id)
			    : 0;

	for (; at < k->peers.n && chunk->n < RECORDS_PER_CHUNK; at++) {
		const struct peer *peer = k->peers.order[at];

		lister->last_created = peer->created_at;
		lister->last_id = peer->id;
		/* a cursor from before a restart is behind all of ours; or before them, where the clock
		 * went back: everything then */
		if (peer->moved_dump > (uint64_t)lister->after ||
			((uint64_t)lister->after > k->dumps && peer->moved_dump))
			answer_peer(peer, &chunk->records[chunk->n++]);
	}
	return at < k->peers.n;
}

static void add_ended(void *ctx, const struct tombstone *tombstone)
{
	struct chunk *chunk = ctx;
	struct ipc_peer *record = &chunk->records[chunk->n++];

	memset(record, 0, sizeof *record);
	record->id = tombstone->id;
	record->public_key = tombstone->public_key;
	memcpy(record->address, tombstone->address, sizeof record->address);
	record->created_us = tombstone->created_at.us;
	record->ended_us = tombstone->ended_at.us;
	record->generation = tombstone->generation;
	record->revision = tombstone->revision;
	record->author_key = tombstone->author.key;
	record->author_source = tombstone->author.source;
	record->end_reason = (uint8_t)tombstone->end_reason;
	record->state = NODE_PEER_ENDED;
}

/* The living come from memory, the ended from the store; both in the order of their revisions. */
static void merge(const struct recent *recent, int64_t after, const struct chunk *ended, size_t limit,
	struct chunk *chunk)
{
	size_t at = recent_after(recent, after), e = 0;

	while (chunk->n < limit) {
		const struct peer *peer;

		while (at < recent->n && !recent->slots[at].peer)
			at++;
		peer = at < recent->n ? recent->slots[at].peer : NULL;
		if (!peer && e == ended->n)
			break;
		if (e == ended->n || (peer && peer->revision < ended->records[e].revision)) {
			answer_peer(peer, &chunk->records[chunk->n++]);
			at++;
		} else {
			chunk->records[chunk->n++] = ended->records[e++];
		}
	}
}

static int next_changes(struct keeper *k, struct lister *lister, struct chunk *chunk, struct err *err)
{
	static struct chunk ended; /* one thread */
	size_t limit = lister->left < (int64_t)RECORDS_PER_CHUNK ? (size_t)lister->left
								 : RECORDS_PER_CHUNK;
	int r = recent_build(&k->peers.recent, k->peers.order, k->peers.n, err);

	ended.n = 0;
	if (r >= 0 && lister->after < store_last_ended(k->store))
		r = store_ended_after(k->store, lister->after, (int64_t)limit, add_ended, &ended, err);
	if (r < 0)
		return r;
	merge(&k->peers.recent, lister->after, &ended, limit, chunk);
	if (chunk->n)
		lister->after = chunk->records[chunk->n - 1].revision;
	lister->left -= (int64_t)chunk->n;
	return chunk->n == limit && lister->left > 0;
}

/* 1: and there is more; 0: the last one; negative: it could not be read. */
static int next_chunk(struct keeper *k, struct lister *lister, struct chunk *chunk, struct err *err)
{
	switch (lister->type) {
	case IPC_CHANGES: return next_changes(k, lister, chunk, err);
	case IPC_COUNTERS: return next_moved(k, lister, chunk);
	default: return next_in_order(k, lister, chunk);
	}
}

/* One chunk a list and turn: requests come in between. */
void keeper_pump(struct keeper *k)
{
	static struct chunk chunk; /* 60 kB; one thread */
	size_t n = 0;
	struct lister *lister;

	STAILQ_FOREACH(lister, &k->listers, link)
		n++;
	for (; n > 0 && k->ipc_writable; n--) {
		struct err err;
		int more;

		lister = STAILQ_FIRST(&k->listers);
		STAILQ_REMOVE_HEAD(&k->listers, link);
		chunk.n = 0;
		if (lister->type == IPC_METRICS)
			more = scrape_next(k, lister);
		else
			more = next_chunk(k, lister, &chunk, &err);
		if (more < 0)
			answer_error(k, lister->id, &err);
		else if (lister->type != IPC_METRICS)
			send_chunk(k, lister, &chunk, more > 0);
		if (more > 0)
			STAILQ_INSERT_TAIL(&k->listers, lister, link);
		else
			free(lister);
	}
}
