/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"
#include "json/read.h"

/*
 * Answers once more to requests that were done, for an Idempotency-Key whose first
 * answer is not there: what the object is now.
 */

int api_again_node(struct http_request *req, const struct uuid *id, struct err *err)
{
	return store_node(console_db(), id, req->out, req->arena, err);
}

int api_again_person(struct http_request *req, const struct uuid *id, struct err *err)
{
	return store_person(console_db(), id, req->out, req->arena, err);
}

int api_again_peer(struct http_request *req, const struct uuid *id, struct err *err)
{
	return store_peer(console_db(), id, req->out, req->arena, err);
}

struct addresses {
	struct list all;
};

static const struct field addresses_fields[] = {
	FIELD(struct addresses, all, .of = FIELD_CIDR, .max = 2),
	{ 0 },
};
static const struct type addresses_type = TYPE(struct addresses, "addresses", addresses_fields);

static int put_client(struct http_request *req, const struct node_view *node, struct peer_issued *out,
	struct err *err)
{
	const char *text = arena_printf(req->arena, "{\"all\":%s}", out->peer.addresses.text);
	struct addresses addresses = { 0 };
	int r = text ? json_read(span_of(text), &addresses_type, READ_ANSWER, &addresses, req->arena, err)
		     : arena_full(req->arena, err);

	if (r >= 0)
		r = api_client_conf(req, node, &addresses.all, &out->client, err);
	out->client.addresses = out->peer.addresses;
	return r;
}

/* Issued, being issued, or not issued in the end: the row says which. */
int api_again_issue(struct http_request *req, const struct uuid *id, struct err *err)
{
	struct peer_issued *out = req->out;
	struct node_view node;
	int r = store_peer(console_db(), id, &out->peer, req->arena, err);

	if (r < 0)
		return r;
	if (out->peer.access == ACCESS_ISSUING)
		return err_set(err, REASON_ONCE_BUSY, "Idempotency-Key",
			"it is not known yet whether this peer was issued; send it again in a moment");
	if (out->peer.access == ACCESS_FAILED)
		return err_set(err, REASON_NODE_UNCONFIRMED, NULL,
			"not issued: the node did not confirm it; issue it anew, with a new key");
	r = store_node(console_db(), &out->peer.node.id, &node, req->arena, err);
	return r < 0 ? r : put_client(req, &node, out, err);
}

int api_again_operator(struct http_request *req, const struct uuid *id, struct err *err)
{
	return store_operator(console_db(), id, req->out, req->arena, err);
}

/* Without its text, which nobody has any more. */
int api_again_token(struct http_request *req, const struct uuid *id, struct err *err)
{
	struct token_made *out = req->out;

	return store_token(console_db(), id, &caller_of(req)->session.id, &out->token, req->arena, err);
}
