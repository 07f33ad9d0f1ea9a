/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "log/log.h"
#include "model/node_api.h"
#include "node/keeper/keeper.h"

enum { OUTBOX_MAX = 8192 };

struct ipc_meta answer_meta(const struct keeper *k)
{
	struct ipc_meta meta;

	memset(&meta, 0, sizeof meta); /* the padding travels too */
	meta.epoch = *store_epoch(k->store);
	meta.revision = store_committed_revision(k->store);
	meta.device_read_us = k->read_at.us;
	meta.cursor = (int64_t)k->read_dump;
	meta.device = k->state == DEVICE_READY ? NODE_DEVICE_READY
		      : k->state == DEVICE_AWAY ? NODE_DEVICE_AWAY
						: NODE_DEVICE_STARTING;
	return meta;
}

static void keep(struct keeper *k, const struct ipc_head *head, const void *body, size_t len,
	const void *more, size_t more_len)
{
	struct outgoing *out = NULL;

	if (k->n_outbox < OUTBOX_MAX)
		out = calloc(1, sizeof *out + sizeof *head + len + more_len);
	if (!out) { /* the gate gives the request up by itself */
		log_error("an answer to the gate was lost", LOG_INT("waiting", k->n_outbox));
		return;
	}
	memcpy(out->bytes, head, sizeof *head);
	if (len)
		memcpy(out->bytes + sizeof *head, body, len);
	if (more_len)
		memcpy(out->bytes + sizeof *head + len, more, more_len);
	out->len = sizeof *head + len + more_len;
	STAILQ_INSERT_TAIL(&k->outbox, out, link);
	k->n_outbox++;
	k->ipc_writable = false;
}

void answer(struct keeper *k, uint64_t id, uint32_t flags, const void *body, size_t len,
	const void *more, size_t more_len)
{
	struct ipc_head head = { .version = IPC_VERSION, .type = IPC_ANSWER, .flags = flags,
		.id = id };

	if (!id)
		return;
	if (!(flags & IPC_MORE) && k->n_asked)
		k->n_asked--;
	if (!STAILQ_EMPTY(&k->outbox) ||
		ipc_send(k->ipc_fd, &head, body, len, more, more_len) == 0)
		keep(k, &head, body, len, more, more_len);
}

void answer_unasked(struct keeper *k, enum ipc_type type, const void *body, size_t len)
{
	struct ipc_head head = { .version = IPC_VERSION, .type = (uint16_t)type };

	if (!STAILQ_EMPTY(&k->outbox) || ipc_send(k->ipc_fd, &head, body, len, NULL, 0) == 0)
		keep(k, &head, body, len, NULL, 0);
}

void answer_records(struct keeper *k, uint64_t id, const void *records, size_t len, size_t n)
{
	struct ipc_meta meta = answer_meta(k);

	meta.n_records = (uint32_t)n;
	answer(k, id, 0, &meta, sizeof meta, records, len);
}

void answer_fill_error(struct ipc_error *ret_record, const struct err *err)
{
	memset(ret_record, 0, sizeof *ret_record);
	ret_record->reason = err->reason;
	snprintf(ret_record->field, sizeof ret_record->field, "%s", err->field);
	snprintf(ret_record->msg, sizeof ret_record->msg, "%s", err->msg);
	if (err_class(err->reason) == ERR_INTERNAL)
		log_error("a request failed", LOG_ERR(err));
}

void answer_error(struct keeper *k, uint64_t id, const struct err *err)
{
	struct ipc_error body;

	if (!id)
		return;
	answer_fill_error(&body, err);
	answer(k, id, IPC_ERROR, &body, sizeof body, NULL, 0);
}

void answer_flush(struct keeper *k)
{
	struct outgoing *out;

	while ((out = STAILQ_FIRST(&k->outbox))) {
		const struct ipc_head *head = (const void *)out->bytes;

		if (ipc_send(k->ipc_fd, head, out->bytes + sizeof *head, out->len - sizeof *head,
			    NULL, 0) == 0)
			return;
		STAILQ_REMOVE_HEAD(&k->outbox, link);
		k->n_outbox--;
		explicit_bzero(out->bytes, out->len);
		free(out);
	}
	k->ipc_writable = true;
}

void answer_peer(const struct peer *peer, struct ipc_peer *ret_record)
{
	memset(ret_record, 0, sizeof *ret_record);
	ret_record->id = peer->id;
	ret_record->public_key = peer->public_key;
	memcpy(ret_record->address, peer->address, sizeof ret_record->address);
	ret_record->endpoint = peer->endpoint;
	ret_record->endpoint_port = peer->endpoint_port;
	ret_record->created_us = peer->created_at.us;
	ret_record->expires_us = peer->expires_at.us;
	ret_record->generation = peer->generation;
	ret_record->revision = peer->revision;
	ret_record->last_handshake_us = peer->last_handshake.us;
	ret_record->rx_bytes = peer->rx_bytes;
	ret_record->tx_bytes = peer->tx_bytes;
	ret_record->keepalive = (int32_t)peer->keepalive;
	ret_record->state = peer_is_off(peer) ? NODE_PEER_SUSPENDED : NODE_PEER_LIVE;
	ret_record->quarantine = (uint8_t)peer->quarantine;
	ret_record->has_preshared_key = !wgkey_is_zero(&peer->preshared_key);
	ret_record->author_key = peer->author.key;
	ret_record->author_source = peer->author.source;
	if (peer->label)
		snprintf(ret_record->label, sizeof ret_record->label, "%s", peer->label);
}
