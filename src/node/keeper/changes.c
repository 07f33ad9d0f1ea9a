/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/node_api.h"
#include "node/keeper/allot.h"
#include "node/keeper/keeper.h"
#include "node/keeper/meter.h"

/*
 * Requests that change something: validated against memory and store, applied to both, staged.
 * Nothing here is durable yet; an error leaves everything as it was.
 */

/* Whether `id` may have this key: nobody else has it, and nobody, itself included, had it before. */
int change_check_key(struct keeper *k, const struct wgkey *key, const struct uuid *id, struct err *err)
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

int change_check_device(const struct keeper *k, struct err *err)
{
	if (k->state == DEVICE_AWAY || k->unknown)
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"the WireGuard interface '%s' is not ready; see readyz", k->conf.interface);
	return 0;
}

void change_put(struct op *op, const struct peer *peer)
{
	device_change_of(peer, &op->changes[op->n_changes++]);
}

void change_remove(struct op *op, const struct wgkey *key)
{
	op->changes[op->n_changes++] = (struct wgdev_change){ .public_key = *key, .remove = true };
}

int change_check_generation(const struct peer *peer, int64_t generation, struct err *err)
{
	if (generation < peer->generation)
		return err_set(err, REASON_GENERATION, "generation",
			"generation %lld is in place already", (long long)peer->generation);
	return 0;
}

int change_check_expiry(int64_t expires_us, struct err *err)
{
	if (expires_us && expires_us <= time_now().us)
		return err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future, or null");
	return 0;
}

int change_reply(struct op *op, const void *reply, size_t len, struct err *err)
{
	op->reply = malloc(len);
	if (!op->reply)
		return err_nomem(err);
	memcpy(op->reply, reply, len);
	op->reply_len = len;
	return 0;
}

int change_reply_peer(struct op *op, const struct peer *peer, struct err *err)
{
	struct ipc_peer record;

	answer_peer(peer, &record);
	return change_reply(op, &record, sizeof record, err);
}

int change_make_peer(struct keeper *k, const struct uuid *id, const struct wgkey *key,
	struct peer **ret_peer, struct err *err)
{
	struct timestamp now = time_now();
	struct peer *peer = calloc(1, sizeof *peer), *last;

	if (!peer)
		return err_nomem(err);
	offers_yield(k, key);
	peer->id = *id;
	peer->public_key = *key;
	/* the order of creation holds even where the clock went back */
	last = k->peers.n ? k->peers.order[k->peers.n - 1] : NULL;
	peer->created_at.us = last && last->created_at.us >= now.us ? last->created_at.us + 1 : now.us;
	*ret_peer = peer;
	return 0;
}

int change_enter(struct keeper *k, struct peer *peer, const struct author *author, struct err *err)
{
	int r = peers_add(&k->peers, peer, err);

	peer->author = *author;
	if (r >= 0) {
		r = batch_remember(k, peer, true, false, err);
		if (r < 0)
			peers_remove(&k->peers, peer);
	}
	if (r < 0) {
		allot_undo(k, peer);
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
	struct ipc_created created;
	int r;

	memset(&created, 0, sizeof created);
	created.id = peer->id;
	created.server_key = k->public_key;
	created.listen_port = k->listen_port;
	created.public_key = peer->public_key;
	created.private_key = *private_key;
	created.preshared_key = peer->preshared_key;
	memcpy(created.address, peer->address, sizeof created.address);
	r = change_reply(op, &created, sizeof created, err);
	explicit_bzero(&created, sizeof created);
	return r;
}

static int create_new(struct keeper *k, const struct ipc_create *in, struct op *op,
	const struct wgkey *private_key, struct err *err)
{
	struct tombstone tombstone;
	struct wgkey public_key;
	struct peer *peer = NULL;
	struct err ignored;
	bool ended = store_tombstone(k->store, &in->id, &tombstone, &ignored) >= 0;
	int r;

	if (!wgkey_public(private_key, &public_key))
		return err_set(err, REASON_INTERNAL, NULL, "no key pair");
	r = change_make_peer(k, &in->id, &public_key, &peer, err);
	if (r < 0)
		return r;
	r = allot_some(k, peer, in->families, in->n_families, "addressFamilies", err);
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
		allot_undo(k, peer);
		peer_free(peer);
		return r;
	}
	op->made = true;
	op->key = public_key;
	change_put(op, peer);
	if (ended)
		r = store_exhume(k->store, &tombstone, err);
	return r < 0 ? r : change_enter(k, peer, &op->author, err);
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
	peer->author = op->author;
	peer->rx_device = peer->tx_device = 0;
	if (in->expires_us) {
		peer->expires_at.us = in->expires_us;
		r = peers_rearm(&k->peers, peer, err);
	}
	if (r >= 0)
		r = make_created(k, op, peer, private_key, err);
	if (r >= 0)
		r = store_put(k->store, peer, err);
	op->key = public_key;
	change_remove(op, &old_key);
	if (!peer->suspended)
		change_put(op, peer);
	peer->on_device = false;
	peer->placed_us = INT64_MAX;
	return r;
}

