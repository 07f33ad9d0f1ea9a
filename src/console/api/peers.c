/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"
#include "console/fleet/settle.h"
#include "json/read.h"
#include "log/log.h"

int api_peers_list(struct http_request *req, struct err *err)
{
	return store_peers(console_db(), req->query, req->out, req->arena, err);
}

int api_peers_get(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_PEER_NOT_FOUND, &id, err);

	return r < 0 ? r : store_peer(console_db(), &id, req->out, req->arena, err);
}

/*
 * Issuing: written down, made on the node, confirmed, answered. Whatever fails in between, the row says
 * in the end that the peer is not to be, and the fleet thread sees to that.
 */

static int check_expiry(struct timestamp at, struct err *err)
{
	if (at.us && at.us <= time_now().us)
		return err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future, or null for never");
	return 0;
}

static int check_issue(struct http_request *req, const struct peer_issue *in,
	struct node_target *target, struct err *err)
{
	struct console *c = console_of(req);
	int r = wgkey_check_public(&in->public_key, "publicKey", err);

	if (r >= 0)
		r = check_expiry(in->expires_at, err);
	if (r >= 0)
		r = store_node_target(console_db(), &c->key, &in->node_id, target, req->arena, err);
	if (r < 0)
		return r;
	if (target->state == NODE_UNREACHABLE)
		return err_set(err, REASON_NODE_UNREACHABLE, "nodeId",
			"'%s' does not answer at the moment; nothing was issued", target->name);
	if (target->kind == KIND_PUBLISHED)
		return err_set(err, REASON_NODE_UNSUPPORTED, "nodeId",
			"'%s' makes clients' keys itself; issue there after it runs wgkeeper-node %s",
			target->name, WGKEEPER_VERSION);
	return 0;
}

struct subnets {
	struct list all;
};

static const struct field subnets_fields[] = {
	FIELD(struct subnets, all, .of = FIELD_CIDR, .max = 2),
	{ 0 },
};
static const struct type subnets_type = TYPE(struct subnets, "subnets", subnets_fields);

/* A node that gives away addresses outside its own networks is wrong, or hostile. */
static int check_made(const struct node_view *node, const struct peer_row *row,
	const struct node_peer *made, struct arena *arena, struct err *err)
{
	const char *text = arena_printf(arena, "{\"all\":%s}", node->subnets.text);
	const struct cidr *addresses = made->addresses.at;
	struct subnets subnets = { 0 };
	size_t inside = 0;
	int r = text ? json_read(span_of(text), &subnets_type, READ_ANSWER, &subnets, arena, err)
		     : arena_full(arena, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < made->addresses.n; i++)
		for (size_t s = 0; s < subnets.all.n; s++)
			inside += addresses[i].bits == cidr_full_bits(&addresses[i]) &&
				  cidr_contains((const struct cidr *)subnets.all.at + s, &addresses[i]);
	if (inside == 0 || inside != made->addresses.n ||
		!wgkey_equal(&made->public_key, &row->public_key))
		return err_set(err, REASON_NODE_ANSWER, NULL,
			"the node gave addresses that are not its own");
	return 0;
}

static bool is_unknown(const struct err *err)
{
	return err->reason == REASON_OUTCOME_UNKNOWN || err->reason == REASON_NODE_ANSWER;
}

/* Sent once more when the first outcome is unknown: the same PUT again is harmless. */
static int make_on_node(const struct node_target *target, const struct peer_row *row,
	const struct peer_issue *in, struct node_peer *made, struct arena *arena, struct err *err)
{
	struct node_put put = { .public_key = in->public_key, .preshared_key = in->preshared_key,
		.expires_at = in->expires_at, .families = in->families,
		.generation = row->generation };
	int64_t began = time_monotonic_us();
	int r = nodecall_put(target, &row->id, &put, false, made, arena, err);

	if (r < 0 && is_unknown(err) && time_monotonic_us() - began < USEC_PER_SEC)
		r = nodecall_put(target, &row->id, &put, false, made, arena, err);
	wgkey_wipe(&put.preshared_key);
	return r;
}

