/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Differences between store and device. Both the list of them and a decision about one are answered from a
 * reading that began after the request. A decision is one sentence about who is right:
 *
 *                     adopt             remove            restore
 *     unmanaged       becomes a peer    leaves the device -
 *     altered         is stored         -                 is put back
 *     suspended there -                 leaves the device leaves the device
 *     missing         -                 -                 is put back
 *     offered         becomes a peer    -                 -
 *
 * Offered are peers of wg-quick's file that are not on the device and never were here.
 * Adopting touches nothing on the device. The key of a peer that has ended can only be removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/keeper/allot.h"
#include "node/keeper/drift_page.h"
#include "node/keeper/keeper.h"

/* A decision, and what the reading said of the key. */
struct drift_case {
	struct ipc_drift_act in;
	struct ipc_origin origin;
	struct author author;
	bool on_device;
	bool from_file, disabled; /* `seen` is what wg-quick's file says */
	struct wgdev_peer seen;
};

static void wipe_case(struct drift_case *kase)
{
	explicit_bzero(kase, sizeof *kase);
}

void waiter_free(struct waiter *waiter)
{
	if (!waiter)
		return;
	if (waiter->kase)
		wipe_case(waiter->kase);
	free(waiter->kase);
	free(waiter->page);
	free(waiter);
}

/*
 * What differs
 */

static bool has_address(const struct wgdev_peer *seen, const struct cidr *address)
{
	for (unsigned i = 0; i < seen->n_allowed && i < WGDEV_ALLOWED_MAX; i++)
		if (cidr_equal(&seen->allowed[i], address))
			return true;
	return false;
}

static bool same_allowed(const struct peer *peer, const struct wgdev_peer *seen)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (!peer->address[i].family)
			continue;
		n++;
		if (!has_address(seen, &peer->address[i]))
			return false;
	}
	return n == seen->n_allowed;
}

unsigned drift_differs(const struct peer *peer, const struct wgdev_peer *seen)
{
	unsigned bits = 0;

	if (peer_is_off(peer))
		return 1u << NODE_DIFFERS_PRESENT;
	if (!same_allowed(peer, seen))
		bits |= 1u << NODE_DIFFERS_ALLOWED;
	if (!wgkey_equal(&peer->preshared_key, &seen->preshared_key))
		bits |= 1u << NODE_DIFFERS_PRESHARED;
	if (peer->keepalive != seen->keepalive)
		bits |= 1u << NODE_DIFFERS_KEEPALIVE;
	return bits;
}

bool drift_is_settled(const struct keeper *k, const struct peer *peer)
{
	return peer->placed_us < k->dump_began_us;
}

bool drift_is_missing(const struct keeper *k, const struct peer *peer)
{
	return peer->on_device && drift_is_settled(k, peer) && peer->seen_dump != k->dumps;
}

/*
 * The list
 */

static void offer_all(struct keeper *k, const struct ipc_drift *record)
{
	for (unsigned i = 0; i < k->n_listing; i++)
		drift_page_add(k->listing[i]->page, record);
}

static void fill_label(struct keeper *k, struct ipc_drift *record, const struct peer *peer)
{
	const char *label = peer ? peer->label : import_name(k->names, &record->public_key);

	snprintf(record->label, sizeof record->label, "%s", label ?: "");
}

static void fill_seen(struct ipc_drift *record, const struct wgdev_peer *seen)
{
	for (unsigned i = 0; i < seen->n_allowed && i < NODE_ALLOWED_SHOWN; i++)
		record->allowed[i] = seen->allowed[i];
	record->n_allowed = seen->n_allowed;
	record->has_preshared_key = !wgkey_is_zero(&seen->preshared_key);
	record->keepalive = seen->keepalive;
	record->endpoint = seen->endpoint;
	record->endpoint_port = seen->endpoint_port;
	record->last_handshake_us = seen->last_handshake.us;
	record->rx_bytes = seen->rx_bytes;
	record->tx_bytes = seen->tx_bytes;
}

