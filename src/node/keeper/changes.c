/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/node_api.h"
#include "node/keeper/keeper.h"
#include "node/keeper/meter.h"

/*
 * Requests that change something: validated against memory and store, applied to both, staged.
 * Nothing here is durable yet; an error leaves everything as it was.
 */

static bool has_family(const struct keeper *k, uint8_t family)
{
	for (unsigned p = 0; p < k->n_pools; p++)
		if (k->pools[p].subnet.family == family)
			return true;
	return false;
}

static unsigned slot_of(uint8_t family)
{
	return family == IP_V6;
}

static void give_back(struct keeper *k, struct peer *peer)
{
	for (unsigned p = 0; p < k->n_pools; p++) {
		struct cidr *at = &peer->address[slot_of(k->pools[p].subnet.family)];

		if (at->family)
			pool_undo(&k->pools[p], at);
		*at = (struct cidr){ 0 };
	}
}

static bool wants_family(uint8_t family, const uint8_t *families, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (families[i] == family)
			return true;
	return n == 0;
}

/* One of each family asked for (none asked: all there are), or none at all. */
static int allocate(struct keeper *k, struct peer *peer, const uint8_t *families, unsigned n,
	struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < n; i++)
		if (!has_family(k, families[i]))
			return err_set(err, REASON_FAMILY_UNSUPPORTED, "addressFamilies",
				"requested address family is not supported by this node");
	for (unsigned p = 0; p < k->n_pools && r >= 0; p++) {
		uint8_t family = k->pools[p].subnet.family;

		if (wants_family(family, families, n))
			r = pool_give(&k->pools[p], peer, time_now().us,
				&peer->address[slot_of(family)], err);
	}
	if (r < 0)
		give_back(k, peer);
	return r;
}

static int claim(struct keeper *k, struct peer *peer, const struct cidr *wanted, unsigned n,
	struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < n && r >= 0; i++) {
		struct cidr *at = &peer->address[slot_of(wanted[i].family)];
		struct pool *pool = NULL;

		for (unsigned p = 0; p < k->n_pools; p++)
			if (k->pools[p].subnet.family == wanted[i].family)
				pool = &k->pools[p];
		if (!pool)
			r = err_set(err, REASON_FAMILY_UNSUPPORTED, "addresses",
				"requested address family is not supported by this node");
		else if (at->family)
			r = err_set(err, REASON_INVALID_FIELD, "addresses",
				"a peer has one address of a family");
		else
			r = pool_claim(pool, peer, &wanted[i], err);
		if (r >= 0)
			*at = wanted[i];
	}
	if (r < 0)
		give_back(k, peer);
	return r;
}

/* Whether `id` may have this key: nobody else has it, and nobody, itself included, had it before. */
static int check_key(struct keeper *k, const struct wgkey *key, const struct uuid *id, struct err *err)
{
	const struct peer *holder = peers_by_key(&k->peers, key);
	struct uuid whose;
	struct err ignored;
	int r = wgkey_check_public(key, "publicKey", err);

	if (r < 0)
		return r;
	if (wgkey_equal(key, &k->public_key))
		return err_set(err, REASON_INVALID_KEY, "publicKey",
			"this is the server's own public key");
	if (holder)
		return uuid_equal(&holder->id, id)
			       ? 0
			       : err_set(err, REASON_KEY_IN_USE, "publicKey",
					 "the key belongs to another peer");
	r = store_used_key(k->store, key, &whose, &ignored);
	if (r == -ERR_NOT_FOUND)
		return 0;
	if (r < 0)
		return err_set(err, ignored.reason, NULL, "%s", ignored.msg);
	return err_set(err, REASON_KEY_IN_USE, "publicKey",
		"the key belonged to a peer that has ended; make a new key pair");
}

static int check_device(const struct keeper *k, struct err *err)
{
	if (k->state == DEVICE_AWAY || k->unknown)
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"the WireGuard interface '%s' is not ready; see readyz", k->conf.interface);
	return 0;
}

static void put_change(struct op *op, const struct peer *peer)
{
	device_change_of(peer, &op->changes[op->n_changes++]);
}