/* Returns the error the caller is to see. */
static int not_issued(struct http_request *req, const struct node_target *target,
	const struct peer_row *row, struct err *err)
{
	const struct actor *actor = &caller_of(req)->actor;
	const char *slug = err_slug(err->reason);
	struct err ignored = { 0 };
	int r;

	if (is_unknown(err)) {
		r = store_peer_end(console_db(), actor, &row->id, PEER_END_FAILED,
			err_slug(REASON_NODE_UNCONFIRMED), req->arena, &ignored);
		(void)err_set(err, REASON_NODE_UNCONFIRMED, NULL,
			"not issued: '%s' did not confirm in time, and the peer is being taken back",
			target->name);
	} else {
		r = store_peer_ended(console_db(), actor, row, PEER_END_FAILED, slug, row->generation,
			time_now(), req->arena, &ignored);
	}
	if (r < 0)
		log_error("a failed issue could not be written down; the reconciler will find it",
			LOG_ERR(&ignored));
	fleet_wake(console_of(req)->fleet, &row->node_id);
	fleet_tell(console_of(req)->fleet, console_db(), "peer", &row->id);
	return -(int)err_class(err->reason);
}

int api_client_conf(struct http_request *req, const struct node_view *node, const struct list *given,
	struct client_conf *client, struct err *err)
{
	static const char *const routes[] = { "0.0.0.0/0", "::/0" };
	const struct cidr *addresses = given->at;
	const char **allowed = arena_alloc(req->arena, 2 * sizeof *allowed);
	size_t n = 0;

	if (!allowed)
		return arena_full(req->arena, err);
	for (size_t i = 0; i < given->n && i < 2; i++)
		allowed[n++] = routes[addresses[i].family == IP_V6];
	*client = (struct client_conf){ .server_public_key = node->public_key,
		.endpoint = node->effective_endpoint ?: "", .allowed_ips = { allowed, n },
		.persistent_keepalive = 25 };
	return 0;
}

int api_peers_issue(struct http_request *req, struct err *err)
{
	const struct peer_issue *in = req->in;
	struct peer_issued *out = req->out;
	struct node_target target;
	struct node_view node;
	struct node_peer made;
	struct peer_row row;
	int r = check_issue(req, in, &target, err);

	if (r >= 0)
		r = store_node(console_db(), &in->node_id, &node, req->arena, err);
	if (r >= 0)
		r = store_peer_issue(console_db(), &caller_of(req)->actor, in, &row, req->arena, err);
	if (r < 0)
		return r;
	r = make_on_node(&target, &row, in, &made, req->arena, err);
	if (r >= 0)
		r = check_made(&node, &row, &made, req->arena, err);
	if (r < 0)
		return not_issued(req, &target, &row, err);
	r = store_peer_confirm(console_db(), &actor_system, &row, &made.addresses, req->arena, err);
	if (r >= 0)
		r = store_peer(console_db(), &row.id, &out->peer, req->arena, err);
	if (r >= 0)
		r = api_client_conf(req, &node, &made.addresses, &out->client, err);
	out->client.addresses = out->peer.addresses;
	fleet_wake(console_of(req)->fleet, &row.node_id); /* its numbers have changed */
	fleet_tell(console_of(req)->fleet, console_db(), "peer", &row.id);
	return r;
}

/*
 * Changing and ending
 */

int api_peers_change(struct http_request *req, struct err *err)
{
	const struct peer_change *in = req->in;
	struct uuid id;
	int64_t etag;
	int r = path_id(req, 0, REASON_PEER_NOT_FOUND, &id, err);

	if (r >= 0)
		r = if_match(req, &etag, err);
	if (r >= 0 && !((in->has.given | in->has.null) & PEER_CHANGE_EXPIRES))
		r = err_set(err, REASON_MISSING_FIELD, "expiresAt", "give expiresAt: a time, or null");
	if (r >= 0)
		r = check_expiry(in->expires_at, err);
	if (r >= 0)
		r = store_peer_set_expiry(console_db(), &caller_of(req)->actor, &id, etag,
			in->expires_at, req->arena, err);
	if (r < 0)
		return r;
	settle_now(console_of(req), console_db(), &id, req->arena);
	return store_peer(console_db(), &id, req->out, req->arena, err);
}

int api_peers_revoke(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_PEER_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_peer_end(console_db(), &caller_of(req)->actor, &id, PEER_END_REVOKED, NULL,
			req->arena, err);
	if (r < 0)
		return r;
	settle_now(console_of(req), console_db(), &id, req->arena);
	return store_peer(console_db(), &id, req->out, req->arena, err);
}