static void fill_stored(struct ipc_drift *record, const struct peer *peer)
{
	record->peer_id = peer->id;
	record->state = peer_is_off(peer) ? NODE_PEER_SUSPENDED : NODE_PEER_LIVE;
	memcpy(record->address, peer->address, sizeof record->address);
}

void drift_begin(struct keeper *k, struct waiter *waiter)
{
	if (waiter->page) {
		k->listing[k->n_listing++] = waiter; /* no more than there is room for are let in */
		drift_page_begin(waiter->page);
	}
	if (waiter->kase)
		waiter->kase->on_device = false;
}

void drift_note(struct waiter *waiter, const struct wgdev_peer *seen)
{
	waiter->kase->on_device = true;
	waiter->kase->seen = *seen;
}

void drift_seen(struct keeper *k, const struct wgdev_peer *seen, const struct peer *peer)
{
	struct ipc_drift record;
	struct err ignored;

	memset(&record, 0, sizeof record);
	record.public_key = seen->public_key;
	record.kind = peer ? NODE_DRIFT_ALTERED : NODE_DRIFT_UNMANAGED;
	fill_seen(&record, seen);
	if (peer) {
		record.differs = (uint8_t)drift_differs(peer, seen);
		fill_stored(&record, peer);
	} else if (store_used_key(k->store, &seen->public_key, &record.peer_id, &ignored) >= 0) {
		record.state = NODE_PEER_ENDED;
	}
	fill_label(k, &record, peer);
	offer_all(k, &record);
}

static void offer_missing(struct keeper *k, struct drift_page *page)
{
	for (size_t i = 0; i < k->peers.n; i++) {
		const struct peer *peer = k->peers.order[i];
		struct ipc_drift record;

		if (!drift_is_missing(k, peer))
			continue;
		memset(&record, 0, sizeof record);
		record.public_key = peer->public_key;
		record.kind = NODE_DRIFT_MISSING;
		fill_stored(&record, peer);
		fill_label(k, &record, peer);
		drift_page_add(page, &record);
	}
}

static void offer_offered(struct keeper *k, struct drift_page *page)
{
	const struct import_peer *peer;

	for (size_t i = 0; (peer = offers_next(k, &i));) {
		struct ipc_drift record;
		struct wgdev_peer seen;

		memset(&record, 0, sizeof record);
		record.public_key = peer->public_key;
		record.kind = NODE_DRIFT_OFFERED;
		record.state = peer->disabled ? NODE_PEER_SUSPENDED : 0;
		offers_seen(peer, &seen);
		fill_seen(&record, &seen);
		fill_label(k, &record, NULL);
		drift_page_add(page, &record);
		explicit_bzero(&seen, sizeof seen);
	}
}

/*
 * Asking
 */

static int prepare(struct keeper *k, const struct ipc_message *message, const struct author *author,
	struct waiter *waiter, struct err *err)
{
	const struct ipc_drift_ask *ask = message->body;
	unsigned n = 0;

	if (message->head.type == IPC_DRIFT_ACT) {
		waiter->kase = calloc(1, sizeof *waiter->kase);
		if (!waiter->kase)
			return err_nomem(err);
		waiter->kase->in = *(const struct ipc_drift_act *)message->body;
		waiter->kase->origin = message->head.origin;
		waiter->kase->author = *author;
		waiter->key = waiter->kase->in.key;
		waiter->watches = true;
		return 0;
	}
	for (const struct waiter *w = TAILQ_FIRST(&k->waiters); w; w = TAILQ_NEXT(w, link))
		n += w->page != NULL;
	if (n >= KEEPER_LISTING_MAX)
		return err_set(err, REASON_BUSY, NULL, "others are asking for the same; try again");
	waiter->page = drift_page_new(&ask->after, (size_t)ask->limit);
	return waiter->page ? 0 : err_nomem(err);
}

