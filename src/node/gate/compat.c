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
 * Failures
 */

struct failure {
	enum err_reason reason;
	int status;
	const char *code, *text; /* text NULL: the error's own */
};

static const struct failure failures[] = {
	{ REASON_UNAUTHORIZED, 401, NULL, "unauthorized" },
	{ REASON_FORBIDDEN, 403, NULL, "forbidden" },
	{ REASON_RATE_LIMITED, 429, "rate_limited", "too many requests" },
	{ REASON_TOO_LARGE, 413, "body_too_large", "request body too large" },
	{ REASON_INVALID_JSON, 400, "invalid_json", "invalid json body" },
	{ REASON_INVALID_FIELD, 400, "invalid_json", "invalid json body" },
	{ REASON_INVALID_PEER_ID, 400, "invalid_peer_id", "peerId must be uuid v4" },
	{ REASON_INVALID_EXPIRES_AT, 400, "invalid_expires_at", NULL },
	{ REASON_INVALID_PAGINATION, 400, "invalid_pagination", NULL },
	{ REASON_INVALID_FAMILIES, 400, "invalid_address_families", NULL },
	{ REASON_FAMILY_UNSUPPORTED, 400, "unsupported_address_family",
		"requested address family is not supported by this node" },
	{ REASON_PEER_NOT_FOUND, 404, "peer_not_found", "peer not found" },
	{ REASON_PEER_EXPIRED, 409, "peer_expired", "peer has expired" },
	{ REASON_NO_ADDRESS, 409, "no_available_ip", "no available ip addresses" },
	{ REASON_DEVICE, 500, "wireguard_error", "wireguard operation failed" },
	{ REASON_DEVICE_AWAY, 500, "wireguard_error", "wireguard operation failed" },
	{ REASON_OUTCOME_UNKNOWN, 500, "wireguard_error", "wireguard operation failed" },
	{ REASON_STORE, 503, "wireguard_error", "wireguard operation failed" },
	{ REASON_STORE_FULL, 507, "wireguard_error", "wireguard operation failed" },
};

/* Members stand in alphabetical order: the published node writes them from a map. */
static void put_failure(struct http_request *req, int status, const char *code, const char *text,
	const char *detail)
{
	struct sbuf *out = http_text(req, json_type);

	sbuf_putc(out, '{');
	if (code) {
		json_name(out, "code", false);
		json_string(out, code);
	}
	if (detail) {
		json_name(out, "detail", code != NULL);
		json_string(out, detail);
	}
	json_name(out, "error", code || detail);
	json_string(out, text);
	sbuf_putc(out, '}');
	req->status = (unsigned)status;
}

void compat_put_error(struct http_request *req, const struct err *err)
{
	const struct gate *gate = req->app;
	int status = err_status(err->reason);

	for (size_t i = 0; i < N_ELEMENTS(failures); i++) {
		const struct failure *f = &failures[i];
		bool detail = gate->debug && f->status >= 500;

		if (f->reason != err->reason)
			continue;
		put_failure(req, f->status, f->code, f->text ?: err->msg,
			detail ? err->msg : NULL);
		return;
	}
	put_failure(req, status, err_slug(err->reason), err_title(err->reason),
		gate->debug ? err->msg : NULL);
}

/* A path that differs from a route's by a slash at its end is redirected, as published. */
static bool redirect(struct http_request *req)
{
	size_t len = strlen(req->path);
	char *target;

	if (len < 2 || req->path[len - 1] != '/' ||
		(req->method != HTTP_GET && req->method != HTTP_POST))
		return false;
	target = arena_strndup(req->arena, (struct span){ req->path, len - 1 });
	if (!target)
		return false;
	for (size_t i = 0; i < gate_n_routes; i++) {
		if (gate_routes[i].method != req->method || strcmp(gate_routes[i].path, target) != 0)
			continue;
		http_set_header(req, "Location", target);
		req->status = req->method == HTTP_GET ? 301 : 307;
		if (req->method == HTTP_GET)
			sbuf_printf(http_text(req, "text/html; charset=utf-8"),
				"<a href=\"%s\">Moved Permanently</a>.\n\n", target);
		return true;
	}
	return false;
}

void compat_no_route(struct http_request *req)
{
	if (redirect(req))
		return;
	sbuf_puts(http_text(req, "text/plain"), "404 page not found");
	req->status = 404;
}

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
	put_failure(req, 500, code, text, NULL);
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
	       memchr(node->remedy, 0, sizeof node->remedy);
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

static void put_addresses(struct sbuf *out, const struct cidr address[2])
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

static void put_families(struct sbuf *out, const struct cidr address[2])
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
	put_addresses(out, peer->address);
	sbuf_puts(out, ",\"addressFamilies\":");
	put_families(out, peer->address);
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

