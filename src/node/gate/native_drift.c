/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "json/write.h"
#include "node/gate/native.h"

static int parse_key(const char *text, const char *field, struct wgkey *ret_key, struct err *err)
{
	if (!wgkey_parse_path(span_of(text), ret_key))
		return err_set(err, REASON_INVALID_KEY, field,
			"write the key as 43 characters of base64url");
	return 0;
}

/*
 * The list
 */

static const struct ipc_drift *record_at(const void *records, size_t len, size_t i)
{
	const struct ipc_drift *record = (const struct ipc_drift *)records + i;

	if (len % sizeof *record != 0 || i >= len / sizeof *record ||
		!memchr(record->label, 0, sizeof record->label))
		return NULL;
	return record;
}

static int fill_entry(struct http_request *req, const struct ipc_drift *in,
	struct node_drift_entry *out, struct err *err)
{
	struct cidr *cidrs = arena_alloc(req->arena, (NODE_ALLOWED_SHOWN + 2) * sizeof *cidrs);
	int *differs = arena_alloc(req->arena, NODE_N_DIFFERS * sizeof *differs);

	if (!cidrs || !differs)
		return arena_full(req->arena, err);
	*out = (struct node_drift_entry){ .public_key = in->public_key, .kind = in->kind,
		.differs = { differs, 0 }, .peer_id = in->peer_id, .state = in->state,
		.allowed_ips = { cidrs, 0 }, .allowed_ips_total = in->n_allowed,
		.addresses = { cidrs + NODE_ALLOWED_SHOWN, 0 },
		.has_preshared_key = in->has_preshared_key != 0,
		.persistent_keepalive = in->keepalive, .receive_bytes = (int64_t)in->rx_bytes,
		.transmit_bytes = (int64_t)in->tx_bytes,
		.last_handshake_at = { in->last_handshake_us },
		.endpoint = native_endpoint(req->arena, &in->endpoint, in->endpoint_port),
		.label = in->label[0] ? in->label : NULL };
	for (int what = 1; what <= NODE_N_DIFFERS; what++)
		if (in->differs >> what & 1)
			differs[out->differs.n++] = what;
	/* of an offered peer the keeper has the first two only */
	for (; out->allowed_ips.n < in->n_allowed && out->allowed_ips.n < NODE_ALLOWED_SHOWN &&
		in->allowed[out->allowed_ips.n].family;
		out->allowed_ips.n++)
		cidrs[out->allowed_ips.n] = in->allowed[out->allowed_ips.n];
	for (unsigned a = 0; a < 2; a++)
		if (in->address[a].family)
			cidrs[NODE_ALLOWED_SHOWN + out->addresses.n++] = in->address[a];
	return 0;
}

static int drift_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	static const struct field time_field = { .kind = FIELD_TIME, .flags = F_NULLABLE };
	struct timestamp read_at = { meta->device_read_us };
	struct sbuf *out = &p->req->answer;
	const struct ipc_drift *record;
	int r;

	if (!out->len) {
		native_put_head(http_text(p->req, native_json_type), meta);
		sbuf_puts(out, ",\"deviceReadAt\":");
		json_value(out, &time_field, &read_at);
		sbuf_puts(out, ",\"total\":");
		sbuf_int(out, (int64_t)meta->total);
		sbuf_printf(out, ",\"more\":%s,\"data\":[", meta->more ? "true" : "false");
	}
	for (size_t i = 0; (record = record_at(records, len, i)); i++) {
		struct node_drift_entry entry;

		r = fill_entry(p->req, record, &entry, err);
		if (r < 0)
			return r;
		if (p->n_sent++)
			sbuf_putc(out, ',');
		json_object(out, &node_drift_entry_type, &entry);
	}
	if (!more)
		sbuf_puts(out, "]}");
	return 0;
}

int native_drift(struct http_request *req, struct err *err)
{
	const struct node_drift_query *query = req->query;
	struct ipc_drift_ask ask = { .limit = query->limit };
	int r = query->after ? parse_key(query->after, "after", &ask.after, err) : 0;

	return r < 0 ? r : gate_ask(req, IPC_DRIFT, &ask, sizeof ask, drift_answer, err);
}

/*
 * A decision
 */

static int act_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_drift_done *in = records;
	struct node_drift_done *out = p->req->out;

	(void)more;
	if (len != sizeof *in || !memchr(in->peer.label, 0, sizeof in->peer.label))
		return native_malformed(err);
	out->epoch = meta->epoch;
	out->revision = meta->revision;
	out->absent_from_device = in->confirmed_us != 0;
	out->confirmed_at.us = in->confirmed_us;
	if (!in->has_peer)
		return 0;
	out->peer = native_peer(&in->peer, meta, false);
	return native_keep_peer(&out->peer, p->req->arena, err);
}

int native_drift_act(struct http_request *req, struct err *err)
{
	const struct node_drift_action *in = req->in;
	struct node_drift_done *out = req->out;
	struct ipc_drift_act ask;
	int r;

	memset(&ask, 0, sizeof ask);
	r = parse_key(req->param[0], "publicKey", &ask.key, err);
	if (r >= 0 && has_given(&in->has, NODE_DRIFT_HAS_ID))
		r = native_check_id(&in->id, err);
	if (r >= 0 && in->expires_at.us < 0)
		r = err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future, or null");
	if (r < 0)
		return r;
	ask.id = in->id;
	ask.generation = in->generation;
	ask.expires_us = in->expires_at.us;
	ask.action = (uint8_t)in->action;
	ask.has_id = has_given(&in->has, NODE_DRIFT_HAS_ID);
	ask.has_label = ((in->has.given | in->has.null) & NODE_DRIFT_HAS_LABEL) != 0;
	ask.has_generation = has_given(&in->has, NODE_DRIFT_HAS_GENERATION);
	ask.has_expires = has_given(&in->has, NODE_DRIFT_HAS_EXPIRES);
	snprintf(ask.label, sizeof ask.label, "%s", in->label ?: "");
	out->public_key = ask.key;
	out->action = in->action;
	return gate_ask(req, IPC_DRIFT_ACT, &ask, sizeof ask, act_answer, err);
}