void drift_ask(struct keeper *k, const struct ipc_message *message, const struct author *author)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	struct err err;
	int r = change_check_device(k, &err);

	if (r >= 0 && !waiter)
		r = err_nomem(&err);
	if (r >= 0) {
		waiter->id = message->head.id;
		waiter->type = message->head.type;
		waiter->since_us = time_monotonic_us();
		r = prepare(k, message, author, waiter, &err);
	}
	if (r >= 0) {
		dump_wait(k, waiter);
		return;
	}
	answer_error(k, message->head.id, &err);
	waiter_free(waiter);
}

void drift_serve(struct keeper *k, struct waiter *waiter, int r, const struct err *err)
{
	if (r >= 0 && waiter->kase) {
		TAILQ_INSERT_TAIL(&k->decisions, waiter, link);
		return;
	}
	if (r < 0) {
		answer_error(k, waiter->id, err);
	} else {
		offer_missing(k, waiter->page);
		offer_offered(k, waiter->page);
		drift_page_send(k, waiter->id, waiter->page);
	}
	waiter_free(waiter);
}

/*
 * Deciding
 */

static int wrong_action(struct err *err, const char *remedy)
{
	return err_set(err, REASON_DRIFT_ACTION, "action", "%s", remedy);
}

/* The device's allowed IPs as addresses of a peer, or the reason why they cannot be. */
static int legal_addresses(const struct wgdev_peer *seen, struct cidr address[2], struct err *err)
{
	char text[CIDR_TEXT_SIZE];

	memset(address, 0, 2 * sizeof *address);
	if (seen->n_allowed == 0)
		return err_set(err, REASON_NOT_ADOPTABLE, "allowedIPs",
			"the device lets this peer use no address");
	for (unsigned i = 0; i < seen->n_allowed && i < WGDEV_ALLOWED_MAX; i++) {
		const struct cidr *allowed = &seen->allowed[i];
		struct cidr *at = &address[allot_slot(allowed->family)];

		if (allowed->bits != cidr_full_bits(allowed) || at->family)
			return err_set(err, REASON_NOT_ADOPTABLE, "allowedIPs",
				"a peer has one address of a family; the device also lets this one use "
				"%s",
				cidr_format(text, allowed));
		*at = *allowed;
	}
	return 0;
}

/* What the pools say of an address is said of the device's allowed IPs here. */
static int not_adoptable(int r, struct err *err)
{
	if (r < 0 && (err->reason == REASON_INVALID_FIELD || err->reason == REASON_FAMILY_UNSUPPORTED)) {
		err->reason = REASON_NOT_ADOPTABLE;
		r = -ERR_CONFLICT;
	}
	if (r < 0 && !strcmp(err->field, "addresses"))
		snprintf(err->field, sizeof err->field, "allowedIPs");
	return r;
}

static void forget_foreign(struct keeper *k, const struct cidr address[2])
{
	for (unsigned p = 0; p < k->n_pools; p++)
		for (unsigned a = 0; a < 2; a++)
			if (address[a].family == k->pools[p].subnet.family)
				pool_foreign_forget(&k->pools[p], &address[a]);
}

static int choose_id(struct keeper *k, const struct ipc_drift_act *in, struct uuid *ret_id,
	struct err *err)
{
	if (!in->has_id) {
		uuid_make_v4(ret_id);
		return 0;
	}
	*ret_id = in->id;
	if (peers_by_id(&k->peers, ret_id))
		return err_set(err, REASON_EXISTS, "id", "there is a peer with this id already");
	return change_check_id(k, ret_id, err);
}

static int make_adopted(struct keeper *k, const struct ipc_drift_act *in, const struct wgdev_peer *seen,
	const struct uuid *id, struct peer **ret_peer, struct err *err)
{
	scoped(peer_freep) struct peer *peer = NULL;
	const char *label = in->has_label ? in->label : import_name(k->names, &in->key);
	struct cidr address[2], wanted[2];
	unsigned n = 0;
	int r = legal_addresses(seen, address, err);

	if (r >= 0)
		r = change_make_peer(k, id, &in->key, &peer, err);
	if (r >= 0)
		r = change_set_label(peer, label ?: "", err);
	if (r < 0)
		return r;
	for (unsigned a = 0; a < 2; a++)
		if (address[a].family)
			wanted[n++] = address[a];
	forget_foreign(k, address);
	r = not_adoptable(allot_these(k, peer, wanted, n, err), err);
	if (r < 0)
		return r;
	peer->preshared_key = seen->preshared_key;
	peer->keepalive = seen->keepalive;
	peer->expires_at.us = in->expires_us;
	peer->generation = in->generation;
	*ret_peer = TAKE(peer);
	return 0;
}