static int parse_id(struct http_request *req, const char *text, struct uuid *ret_id, struct err *err)
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
	r = parse_id(req, req->param[0], &ask.id, err);
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
	r = parse_id(req, req->param[0], &ask.id, err);
	return r < 0 ? r : gate_ask(req, IPC_REMOVE, &ask, sizeof ask, delete_answer, err);
}

/*
 * Making and rotating
 */

struct create_body {
	const char *peer_id, *expires_at;
	struct list families;
};

/* clang-format off */
static const struct field create_fields[] = {
	FIELD(struct create_body, peer_id, .flags = F_NULLABLE),
	FIELD(struct create_body, expires_at, .flags = F_NULLABLE),
	FIELD(struct create_body, families, .json = "addressFamilies", .of = FIELD_TEXT, .flags = F_NULLABLE, .max = 64),
	{ 0 },
};
/* clang-format on */
static const struct type create_type = TYPE(struct create_body, "create", create_fields);

static int parse_expiry(const char *text, int64_t *ret_us, struct err *err)
{
	struct timestamp at;

	*ret_us = 0;
	if (!text || !*text)
		return 0;
	if (!time_parse_lax(span_of(text), &at))
		return err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be RFC3339");
	if (at.us <= time_now().us)
		return err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future");
	*ret_us = at.us;
	return 0;
}

static int parse_families(const struct list *texts, struct ipc_create *ask, struct err *err)
{
	const char *const *family = texts->at;

	for (size_t i = 0; i < texts->n; i++) {
		uint8_t value = !strcmp(family[i], "IPv4")   ? IP_V4
				: !strcmp(family[i], "IPv6") ? IP_V6
							     : IP_NONE;

		if (!value)
			return err_set(err, REASON_INVALID_FAMILIES, "addressFamilies",
				"addressFamilies must be IPv4 or IPv6");
		if (i && ask->families[0] == value)
			return err_set(err, REASON_INVALID_FAMILIES, "addressFamilies",
				"addressFamilies must not repeat");
		if (i > 1)
			return err_set(err, REASON_INVALID_FAMILIES, "addressFamilies",
				"addressFamilies must not repeat");
		ask->families[ask->n_families++] = value;
	}
	return 0;
}

static void put_created_families(struct sbuf *out, const struct ipc_create *ask,
	const struct ipc_created *created)
{
	if (!ask->n_families) {
		put_families(out, created->address);
		return;
	}
	sbuf_putc(out, '[');
	for (unsigned i = 0; i < ask->n_families; i++) /* in the order asked for */
		sbuf_printf(out, "%s\"%s\"", i ? "," : "",
			ask->families[i] == IP_V6 ? "IPv6" : "IPv4");
	sbuf_putc(out, ']');
}

static int create_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_created *created = records;
	char id[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE];
	struct sbuf *out;

	(void)meta;
	(void)more;
	if (len != sizeof *created)
		return err_set(err, REASON_INTERNAL, NULL, "a malformed answer from the keeper");
	out = http_text(p->req, json_type);
	sbuf_printf(out, "{\"server\":{\"publicKey\":\"%s\",\"listenPort\":%u},",
		wgkey_format(key, &created->server_key), created->listen_port);
	sbuf_printf(out, "\"peer\":{\"peerId\":\"%s\"", uuid_format(id, &created->id));
	sbuf_printf(out, ",\"publicKey\":\"%s\"", wgkey_format(key, &created->public_key));
	sbuf_printf(out, ",\"privateKey\":\"%s\"", wgkey_format(key, &created->private_key));
	sbuf_printf(out, ",\"presharedKey\":\"%s\"", wgkey_format(key, &created->preshared_key));
	explicit_bzero(key, sizeof key);
	sbuf_puts(out, ",\"allowedIPs\":");
	put_addresses(out, created->address);
	sbuf_puts(out, ",\"addressFamilies\":");
	put_created_families(out, p->req->query, created);
	sbuf_puts(out, "}}");
	http_set_header(p->req, "Cache-Control", "no-store, private, no-cache");
	http_set_header(p->req, "Pragma", "no-cache");
	return 0;
}

int compat_create(struct http_request *req, struct err *err)
{
	struct ipc_create *ask = arena_alloc(req->arena, sizeof *ask);
	struct create_body body = { 0 };
	int r;

	if (!ask)
		return arena_full(req->arena, err);
	r = json_read(req->body, &create_type, READ_LAX, &body, req->arena, err);
	if (r < 0)
		return r;
	if (!body.peer_id || !*body.peer_id)
		return err_set(err, REASON_INVALID_JSON, "peerId", "invalid json body");
	r = parse_id(req, body.peer_id, &ask->id, err);
	if (r >= 0)
		r = parse_expiry(body.expires_at, &ask->expires_us, err);
	if (r >= 0)
		r = parse_families(&body.families, ask, err);
	if (r < 0)
		return r;
	req->query = ask; /* for the answer */
	return gate_ask(req, IPC_CREATE, ask, sizeof *ask, create_answer, err);
}