static void remove_change(struct op *op, const struct wgkey *key)
{
	op->changes[op->n_changes++] = (struct wgdev_change){ .public_key = *key, .remove = true };
}

static void stage(struct keeper *k, struct op *op)
{
	if (op->id)
		op->origin = k->origin;
	STAILQ_INSERT_TAIL(&k->staged, op, link);
}

/* A new peer, allocated and not yet anywhere. */
static int make_peer(struct keeper *k, const struct uuid *id, const struct wgkey *key,
	struct peer **ret_peer, struct err *err)
{
	struct timestamp now = time_now();
	struct peer *peer = calloc(1, sizeof *peer), *last;

	if (!peer)
		return err_nomem(err);
	peer->id = *id;
	peer->public_key = *key;
	/* the order of creation holds even where the clock went back */
	last = k->peers.n ? k->peers.order[k->peers.n - 1] : NULL;
	peer->created_at.us = last && last->created_at.us >= now.us ? last->created_at.us + 1 : now.us;
	*ret_peer = peer;
	return 0;
}

/* Into memory and the batch; on failure it is nowhere. */
static int enter(struct keeper *k, struct peer *peer, struct err *err)
{
	int r = peers_add(&k->peers, peer, err);

	if (r >= 0) {
		r = batch_remember(k, peer, true, false, err);
		if (r < 0)
			peers_remove(&k->peers, peer);
	}
	if (r < 0) {
		give_back(k, peer);
		peer_free(peer);
		return r;
	}
	return store_put(k->store, peer, err);
}

/*
 * The compatible surface: make or rotate, with keys made here
 */

static int make_created(struct keeper *k, struct op *op, const struct peer *peer,
	const struct wgkey *private_key, struct err *err)
{
	op->created = calloc(1, sizeof *op->created);
	if (!op->created)
		return err_nomem(err);
	op->created->id = peer->id;
	op->created->server_key = k->public_key;
	op->created->listen_port = k->listen_port;
	op->created->public_key = peer->public_key;
	op->created->private_key = *private_key;
	op->created->preshared_key = peer->preshared_key;
	memcpy(op->created->address, peer->address, sizeof op->created->address);
	return 0;
}

static int create_new(struct keeper *k, const struct ipc_create *in, struct op *op,
	const struct wgkey *private_key, struct err *err)
{
	struct tombstone tombstone;
	struct wgkey public_key;
	struct peer *peer;
	struct err ignored;
	bool ended = store_tombstone(k->store, &in->id, &tombstone, &ignored) >= 0;
	int r;

	if (!wgkey_public(private_key, &public_key))
		return err_set(err, REASON_INTERNAL, NULL, "no key pair");
	r = make_peer(k, &in->id, &public_key, &peer, err);
	if (r < 0)
		return r;
	r = allocate(k, peer, in->families, in->n_families, err);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	peer->expires_at.us = in->expires_us;
	peer->keepalive = k->conf.keepalive;
	peer->generation = ended ? tombstone.generation + 1 : 0;
	wgkey_generate_preshared(&peer->preshared_key);
	r = make_created(k, op, peer, private_key, err);
	if (r < 0) {
		give_back(k, peer);
		peer_free(peer);
		return r;
	}
	op->made = true;
	op->key = public_key;
	put_change(op, peer);
	if (ended)
		r = store_exhume(k->store, &tombstone, err);
	return r < 0 ? r : enter(k, peer, err);
}

