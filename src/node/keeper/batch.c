/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "log/log.h"
#include "model/node_api.h"
#include "node/keeper/allot.h"
#include "node/keeper/keeper.h"
#include "node/keeper/meter.h"
#include "wg/link.h"

struct op *op_new(uint64_t id, unsigned type, const struct uuid *peer, const struct author *author)
{
	struct op *op = calloc(1, sizeof *op);

	if (!op)
		return NULL;
	op->id = id;
	op->type = type;
	op->peer = *peer;
	if (author)
		op->author = *author;
	op->kind = N_PEER_OPS;
	op->since_us = time_monotonic_us();
	return op;
}

void op_free(struct op *op)
{
	if (!op)
		return;
	if (op->reply)
		explicit_bzero(op->reply, op->reply_len);
	free(op->reply);
	explicit_bzero(op, sizeof *op);
	free(op);
}

/*
 * Memory, and the way back
 */

int batch_remember(struct keeper *k, struct peer *peer, bool is_new, bool removed, struct err *err)
{
	scoped(freep) struct undo *undo = calloc(1, sizeof *undo);
	scoped(peer_freep) struct peer *before = NULL;

	if (!undo)
		return err_nomem(err);
	if (!is_new && !removed) {
		before = malloc(sizeof *before);
		if (!before)
			return err_nomem(err);
		*before = *peer;
		before->label = peer->label ? strdup(peer->label) : NULL;
		if (peer->label && !before->label)
			return err_nomem(err);
	}
	undo->peer = peer;
	undo->before = TAKE(before);
	undo->removed = removed;
	STAILQ_INSERT_HEAD(&k->undo, undo, link); /* undone in reverse */
	undo = NULL;
	return 0;
}

void batch_unremember(struct keeper *k)
{
	struct undo *undo = STAILQ_FIRST(&k->undo);

	STAILQ_REMOVE_HEAD(&k->undo, link);
	peer_free(undo->before);
	free(undo);
}

/* What was removed is really gone now; its addresses rest, as those that were changed for others. */
static void forget_undo(struct keeper *k)
{
	struct undo *undo;

	STAILQ_FOREACH(undo, &k->undo, link) {
		peers_changed(&k->peers, undo->peer);
		if (undo->before) /* while a peer that ended later in the batch is still there */
			allot_moved(k, undo->peer, undo->before);
	}
	while ((undo = STAILQ_FIRST(&k->undo))) {
		STAILQ_REMOVE_HEAD(&k->undo, link);
		if (undo->removed) {
			allot_end(k, undo->peer);
			peer_free(undo->peer);
		}
		peer_free(undo->before);
		free(undo);
	}
	k->committed_keys = k->keys;
	k->committed_witness = k->witness;
}

static void restore(struct keeper *k, struct undo *undo)
{
	struct peer *peer = undo->peer, *before = undo->before;
	struct err err;
	int r;

	if (undo->removed) {
		r = peers_add(&k->peers, peer, &err);
	} else if (!before) {
		peers_remove(&k->peers, peer);
		allot_undo(k, peer);
		peer_free(peer);
		return;
	} else {
		r = peers_rekey(&k->peers, peer, &before->public_key, &err);
		allot_move_back(k, peer, before);
		peer->preshared_key = before->preshared_key;
		peer->expires_at = before->expires_at;
		peer->generation = before->generation;
		peer->revision = before->revision;
		peer->keepalive = before->keepalive;
		peer->suspended = before->suspended;
		peer->author = before->author;
		peer->rx_device = before->rx_device;
		peer->tx_device = before->tx_device;
		peer->on_device = before->on_device;
		peer->placed_us = before->placed_us;
		free(peer->label);
		peer->label = TAKE(before->label);
		if (r >= 0)
			r = peers_rearm(&k->peers, peer, &err);
	}
	if (r < 0) { /* no memory even to go back: the store is right, this process is not */
		log_error("a change could not be taken back", LOG_ERR(&err));
		k->stopping = true;
		k->exit_status = KEEPER_EXIT_STORE;
	}
}

