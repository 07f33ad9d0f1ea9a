/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The surface of the published node, to the byte where a client could notice. Shapes, literal codes and
 * texts are facts of that contract; docs/compatibility.md lists where we differ on purpose.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "json/read.h"
#include "json/write.h"
#include "model/node_api.h"
#include "node/gate/compat.h"

static const char json_type[] = "application/json; charset=utf-8";

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, ACTIVE_US = 120000000 };

/*
 * Health
 */

static void put_ok(struct http_request *req)
{
	sbuf_puts(http_text(req, json_type), "{\"status\":\"ok\"}");
}

int compat_health(struct http_request *req, struct err *err)
{
	(void)err;
	put_ok(req);
	return 0;
}

static int ready_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	(void)records;
	(void)len;
	(void)more;
	(void)err;
	if (meta->device == NODE_DEVICE_READY) {
		put_ok(p->req);
		return 0;
	}
	sbuf_puts(http_text(p->req, json_type),
		"{\"status\":\"unhealthy\",\"reason\":\"wireguard_unavailable\"}");
	p->req->status = 503;
	return 0;
}

int compat_ready(struct http_request *req, struct err *err)
{
	return gate_ask(req, IPC_STATS, NULL, 0, ready_answer, err);
}

/*
 * Statistics
 */

/* `server_error`: what an unreadable device is called on this route. */
static int device_failed(struct http_request *req, const char *code, const char *text)
{
	compat_put_failure(req, 500, code, text, NULL);
	return 0;
}

static void put_pools(struct sbuf *out, const struct ipc_node *node, const char *name, bool subnet)
{
	static const struct field as_is = { .kind = FIELD_CIDR };
	static const struct field as_host = { .kind = FIELD_CIDR, .flags = F_HOST };

	json_name(out, name, true);
	sbuf_putc(out, '[');
	for (unsigned i = 0; i < node->n_pools && i < 2; i++) {
		if (i)
			sbuf_putc(out, ',');
		if (subnet)
			json_value(out, &as_is, &node->pools[i].subnet);
		else
			json_value(out, &as_host, &node->pools[i].server);
	}
	sbuf_putc(out, ']');
}

static const char *family_name(const struct cidr *address)
{
	return address->family == IP_V6 ? "IPv6" : "IPv4";
}

static void put_stats(struct sbuf *out, const struct ipc_node *node)
{
	char started[TIME_TEXT_SIZE];

	sbuf_puts(out, "{\"service\":{\"name\":\"wgkeeper-node\",\"version\":\"" WGKEEPER_VERSION
		       "\"},\"wireguard\":{\"interface\":");
	json_string(out, node->interface);
	sbuf_printf(out, ",\"listenPort\":%u", node->listen_port);
	put_pools(out, node, "subnets", true);
	put_pools(out, node, "serverIps", false);
	sbuf_puts(out, ",\"addressFamilies\":[");
	for (unsigned i = 0; i < node->n_pools && i < 2; i++)
		sbuf_printf(out, "%s\"%s\"", i ? "," : "", family_name(&node->pools[i].subnet));
	sbuf_puts(out, "]},\"peers\":{\"possible\":");
	sbuf_int(out, (int64_t)node->possible);
	sbuf_puts(out, ",\"issued\":");
	sbuf_int(out, (int64_t)node->peers);
	sbuf_puts(out, ",\"active\":");
	sbuf_int(out, (int64_t)node->active);
	sbuf_printf(out, "},\"startedAt\":\"%s\"}",
		time_format(started, (struct timestamp){ node->started_us }, TIME_SECONDS));
}

static bool texts_ok(const struct ipc_node *node)
{
	return memchr(node->interface, 0, sizeof node->interface) &&
	       memchr(node->name, 0, sizeof node->name) &&
	       memchr(node->endpoint, 0, sizeof node->endpoint) &&
	       memchr(node->remedy, 0, sizeof node->remedy) &&
	       memchr(node->checkpoint.checkpoint.origin, 0,
		       sizeof node->checkpoint.checkpoint.origin);
}

const struct ipc_node *gate_node(const void *records, size_t len, struct err *err)
{
	const struct ipc_node *node = records;

	if (len == sizeof *node && texts_ok(node) && node->n_pools <= 2)
		return node;
	(void)err_set(err, REASON_INTERNAL, NULL, "a malformed answer from the keeper");
	return NULL;
}