static int rotate(struct keeper *k, const struct ipc_create *in, struct peer *peer, struct op *op,
	const struct wgkey *private_key, struct err *err)
{
	struct wgkey public_key, old_key = peer->public_key;
	int r;

	if (peer->expires_at.us && peer->expires_at.us <= time_now().us)
		return err_set(err, REASON_PEER_EXPIRED, NULL, "the peer has expired");
	if (!wgkey_public(private_key, &public_key))
		return err_set(err, REASON_INTERNAL, NULL, "no key pair");
	r = batch_remember(k, peer, false, false, err);
	if (r < 0)
		return r;
	store_outdate(k->store, peer);
	r = store_retire_key(k->store, &peer->public_key, &peer->id, err);
	if (r >= 0)
		r = peers_rekey(&k->peers, peer, &public_key, err);
	if (r < 0)
		return r;
	wgkey_generate_preshared(&peer->preshared_key);
	if (in->expires_us) {
		peer->expires_at.us = in->expires_us;
		r = peers_rearm(&k->peers, peer, err);
	}
	if (r >= 0)
		r = make_created(k, op, peer, private_key, err);
	if (r >= 0)
		r = store_put(k->store, peer, err);
	op->key = public_key;
	remove_change(op, &old_key);
	if (!peer->suspended)
		put_change(op, peer);
	peer->on_device = false;
	return r;
}

static int create(struct keeper *k, const struct ipc_create *in, struct op *op, struct err *err)
{
	scoped(wgkey_wipe) struct wgkey private_key;
	struct peer *peer = peers_by_id(&k->peers, &in->id);
	int r = check_device(k, err);

	if (r < 0)
		return r;
	wgkey_generate(&private_key);
	r = peer ? rotate(k, in, peer, op, &private_key, err)
		 : create_new(k, in, op, &private_key, err);
	if (r >= 0)
		op->revision = store_revision(k->store);
	return r;
}

/*
 * The native surface: exactly this state
 */

static int set_label(struct peer *peer, const char *label, struct err *err)
{
	char *copy = label[0] ? strdup(label) : NULL;

	if (label[0] && !copy)
		return err_nomem(err);
	free(peer->label);
	peer->label = copy;
	return 0;
}

static bool same_label(const struct peer *peer, const char *label)
{
	return !strcmp(peer->label ? peer->label : "", label);
}

static bool is_same(const struct peer *peer, const struct ipc_put *in)
{
	return wgkey_equal(&peer->public_key, &in->public_key) &&
	       wgkey_equal(&peer->preshared_key, &in->preshared_key) &&
	       peer->expires_at.us == in->expires_us && peer->generation == in->generation &&
	       peer->keepalive == in->keepalive && peer->suspended == in->suspended &&
	       same_label(peer, in->label);
}

static int check_not_ended(struct keeper *k, const struct uuid *id, struct err *err)
{
	struct tombstone tombstone;
	int r = store_tombstone(k->store, id, &tombstone, err);

	if (r >= 0)
		return err_set(err, REASON_PEER_ENDED, NULL,
			"this peer has ended and does not come back; make one with another id");
	return r == -ERR_NOT_FOUND ? 0 : r;
}

static int put_new(struct keeper *k, const struct ipc_put *in, struct op *op, struct err *err)
{
	struct peer *peer;
	int r = make_peer(k, &in->id, &in->public_key, &peer, err);

	if (r < 0)
		return r;
	r = in->n_addresses ? claim(k, peer, in->address, in->n_addresses, err)
			    : allocate(k, peer, in->families, in->n_families, err);
	if (r >= 0) {
		r = set_label(peer, in->label, err);
		if (r < 0)
			give_back(k, peer);
	}
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	peer->preshared_key = in->preshared_key;
	peer->expires_at.us = in->expires_us;
	peer->generation = in->generation;
	peer->keepalive = in->keepalive;
	peer->suspended = in->suspended;
	op->made = true;
	if (!peer->suspended)
		put_change(op, peer);
	return enter(k, peer, err);
}

static int check_addresses(const struct peer *peer, const struct ipc_put *in, struct err *err)
{
	for (unsigned i = 0; i < in->n_addresses; i++)
		if (!cidr_equal(&peer->address[slot_of(in->address[i].family)], &in->address[i]))
			return err_set(err, REASON_INVALID_FIELD, "addresses",
				"a peer keeps its addresses; leave them out, or make another peer");
	return 0;
}

