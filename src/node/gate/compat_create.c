/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* POST /peers of the published surface: makes a peer with keys of our making, or gives one new keys. */
#include <stdio.h>
#include <stdlib.h>

#include "json/read.h"
#include "json/write.h"
#include "model/node_api.h"
#include "node/gate/compat.h"

static const char json_type[] = "application/json; charset=utf-8";

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
		compat_put_families(out, created->address);
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
	compat_put_addresses(out, created->address);
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
	r = compat_parse_id(req, body.peer_id, &ask->id, err);
	if (r >= 0)
		r = parse_expiry(body.expires_at, &ask->expires_us, err);
	if (r >= 0)
		r = parse_families(&body.families, ask, err);
	if (r < 0)
		return r;
	req->query = ask; /* for the answer */
	return gate_ask(req, IPC_CREATE, ask, sizeof *ask, create_answer, err);
}
