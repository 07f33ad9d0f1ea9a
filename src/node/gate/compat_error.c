/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Failures of the published surface: literal codes and texts, redirects of trailing slashes. */
#include <stdio.h>

#include "json/write.h"
#include "node/gate/compat.h"

static const char json_type[] = "application/json; charset=utf-8";

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
	{ REASON_PEER_QUARANTINED, 409, "peer_quarantined", NULL },
	{ REASON_INVENTORY, 409, "inventory_mode", NULL },
	{ REASON_NO_ADDRESS, 409, "no_available_ip", "no available ip addresses" },
	{ REASON_DEVICE, 500, "wireguard_error", "wireguard operation failed" },
	{ REASON_DEVICE_AWAY, 500, "wireguard_error", "wireguard operation failed" },
	{ REASON_OUTCOME_UNKNOWN, 500, "wireguard_error", "wireguard operation failed" },
	{ REASON_STORE, 503, "wireguard_error", "wireguard operation failed" },
	{ REASON_STORE_FULL, 507, "wireguard_error", "wireguard operation failed" },
};

/* Members stand in alphabetical order: the published node writes them from a map. */
void compat_put_failure(struct http_request *req, int status, const char *code, const char *text,
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
		compat_put_failure(req, f->status, f->code, f->text ?: err->msg,
			detail ? err->msg : NULL);
		return;
	}
	compat_put_failure(req, status, err_slug(err->reason), err_title(err->reason),
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