static int create(struct keeper *k, const struct ipc_create *in, struct op *op, struct err *err)
{
	scoped(wgkey_wipe) struct wgkey private_key;
	struct peer *peer = peers_by_id(&k->peers, &in->id);
	int r = change_check_device(k, err);

	if (r >= 0 && peer && peer->quarantine)
		r = quarantine_refuse(peer, err);
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

int change_set_label(struct peer *peer, const char *label, struct err *err)
{
	char *copy = label[0] ? strdup(label) : NULL;

	if (label[0] && !copy)
		return err_nomem(err);
	free(peer->label);
	peer->label = copy;
	return 0;
}

static bool is_same(const struct peer *peer, const struct ipc_put *in)
{
	return wgkey_equal(&peer->public_key, &in->public_key) &&
	       wgkey_equal(&peer->preshared_key, &in->preshared_key) &&
	       peer->expires_at.us == in->expires_us && peer->generation == in->generation &&
	       peer->keepalive == in->keepalive && peer->suspended == in->suspended &&
	       !strcmp(peer->label ?: "", in->label);
}

int change_check_id(struct keeper *k, const struct uuid *id, struct err *err)
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
	struct peer *peer = NULL;
	int r = change_make_peer(k, &in->id, &in->public_key, &peer, err);

	if (r < 0)
		return r;
	r = in->n_addresses ? allot_these(k, peer, in->address, in->n_addresses, err)
			    : allot_some(k, peer, in->families, in->n_families, "families", err);
	if (r >= 0) {
		r = change_set_label(peer, in->label, err);
		if (r < 0)
			allot_undo(k, peer);
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
		change_put(op, peer);
	peer->placed_us = INT64_MAX;
	r = change_enter(k, peer, &op->author, err);
	return r < 0 ? r : change_reply_peer(op, peer, err);
}

static int check_addresses(const struct peer *peer, const struct ipc_put *in, struct err *err)
{
	for (unsigned i = 0; i < in->n_addresses; i++)
		if (!cidr_equal(&peer->address[allot_slot(in->address[i].family)], &in->address[i]))
			return err_set(err, REASON_INVALID_FIELD, "addresses",
				"a peer keeps its addresses; leave them out, or make another peer");
	return 0;
}

/* Memory and row, in this order, so that the old row's digest is still at hand. */
static int overwrite(struct keeper *k, const struct ipc_put *in, struct peer *peer,
	const struct author *author, struct err *err)
{
	int r = 0;

	store_outdate(k->store, peer);
	if (!wgkey_equal(&peer->public_key, &in->public_key)) {
		r = store_retire_key(k->store, &peer->public_key, &peer->id, err);
		if (r >= 0)
			r = peers_rekey(&k->peers, peer, &in->public_key, err);
		peer->rx_device = peer->tx_device = 0;
	}
	peer->author = *author;
	peer->preshared_key = in->preshared_key;
	peer->expires_at.us = in->expires_us;
	peer->generation = in->generation;
	peer->keepalive = in->keepalive;
	peer->suspended = in->suspended;
	if (r >= 0)
		r = change_set_label(peer, in->label, err);
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
	if (r >= 0)
		r = change_check_generation(peer, in->generation, err);
	if (r >= 0)
		r = batch_remember(k, peer, false, false, err);
	if (r >= 0 && !is_same(peer, in))
		r = overwrite(k, in, peer, &op->author, err);
	if (r >= 0)
		r = change_reply_peer(op, peer, err);
	if (r < 0 || !tell)
		return r;
	if (in->suspended || !wgkey_equal(&old_key, &in->public_key))
		change_remove(op, &old_key);
	if (!in->suspended)
		change_put(op, peer);
	peer->on_device = false;
	peer->placed_us = INT64_MAX; /* until the device has answered */
	return 0;
}

static int put(struct keeper *k, const struct ipc_put *in, struct op *op, struct err *err)
{
	struct peer *peer = peers_by_id(&k->peers, &in->id);
	int r = change_check_device(k, err);

	if (r >= 0 && !peer)
		r = change_check_id(k, &in->id, err);
	if (r >= 0)
		r = change_check_key(k, &in->public_key, &in->id, err);
	if (r >= 0 && peer && peer->quarantine && !in->suspended)
		r = quarantine_refuse(peer, err);
	if (r >= 0)
		r = change_check_expiry(in->expires_us, err);
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
		.generation = generation, .author = op->author };
	int r = batch_remember(k, peer, false, true, err);

	if (r < 0)
		return r;
	op->removes = true;
	op->key = peer->public_key;
	op->generation = generation;
	memcpy(op->address, peer->address, sizeof op->address);
	change_remove(op, &peer->public_key);
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
		.end_reason = NODE_END_DELETED, .generation = in->generation,
		.author = op->author }, before;
	int r = peer ? change_check_generation(peer, in->generation, err) : 0;

	if (r < 0)
		return r;
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
		change_remove(op, &before.public_key);
	if (in->generation <= before.generation)
		return 0;
	now = before;
	now.generation = in->generation;
	now.author = op->author;
	return store_bury(k->store, &before, &now, err);
}