static void undo_all(struct keeper *k)
{
	struct undo *undo;

	k->counted_revision = -1;
	recent_forget(&k->peers.recent);
	while ((undo = STAILQ_FIRST(&k->undo))) {
		STAILQ_REMOVE_HEAD(&k->undo, link);
		restore(k, undo);
		peer_free(undo->before);
		free(undo);
	}
	k->keys = k->committed_keys;
	k->witness = k->committed_witness;
}

/*
 * Answers
 */

/* What is no change of a peer has a line of its own. */
static void audit(const struct keeper *k, const struct op *op, const struct err *err)
{
	char key[WGKEY_TEXT_SIZE], source[CIDR_TEXT_SIZE] = "";
	const struct ipc_api_key *record = op->reply;

	if (op->author.source.family)
		cidr_format_address(source, &op->author.source);
	if (op->kind != N_PEER_OPS) {
		/* what is restored is none of the store's changes, and told all the same */
		if (op->changed || (op->type == IPC_DRIFT_ACT && op->n_changes))
			meter_audit(k, op, err);
	} else if (op->type == IPC_DRIFT_ACT) {
		log_info("drift.peer_removed", LOG_STR("publicKey", wgkey_format(key, &op->key)),
			LOG_INT("api_key", op->author.key), LOG_STR("client_ip", source),
			LOG_STR("request_id", op->origin.request_id));
	} else if (op->changed && (op->type == IPC_API_KEY_ADD || op->type == IPC_API_KEY_END)) {
		log_info(op->type == IPC_API_KEY_ADD ? "api_key.added" : "api_key.retired",
			LOG_INT("key", record->number), LOG_INT("api_key", op->author.key),
			LOG_STR("client_ip", source), LOG_STR("request_id", op->origin.request_id));
	}
}

/* A part of a batch: the answer in its place there. */
static void answer_part(struct keeper *k, struct op *op, const void *record, size_t len,
	const struct err *err)
{
	struct ipc_result result;

	memset(&result, 0, sizeof result);
	result.type = err ? 0 : op->type;
	if (err)
		answer_fill_error(&result.body.error, err);
	else
		memcpy(&result.body, record, len);
	bulk_done(k, TAKE(op->bulk), op->index, &result);
}

void op_answer(struct keeper *k, struct op *op, const void *record, size_t len)
{
	meter_op(k, op, NULL);
	audit(k, op, NULL);
	if (op->bulk)
		answer_part(k, op, record, len, NULL);
	else
		answer_records(k, op->id, record, len, 1);
}

void op_fail(struct keeper *k, struct op *op, const struct err *err)
{
	meter_op(k, op, err);
	if (op->durable && op->changed)
		audit(k, op, err);
	if (op->bulk)
		answer_part(k, op, NULL, 0, err);
	else
		answer_error(k, op->id, err);
}

/* With what it was staged with: later changes of the same peer have answers of their own. */
static void answer_op(struct keeper *k, struct op *op, int64_t confirmed_us)
{
	struct ipc_ended ended = { op->generation, confirmed_us };
	struct ipc_drift_done *done = op->reply;

	if (op->type == IPC_DRIFT_ACT)
		done->confirmed_us = confirmed_us;
	if (op->reply)
		op_answer(k, op, op->reply, op->reply_len);
	else
		op_answer(k, op, &ended, sizeof ended);
}

/* A new peer that its device refused never was: row and address go again. */
static void take_back(struct keeper *k, struct op *op)
{
	struct peer *peer = peers_by_id(&k->peers, &op->peer);
	struct err err;
	int r;

	if (!peer || !wgkey_equal(&peer->public_key, &op->key))
		return;
	r = store_begin(k->store, &err);
	if (r >= 0)
		r = store_undo(k->store, peer, &err);
	if (r >= 0)
		r = store_commit(k->store, &err);
	if (r < 0) {
		store_rollback(k->store);
		k->metrics.rollbacks_failed++;
		log_error("a refused peer could not be taken back", LOG_ERR(&err));
		k->unknown = true;
		return;
	}
	op->durable = false;
	k->metrics.rollbacks[PEER_CREATE]++;
	peers_remove(&k->peers, peer);
	allot_undo(k, peer);
	peer_free(peer);
}

static void fail_op(struct keeper *k, struct op *op, const struct err *err)
{
	op_fail(k, op, err);
	op_free(op);
}