static int reply(struct op *op, const struct peer *peer, struct err *err)
{
	struct ipc_drift_done done;

	memset(&done, 0, sizeof done);
	done.has_peer = peer != NULL;
	if (peer)
		answer_peer(peer, &done.peer);
	return change_reply(op, &done, sizeof done, err);
}

static void put_on_device(const struct drift_case *kase, struct peer *peer, struct op *op)
{
	op->made = true;
	peer->suspended = kase->disabled;
	peer->placed_us = INT64_MAX;
	if (!peer->suspended)
		change_put(op, peer);
}

static int adopt_stranger(struct keeper *k, const struct drift_case *kase, struct op *op, struct err *err)
{
	const struct ipc_drift_act *in = &kase->in;
	struct peer *peer;
	int r = choose_id(k, in, &op->peer, err);

	if (r >= 0)
		r = change_check_key(k, &in->key, &op->peer, err);
	if (r >= 0)
		r = change_check_expiry(in->expires_us, err);
	if (r >= 0)
		r = make_adopted(k, in, &kase->seen, &op->peer, &peer, err);
	if (r < 0)
		return r;
	op->kind = PEER_CREATE;
	if (kase->from_file)
		put_on_device(kase, peer, op);
	r = change_enter(k, peer, &op->author, err);
	return r < 0 ? r : reply(op, peer, err);
}

/* It is not on the device: there it comes as any new peer does. */
static int adopt_offered(struct keeper *k, const struct drift_case *kase,
	const struct import_peer *offered, struct op *op, struct err *err)
{
	scoped(wipe_case) struct drift_case from_file = *kase;

	if (offered->n_allowed > N_ELEMENTS(offered->allowed))
		return err_set(err, REASON_NOT_ADOPTABLE, "allowedIPs",
			"a peer has one address of a family; wg-quick's file gives this one %u",
			offered->n_allowed);
	from_file.from_file = true;
	from_file.disabled = offered->disabled;
	offers_seen(offered, &from_file.seen);
	return adopt_stranger(k, &from_file, op, err);
}

/* The device's settings become the store's; key, label and expiry stay. */
static int adopt_settings(struct keeper *k, const struct drift_case *kase, struct peer *peer,
	struct op *op, struct err *err)
{
	struct cidr address[2];
	int r = legal_addresses(&kase->seen, address, err);

	if (r >= 0)
		r = batch_remember(k, peer, false, false, err);
	if (r < 0)
		return r;
	forget_foreign(k, address);
	r = not_adoptable(allot_move(k, peer, address, err), err);
	if (r < 0) {
		batch_unremember(k);
		return r;
	}
	op->kind = PEER_UPDATE;
	store_outdate(k->store, STAILQ_FIRST(&k->undo)->before); /* as the row has it still */
	peer->preshared_key = kase->seen.preshared_key;
	peer->keepalive = kase->seen.keepalive;
	peer->author = op->author;
	if (kase->in.has_generation)
		peer->generation = kase->in.generation;
	r = store_put(k->store, peer, err);
	return r < 0 ? r : reply(op, peer, err);
}

static int adopt(struct keeper *k, const struct drift_case *kase, struct peer *peer, struct op *op,
	struct err *err)
{
	const struct import_peer *offered = import_peer_of(k->names, &kase->in.key);
	const struct ipc_drift_act *in = &kase->in;