/* Memory and row, in this order, so that the old row's digest is still at hand. */
static int overwrite(struct keeper *k, const struct ipc_put *in, struct peer *peer, struct err *err)
{
	int r = 0;

	store_outdate(k->store, peer);
	if (!wgkey_equal(&peer->public_key, &in->public_key)) {
		r = store_retire_key(k->store, &peer->public_key, &peer->id, err);
		if (r >= 0)
			r = peers_rekey(&k->peers, peer, &in->public_key, err);
	}
	peer->preshared_key = in->preshared_key;
	peer->expires_at.us = in->expires_us;
	peer->generation = in->generation;
	peer->keepalive = in->keepalive;
	peer->suspended = in->suspended;
	if (r >= 0)
		r = set_label(peer, in->label, err);
	if (r >= 0)
		r = peers_rearm(&k->peers, peer, err);
	return r < 0 ? r : store_put(k->store, peer, err);
}

/* Whether the device has to hear of it: expiry, label and generation are ours alone. */
static bool must_tell(const struct peer *peer, const struct ipc_put *in)
{
	return !wgkey_equal(&peer->public_key, &in->public_key) ||
	       !wgkey_equal(&peer->preshared_key, &in->preshared_key) ||
	       peer->suspended != in->suspended || peer->keepalive != in->keepalive ||
	       (!peer->on_device && !peer->suspended);
}

static void wipe_put(struct ipc_put *put)
{
	explicit_bzero(put, sizeof *put);
}

static int put_existing(struct keeper *k, const struct ipc_put *given, struct peer *peer,
	struct op *op, struct err *err)
{
	scoped(wipe_put) struct ipc_put whole = *given;
	const struct ipc_put *in = &whole;
	struct wgkey old_key = peer->public_key;
	bool tell;
	int r = check_addresses(peer, in, err);

	if (whole.keeps_preshared_key)
		whole.preshared_key = peer->preshared_key;
	tell = must_tell(peer, in);
	if (r >= 0 && in->generation < peer->generation)
		r = err_set(err, REASON_GENERATION, "generation",
			"generation %lld is in place already", (long long)peer->generation);
	if (r >= 0)
		r = batch_remember(k, peer, false, false, err);
	if (r >= 0 && !is_same(peer, in))
		r = overwrite(k, in, peer, err);
	if (r < 0 || !tell)
		return r;
	if (in->suspended || !wgkey_equal(&old_key, &in->public_key))
		remove_change(op, &old_key);
	if (!in->suspended)
		put_change(op, peer);
	peer->on_device = false;
	return 0;
}

static int put(struct keeper *k, const struct ipc_put *in, struct op *op, struct err *err)
{
	struct peer *peer = peers_by_id(&k->peers, &in->id);
	int r = check_device(k, err);

	if (r >= 0 && !peer)
		r = check_not_ended(k, &in->id, err);
	if (r >= 0)
		r = check_key(k, &in->public_key, &in->id, err);
	if (r >= 0 && in->expires_us && in->expires_us <= time_now().us)
		r = err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future, or null");
	if (r < 0)
		return r;
	op->key = in->public_key;
	r = peer ? put_existing(k, in, peer, op, err) : put_new(k, in, op, err);
	if (r >= 0)
		op->revision = store_revision(k->store);
	return r;
}

/*
 * The end
 */

static int end_peer(struct keeper *k, struct peer *peer, int64_t generation, int reason,
	struct op *op, struct err *err)
{
	struct tombstone tombstone = { .id = peer->id, .public_key = peer->public_key,
		.address = { peer->address[0], peer->address[1] },
		.created_at = peer->created_at, .ended_at = time_now(), .end_reason = reason,
		.generation = generation };
	int r = batch_remember(k, peer, false, true, err);

	if (r < 0)
		return r;
	op->removes = true;
	op->key = peer->public_key;
	op->generation = generation;
	memcpy(op->address, peer->address, sizeof op->address);
	remove_change(op, &peer->public_key);
	peers_remove(&k->peers, peer);
	r = store_end(k->store, peer, &tombstone, err);
	op->revision = tombstone.revision;
	return r;
}