/* The key must be absent from a reading that begins from now on. */
static void confirm_removal(struct keeper *k, struct op *op)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	struct err err;

	if (!waiter) {
		(void)err_nomem(&err);
		fail_op(k, op, &err);
		return;
	}
	waiter->since_us = time_monotonic_us();
	waiter->id = op->id;
	waiter->type = op->type;
	waiter->op = op;
	waiter->key = op->key;
	waiter->watches = true;
	dump_wait(k, waiter);
}

static void finish_op(struct keeper *k, struct op *op)
{
	struct peer *peer;

	if (op->r < 0) {
		if (op->made && op->err.reason == REASON_DEVICE)
			take_back(k, op);
		else if (op->err.reason != REASON_DEVICE_AWAY)
			k->unknown = true; /* the device is brought in line after a reading */
		fail_op(k, op, &op->err);
		return;
	}
	if (op->removes) {
		confirm_removal(k, op);
		return;
	}
	peer = peers_by_id(&k->peers, &op->peer);
	if (peer && wgkey_equal(&peer->public_key, &op->key)) {
		peer->on_device = !peer_is_off(peer);
		peer->placed_us = time_monotonic_us();
	}
	answer_op(k, op, 0);
	op_free(op);
}

void batch_confirmed(struct keeper *k, struct op *op, struct timestamp at)
{
	answer_op(k, op, at.us);
	op_free(op);
}

void batch_unconfirmed(struct keeper *k, struct op *op, const struct err *err)
{
	fail_op(k, op, err);
}

/*
 * Commit, and on to the device
 */

/* With no interface there is no key on it either. */
static void finish_without_device(struct keeper *k, struct op *op)
{
	struct link_info link;
	struct err err;

	if (op->removes && link_get(k->conf.interface, &link, &err) == -ERR_UNAVAILABLE) {
		answer_op(k, op, time_now().us);
		op_free(op);
		return;
	}
	(void)err_set(&err, REASON_DEVICE_AWAY, NULL,
		"the change is stored, but the interface does not answer; it is applied when it "
		"is back");
	fail_op(k, op, &err);
}

static size_t count_changes(const struct op_list *ops)
{
	const struct op *op;
	size_t n = 0;

	STAILQ_FOREACH(op, ops, link)
		n += op->n_changes;
	return n;
}

static int send_to_device(struct keeper *k, struct batch *batch, struct err *err)
{
	size_t n = count_changes(&batch->ops), i = 0;
	scoped(freep) struct wgdev_change *changes = calloc(n + 1, sizeof *changes);
	struct op *op;
	int r;

	if (!changes)
		return err_nomem(err);
	STAILQ_FOREACH(op, &batch->ops, link) {
		memcpy(changes + i, op->changes, op->n_changes * sizeof *changes);
		i += op->n_changes;
	}
	r = wgdev_apply(k->dev, changes, n, batch->ticket, err);
	explicit_bzero(changes, n * sizeof *changes);
	return r;
}

static void finish_batch(struct keeper *k, struct batch *batch)
{
	struct op *op;

	while ((op = STAILQ_FIRST(&batch->ops))) {
		STAILQ_REMOVE_HEAD(&batch->ops, link);
		finish_op(k, op);
	}
	free(batch);
}

static void to_device(struct keeper *k, struct op_list *ops)
{
	struct batch *batch;
	struct err err;
	struct op *op;
	int r;

	if (k->state == DEVICE_AWAY) {
		while ((op = STAILQ_FIRST(ops))) {
			STAILQ_REMOVE_HEAD(ops, link);
			finish_without_device(k, op);
		}
		return;
	}
	batch = calloc(1, sizeof *batch);
	if (batch) {
		batch->ticket = ++k->tickets;
		STAILQ_INIT(&batch->ops);
		STAILQ_CONCAT(&batch->ops, ops);
		if (count_changes(&batch->ops) == 0) {
			finish_batch(k, batch);
			return;
		}
		r = send_to_device(k, batch, &err);
		TAILQ_INSERT_TAIL(&k->batches, batch, link);
		if (r < 0)
			batch_applied(k, batch->ticket, r, &err);
		return;
	}
	(void)err_nomem(&err);
	k->unknown = true;
	while ((op = STAILQ_FIRST(ops))) {
		STAILQ_REMOVE_HEAD(ops, link);
		fail_op(k, op, &err);
	}
}