	if (peer && (in->has_id && !uuid_equal(&in->id, &peer->id)))
		return err_set(err, REASON_KEY_IN_USE, "id", "the key belongs to another peer");
	if (!kase->on_device && peer)
		return wrong_action(err, "the peer is missing on the device; 'restore' puts it back, "
					 "DELETE /v1/peers ends it");
	if (!kase->on_device && offered && offers_has(k, offered))
		return adopt_offered(k, kase, offered, op, err);
	if (!kase->on_device)
		return err_set(err, REASON_DRIFT_NOT_FOUND, NULL, "the device has no such peer");
	if (!peer)
		return adopt_stranger(k, kase, op, err);
	if (peer_is_off(peer))
		return wrong_action(err, "the peer is suspended; 'restore' takes it off the device, PUT "
					 "/v1/peers resumes it");
	if (!drift_differs(peer, &kase->seen))
		return reply(op, peer, err); /* adopted already */
	return adopt_settings(k, kase, peer, op, err);
}

static int take_off(struct op *op, const struct wgkey *key, const struct peer *peer, struct err *err)
{
	op->removes = true;
	if (peer) {
		op->kind = PEER_UPDATE;
		memcpy(op->address, peer->address, sizeof op->address);
	}
	change_remove(op, key);
	return reply(op, peer, err);
}

static int take_stranger_off(const struct drift_case *kase, struct peer *peer, struct op *op,
	struct err *err)
{
	if (peer && !peer_is_off(peer))
		return wrong_action(err, "this is a live peer of the node; 'restore' puts it back as it "
					 "was, DELETE /v1/peers ends it");
	return take_off(op, &kase->in.key, peer, err);
}

static int restore(const struct drift_case *kase, struct peer *peer, struct op *op, struct err *err)
{
	if (!peer && !kase->on_device)
		return err_set(err, REASON_DRIFT_NOT_FOUND, NULL,
			"neither the device nor the store has such a peer");
	if (!peer)
		return wrong_action(err, "the node has not made this peer; adopt or remove it");
	if (peer_is_off(peer))
		return take_off(op, &kase->in.key, peer, err);
	if (kase->on_device && !drift_differs(peer, &kase->seen))
		return reply(op, peer, err); /* as it should be */
	op->kind = PEER_UPDATE;
	change_put(op, peer);
	peer->on_device = false;
	peer->placed_us = INT64_MAX;
	return reply(op, peer, err);
}

int drift_settle(struct keeper *k, const void *body, struct op *op, struct err *err)
{
	const struct drift_case *kase = body;
	struct peer *peer = peers_by_key(&k->peers, &kase->in.key);
	int r = change_check_device(k, err);

	if (r >= 0 && peer && kase->in.has_generation)
		r = change_check_generation(peer, kase->in.generation, err);
	if (r >= 0 && (peer || kase->in.action != NODE_ADOPT) &&
		(kase->in.has_label || kase->in.has_expires))
		r = err_set(err, REASON_INVALID_FIELD, kase->in.has_label ? "label" : "expiresAt",
			"this is for a peer that is adopted anew");
	if (r < 0)
		return r;
	op->key = kase->in.key;
	op->action = word_text(node_drift_act_words, kase->in.action);
	if (peer)
		op->peer = peer->id;
	switch (kase->in.action) {
	case NODE_ADOPT: return adopt(k, kase, peer, op, err);
	case NODE_REMOVE: return take_stranger_off(kase, peer, op, err);
	default: return restore(kase, peer, op, err);
	}
}

void drift_decide(struct keeper *k)
{
	struct waiter *waiter;
	struct err err;
	struct op *op;

	while ((waiter = TAILQ_FIRST(&k->decisions))) {
		TAILQ_REMOVE(&k->decisions, waiter, link);
		op = op_new(waiter->id, IPC_DRIFT_ACT, &waiter->kase->in.id, &waiter->kase->author);
		if (op) {
			op->origin = waiter->kase->origin;
			change_stage(k, op, waiter->kase, &err);
		} else {
			(void)err_nomem(&err);
			answer_error(k, waiter->id, &err);
		}
		waiter_free(waiter);
	}
}