static int stats_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_node *node = gate_node(records, len, err);

	(void)more;
	if (!node)
		return -ERR_INTERNAL;
	if (meta->device != NODE_DEVICE_READY)
		return device_failed(p->req, "stats_unavailable", "stats unavailable");
	put_stats(http_text(p->req, json_type), node);
	return 0;
}

int compat_stats(struct http_request *req, struct err *err)
{
	return gate_ask(req, IPC_STATS, NULL, 0, stats_answer, err);
}

/*
 * Peers
 */

void compat_put_addresses(struct sbuf *out, const struct cidr address[2])
{
	static const struct field as_is = { .kind = FIELD_CIDR };
	bool comma = false;

	sbuf_puts(out, "[");
	for (unsigned i = 0; i < 2; i++) {
		if (!address[i].family)
			continue;
		if (comma)
			sbuf_putc(out, ',');
		json_value(out, &as_is, &address[i]);
		comma = true;
	}
	sbuf_puts(out, "]");
}

void compat_put_families(struct sbuf *out, const struct cidr address[2])
{
	bool comma = false;

	sbuf_puts(out, "[");
	for (unsigned i = 0; i < 2; i++) {
		if (!address[i].family)
			continue;
		sbuf_printf(out, "%s\"%s\"", comma ? "," : "", family_name(&address[i]));
		comma = true;
	}
	sbuf_puts(out, "]");
}

static void put_peer(struct sbuf *out, const struct ipc_peer *peer)
{
	char id[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE], time[TIME_TEXT_SIZE];
	struct timestamp handshake = { peer->last_handshake_us };

	sbuf_printf(out, "\"peerId\":\"%s\",\"allowedIPs\":", uuid_format(id, &peer->id));
	compat_put_addresses(out, peer->address);
	sbuf_puts(out, ",\"addressFamilies\":");
	compat_put_families(out, peer->address);
	sbuf_printf(out, ",\"publicKey\":\"%s\",\"active\":%s,\"lastHandshakeAt\":",
		wgkey_format(key, &peer->public_key),
		handshake.us && time_now().us - handshake.us <= ACTIVE_US ? "true" : "false");
	json_string(out, handshake.us ? time_format(time, handshake, TIME_FRACTION) : NULL);
	sbuf_printf(out, ",\"createdAt\":\"%s\"",
		time_format(time, (struct timestamp){ peer->created_us }, TIME_SECONDS));
	if (peer->expires_us)
		sbuf_printf(out, ",\"expiresAt\":\"%s\"",
			time_format(time, (struct timestamp){ peer->expires_us }, TIME_SECONDS));
}

const struct ipc_peer *gate_peer(const void *records, size_t len, size_t i)
{
	const struct ipc_peer *peer = (const struct ipc_peer *)records + i;

	if (len % sizeof *peer != 0 || i >= len / sizeof *peer ||
		!memchr(peer->label, 0, sizeof peer->label))
		return NULL;
	return peer;
}

/* What the handler keeps until the answer comes. */
struct range {
	int64_t offset, limit;
};

static int parse_range(struct http_request *req, struct range *range, struct err *err)
{
	const char *offset = http_query(req, "offset"), *limit = http_query(req, "limit");

	*range = (struct range){ 0, LIMIT_DEFAULT };
	if (offset && *offset && !parse_i64(span_of(offset), 0, INT64_MAX, &range->offset))
		return err_set(err, REASON_INVALID_PAGINATION, "offset",
			"offset must be a non-negative integer");
	if (limit && *limit && !parse_i64(span_of(limit), 1, LIMIT_MAX, &range->limit))
		return err_set(err, REASON_INVALID_PAGINATION, "limit",
			"limit must be between 1 and 1000");
	return 0;
}