/* Nothing was kept. Removals leave the device all the same: less access is the safe side. */
static void commit_failed(struct keeper *k, const struct err *err)
{
	struct wgdev_change change;
	struct err ignored;
	struct op *op;

	undo_all(k);
	k->metrics.commits_failed++;
	k->commit_failed = true;
	log_error("a batch of changes could not be stored", LOG_ERR(err));
	while ((op = STAILQ_FIRST(&k->staged))) {
		STAILQ_REMOVE_HEAD(&k->staged, link);
		change = (struct wgdev_change){ .public_key = op->key, .remove = true };
		if (op->removes && k->dev && wgdev_apply(k->dev, &change, 1, TICKET_NOBODY, &ignored) < 0)
			k->unknown = true;
		fail_op(k, op, err);
	}
	if (db_is_broken(err)) {
		/* never a second try: what is on disk is not known. A new process reads it. */
		k->stopping = true;
		k->exit_status = KEEPER_EXIT_STORE;
	}
}

void batch_abort(struct keeper *k, const struct err *err)
{
	store_rollback(k->store);
	commit_failed(k, err);
}

void batch_stage(struct keeper *k, struct op *op)
{
	STAILQ_INSERT_TAIL(&k->staged, op, link);
}

static void finish_off_device(struct keeper *k, struct op *op)
{
	if (op->r < 0)
		op_fail(k, op, &op->err);
	else
		answer_op(k, op, 0);
	op_free(op);
}

void batch_commit(struct keeper *k)
{
	struct op_list ops = STAILQ_HEAD_INITIALIZER(ops);
	bool keys_changed = !keyring_same(&k->keys, &k->committed_keys);
	int64_t began = time_monotonic_us();
	struct err err;
	struct op *op;
	int r;

	if (STAILQ_EMPTY(&k->staged))
		return;
	r = store_commit(k->store, &err);
	meter_commit(k, time_monotonic_us() - began, r);
	if (r < 0) {
		commit_failed(k, &err);
		return;
	}
	STAILQ_FOREACH(op, &k->staged, link)
		op->durable = true;
	forget_undo(k);
	if (keys_changed)
		keeper_tell_keys(k); /* before anybody hears that they have changed */
	while ((op = STAILQ_FIRST(&k->staged))) {
		STAILQ_REMOVE_HEAD(&k->staged, link);
		if (op->off_device)
			finish_off_device(k, op);
		else
			STAILQ_INSERT_TAIL(&ops, op, link);
	}
	if (!STAILQ_EMPTY(&ops))
		to_device(k, &ops);
}

/*
 * The device's answers
 */

static struct batch *batch_of(struct keeper *k, uint64_t ticket)
{
	struct batch *batch;

	TAILQ_FOREACH(batch, &k->batches, link)
		if (batch->ticket == ticket)
			return batch;
	return NULL;
}

void batch_refused(struct keeper *k, uint64_t ticket, size_t index, const struct err *err)
{
	struct batch *batch = batch_of(k, ticket);
	struct op *op;
	size_t n = 0;

	if (!batch)
		return;
	STAILQ_FOREACH(op, &batch->ops, link) {
		n += op->n_changes;
		if (index < n) {
			op->r = -ERR_INTERNAL;
			op->err = *err;
			return;
		}
	}
}

void batch_applied(struct keeper *k, uint64_t ticket, int r, const struct err *err)
{
	struct batch *batch = batch_of(k, ticket);
	struct op *op;

	if (!batch)
		return;
	TAILQ_REMOVE(&k->batches, batch, link);
	/* refused changes were named one by one; anything else befell them all */
	if (r < 0 && err->reason != REASON_DEVICE)
		STAILQ_FOREACH(op, &batch->ops, link) {
			op->r = r;
			op->err = *err;
		}
	finish_batch(k, batch);
}

void batch_fail_all(struct keeper *k, const struct err *err)
{
	struct batch *batch;

	while ((batch = TAILQ_FIRST(&k->batches)))
		batch_applied(k, batch->ticket, -(int)err_class(err->reason), err);
}