/*
 * Ways in
 */

static int dispatch(struct keeper *k, struct op *op, const void *body, struct err *err)
{
	switch (op->type) {
	case IPC_CREATE: return create(k, body, op, err);
	case IPC_PUT: return put(k, body, op, err);
	case IPC_REMOVE: return remove_peer(k, body, op, err);
	case IPC_END: return end(k, body, op, err);
	case IPC_API_KEY_ADD: return keyring_add(k, body, op, err);
	case IPC_API_KEY_END: return keyring_end(k, body, op, err);
	case IPC_CHECKPOINT: return witness_put(k, body, op, err);
	case IPC_DRIFT_ACT: return drift_settle(k, body, op, err);
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
int change_stage(struct keeper *k, struct op *mine, const void *body, struct err *err)
{
	scoped(op_freep) struct op *op = mine;
	int64_t revision;
	int r = store_begin(k->store, err);

	op->kind = meter_op_of(k, op->type, body);
	revision = store_revision(k->store);
	if (r >= 0)
		r = dispatch(k, op, body, err);
	if (r >= 0) {
		op->changed = store_revision(k->store) != revision;
		op->revision = store_revision(k->store);
		batch_stage(k, TAKE(op));
		return 0;
	}
	op_fail(k, op, err);
	if (store_revision(k->store) == revision && !is_half_done(err))
		return 0;
	batch_abort(k, err);
	return r;
}

void keeper_change(struct keeper *k, const struct ipc_message *message, const struct author *author)
{
	/* every change's body begins with the peer's id */
	struct op *op = op_new(message->head.id, message->head.type, message->body, author);
	struct err err = { 0 };

	if (op) {
		op->origin = message->head.origin;
		change_stage(k, op, message->body, &err);
		return;
	}
	(void)err_nomem(&err);
	answer_error(k, message->head.id, &err);
}

void keeper_expire(struct keeper *k, struct peer *peer)
{
	scoped(op_freep) struct op *op = op_new(0, IPC_END, &peer->id, NULL);
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
		batch_stage(k, TAKE(op));
		return;
	}
	meter_op(k, op, &err);
	batch_abort(k, &err);
}
