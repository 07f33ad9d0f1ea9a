/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"
#include "console/api/target.h"
#include "console/fleet/settle.h"
#include "json/write.h"

int api_nodes_list(struct http_request *req, struct err *err)
{
	return store_nodes(console_db(), req->query, req->out, req->arena, err);
}

int api_nodes_get(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_NODE_NOT_FOUND, &id, err);

	return r < 0 ? r : store_node(console_db(), &id, req->out, req->arena, err);
}

int api_nodes_change(struct http_request *req, struct err *err)
{
	struct uuid id;
	int64_t etag;
	int r = path_id(req, 0, REASON_NODE_NOT_FOUND, &id, err);

	if (r >= 0)
		r = if_match(req, &etag, err);
	if (r >= 0)
		r = store_node_change(console_db(), &caller_of(req)->actor, &id, etag, req->in,
			req->arena, err);
	if (r < 0)
		return r;
	fleet_tell(console_of(req)->fleet, console_db(), "node", &id);
	return store_node(console_db(), &id, req->out, req->arena, err);
}

int api_nodes_recheck(struct http_request *req, struct err *err)
{
	struct node_target target;
	struct uuid id;
	struct err why;
	int r = path_id(req, 0, REASON_NODE_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_node_target(console_db(), &console_of(req)->key, &id, &target, req->arena, err);
	if (r < 0)
		return r;
	/* that it does not answer is the answer */
	if (settle_node(console_of(req), console_db(), &target, req->arena, &why) >= 0)
		fleet_wake(console_of(req)->fleet, &id);
	return store_node(console_db(), &id, req->out, req->arena, err);
}

static int put_node(struct http_request *req, const struct uuid *id, struct node_removed *out,
	struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(64 * 1024);
	struct node_view node;
	int r = store_node(console_db(), id, &node, req->arena, err);

	if (r == -ERR_NOT_FOUND)
		return 0; /* gone already: null */
	if (r < 0)
		return r;
	json_object(&text, &node_view_type, &node);
	out->node.text = arena_strdup(req->arena, text.data);
	return out->node.text ? 0 : arena_full(req->arena, err);
}

static int remove_node(struct http_request *req, const struct uuid *id, struct node_removed *out,
	struct err *err)
{
	struct console *c = console_of(req);
	int r = store_node_remove(console_db(), &caller_of(req)->actor, id, &out->revoking, req->arena,
		err);

	if (r >= 0)
		r = store_node_settle(console_db(), id, req->arena, err);
	if (r >= 0)
		r = put_node(req, id, out, err);
	fleet_wake(c->fleet, id);
	return r;
}

int api_nodes_remove(struct http_request *req, struct err *err)
{
	const struct node_delete *query = req->query;
	struct node_removed *out = req->out;
	struct uuid id;
	int r = path_id(req, 0, REASON_NODE_NOT_FOUND, &id, err);

	if (r >= 0 && !query->peers)
		r = err_set(err, REASON_MISSING_FIELD, "peers",
			"say what becomes of its peers: peers=revoke or peers=leave");
	if (r < 0)
		return r;
	if (query->peers == NODE_PEERS_REVOKE)
		r = remove_node(req, &id, out, err);
	else
		r = store_node_leave(console_db(), &caller_of(req)->actor, &id, &out->unmanaged,
			req->arena, err);
	fleet_tell(console_of(req)->fleet, console_db(), "node", &id);
	return r;
}

/*
 * Adding
 */

int api_nodes_add(struct http_request *req, struct err *err)
{
	const struct node_add *in = req->in;
	const struct node_check how = { .enrol = in->enrol, .api_key = in->api_key,
		.address = in->address, .fingerprint = in->fingerprint, .transport = in->transport };
	struct node_target target;
	struct node_info info;
	struct node_new fresh;
	struct uuid id;
	int kind, r = target_make(&how, &target, req->arena, err);

	if (r >= 0 && target.transport == TRANSPORT_PLAIN && !in->plain_confirmed)
		r = err_set(err, REASON_NODE_PLAIN, "plainConfirmed",
			"over plain HTTP everybody on the way reads the API key; confirm, or use TLS");
	if (r >= 0 && target.transport == TRANSPORT_TLS && !target.fingerprint)
		r = err_set(err, REASON_MISSING_FIELD, "fingerprint",
			"check the node first, compare its fingerprint, and send it along");
	if (r >= 0 && !target.api_key.len)
		r = err_set(err, REASON_MISSING_FIELD, "apiKey", "give the node's API key");
	if (r >= 0)
		r = nodecall_info(&target, NODECALL_REQUEST_MS, &kind, &info, req->arena, err);
	if (r < 0)
		return r;
	fresh = (struct node_new){ .name = in->name, .address = target.address,
		.fingerprint = target.fingerprint, .endpoint = in->endpoint,
		.transport = target.transport, .api_key = target.api_key,
		.public_key = info.public_key, .node_uid = info.id };
	r = store_node_add(console_db(), &caller_of(req)->actor, &console_of(req)->key, &fresh, &id,
		req->arena, err);
	if (r >= 0)
		r = store_node_target(console_db(), &console_of(req)->key, &id, &target, req->arena, err);
	if (r < 0)
		return r;
	r = settle_node(console_of(req), console_db(), &target, req->arena, err);
	fleet_wake(console_of(req)->fleet, &id);
	return r < 0 ? r : store_node(console_db(), &id, req->out, req->arena, err);
}