static int remove_peer(struct keeper *k, const struct ipc_id *in, struct op *op, struct err *err)
{
	struct peer *peer = peers_by_id(&k->peers, &in->id);

	if (!peer)
		return err_set(err, REASON_PEER_NOT_FOUND, NULL, "peer not found");
	return end_peer(k, peer, peer->generation, NODE_END_DELETED, op, err);
}

/* Ends what lives; what has ended or never was is ended all the same, so that a late create finds a
 * tombstone. */
static int end(struct keeper *k, const struct ipc_end *in, struct op *op, struct err *err)
{
	struct peer *peer = peers_by_id(&k->peers, &in->id);
	struct tombstone now = { .id = in->id, .ended_at = time_now(),
		.end_reason = NODE_END_DELETED, .generation = in->generation }, before;
	int r;

	if (peer && in->generation < peer->generation)
		return err_set(err, REASON_GENERATION, "generation",
			"generation %lld is in place already", (long long)peer->generation);
	if (peer)
		return end_peer(k, peer, in->generation, NODE_END_DELETED, op, err);
	r = store_tombstone(k->store, &in->id, &before, err);
	if (r < 0 && r != -ERR_NOT_FOUND)
		return r;
	op->removes = true;
	op->generation = in->generation;
	if (r == -ERR_NOT_FOUND)
		return store_bury(k->store, NULL, &now, err);
	op->key = before.public_key;
	op->generation = before.generation > in->generation ? before.generation : in->generation;
	if (!wgkey_is_zero(&before.public_key))
		remove_change(op, &before.public_key);
	if (in->generation <= before.generation)
		return 0;
	now = before;
	now.generation = in->generation;
	return store_bury(k->store, &before, &now, err);
}

/*
 * Ways in
 */

static int dispatch(struct keeper *k, const struct ipc_message *message, struct op *op,
	struct err *err)
{
	switch (message->head.type) {
	case IPC_CREATE: return create(k, message->body, op, err);
	case IPC_PUT: return put(k, message->body, op, err);
	case IPC_REMOVE: return remove_peer(k, message->body, op, err);
	case IPC_END: return end(k, message->body, op, err);
	default: return err_set(err, REASON_INTERNAL, NULL, "not a change");
	}
}

/* What is wrong with a request is found before anything is touched; these come later. */
static bool is_half_done(const struct err *err)
{
	return err_class(err->reason) == ERR_INTERNAL || err->reason == REASON_STORE ||
	       err->reason == REASON_STORE_FULL || err->reason == REASON_BUSY;
}

/* A change that fails half way takes its whole batch along: rare, and nothing was answered yet. */
void keeper_change(struct keeper *k, const struct ipc_message *message)
{
	/* every change's body begins with the peer's id */
	scoped(op_freep) struct op *op = op_new(message->head.id, message->head.type, message->body);
	struct err err = { 0 };
	int64_t revision;
	int r;

	if (!op) {
		(void)err_nomem(&err);
		answer_error(k, message->head.id, &err);
		return;
	}
	op->kind = meter_op_of(k, message);
	r = store_begin(k->store, &err);
	revision = store_revision(k->store);
	if (r >= 0)
		r = dispatch(k, message, op, &err);
	if (r >= 0) {
		op->changed = store_revision(k->store) != revision;
		op->revision = store_revision(k->store);
		stage(k, TAKE(op));
		return;
	}
	meter_op(k, op, &err);
	answer_error(k, message->head.id, &err);
	if (store_revision(k->store) != revision || is_half_done(&err))
		batch_abort(k, &err);
}

void keeper_expire(struct keeper *k, struct peer *peer)
{
	scoped(op_freep) struct op *op = op_new(0, IPC_END, &peer->id);
	struct err err = { 0 };
	int r;

	if (!op)
		return; /* the timer comes back to it */
	op->kind = PEER_EXPIRE;
	op->changed = true;
	r = store_begin(k->store, &err);
	if (r >= 0)
		r = end_peer(k, peer, peer->generation, NODE_END_EXPIRED, op, &err);
	if (r >= 0) {
		stage(k, TAKE(op));
		return;
	}
	meter_op(k, op, &err);
	batch_abort(k, &err);
}