static void put_meta(struct sbuf *out, const struct range *range, int64_t n, int64_t total)
{
	bool prev = range->offset > 0 && total > 0, next = range->offset + n < total;
	int64_t before = range->offset > range->limit ? range->offset - range->limit : 0;

	sbuf_puts(out, "],\"meta\":{\"offset\":");
	sbuf_int(out, range->offset);
	sbuf_puts(out, ",\"limit\":");
	sbuf_int(out, range->limit);
	sbuf_puts(out, ",\"totalItems\":");
	sbuf_int(out, total);
	sbuf_printf(out, ",\"hasPrev\":%s,\"hasNext\":%s", prev ? "true" : "false",
		next ? "true" : "false");
	if (prev) {
		sbuf_puts(out, ",\"prevOffset\":");
		sbuf_int(out, before);
	}
	if (next) {
		sbuf_puts(out, ",\"nextOffset\":");
		sbuf_int(out, range->offset + range->limit);
	}
	sbuf_puts(out, "}}");
}

static int list_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	struct sbuf *out = &p->req->answer;
	const struct ipc_peer *peer;

	(void)err;
	if (meta->device != NODE_DEVICE_READY && !p->n_sent)
		return device_failed(p->req, "peers_list_unavailable", "peers list unavailable");
	if (!p->n_sent && !out->len)
		sbuf_puts(http_text(p->req, json_type), "{\"data\":[");
	for (size_t i = 0; (peer = gate_peer(records, len, i)); i++) {
		sbuf_puts(out, p->n_sent++ ? ",{" : "{");
		put_peer(out, peer);
		sbuf_putc(out, '}');
	}
	if (!more)
		put_meta(out, p->req->in, (int64_t)p->n_sent, (int64_t)meta->total);
	return 0;
}

int compat_list(struct http_request *req, struct err *err)
{
	struct range *range = arena_alloc(req->arena, sizeof *range);
	struct ipc_range ask = { 0 };
	int r;

	if (!range)
		return arena_full(req->arena, err);
	r = parse_range(req, range, err);
	if (r < 0)
		return r;
	req->in = range; /* for the answer */
	ask.offset = range->offset;
	ask.limit = range->limit;
	return gate_ask(req, IPC_LIST, &ask, sizeof ask, list_answer, err);
}

int compat_parse_id(struct http_request *req, const char *text, struct uuid *ret_id, struct err *err)
{
	if (req->route->method != HTTP_POST && strchr(text, '/'))
		return err_set(err, REASON_NOT_FOUND, NULL, "404 page not found");
	if (!uuid_parse_lax(span_of(text), ret_id) || !uuid_is_v4(ret_id))
		return err_set(err, REASON_INVALID_PEER_ID, "peerId", "peerId must be uuid v4");
	return 0;
}

static int get_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_peer *peer = gate_peer(records, len, 0);
	struct sbuf *out;

	(void)more;
	if (!peer)
		return err_set(err, REASON_INTERNAL, NULL, "a malformed answer from the keeper");
	if (meta->device != NODE_DEVICE_READY)
		return device_failed(p->req, "wireguard_error", "wireguard operation failed");
	out = http_text(p->req, json_type);
	sbuf_putc(out, '{');
	put_peer(out, peer);
	sbuf_puts(out, ",\"receiveBytes\":");
	sbuf_int(out, (int64_t)peer->rx_bytes);
	sbuf_puts(out, ",\"transmitBytes\":");
	sbuf_int(out, (int64_t)peer->tx_bytes);
	sbuf_putc(out, '}');
	return 0;
}

/* An id with a slash in it, however written, is no address here. */
static int slash_is_404(struct http_request *req)
{
	if (!strchr(req->param[0], '/'))
		return 0;
	compat_no_route(req);
	return 1;
}

int compat_get(struct http_request *req, struct err *err)
{
	struct ipc_id ask;
	int r;

	if (slash_is_404(req))
		return 0;
	r = compat_parse_id(req, req->param[0], &ask.id, err);
	return r < 0 ? r : gate_ask(req, IPC_GET, &ask, sizeof ask, get_answer, err);
}

static int delete_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	(void)meta;
	(void)records;
	(void)len;
	(void)more;
	(void)err;
	put_ok(p->req);
	return 0;
}

int compat_delete(struct http_request *req, struct err *err)
{
	struct ipc_id ask;
	int r;

	if (slash_is_404(req))
		return 0;
	r = compat_parse_id(req, req->param[0], &ask.id, err);
	return r < 0 ? r : gate_ask(req, IPC_REMOVE, &ask, sizeof ask, delete_answer, err);
}
