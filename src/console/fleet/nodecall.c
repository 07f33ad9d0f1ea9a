/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/fleet/nodecall.h"

#include "http/client.h"
#include "json/read.h"
#include "json/write.h"

enum { ANSWER_MAX = 8 * 1024 * 1024, SMALL_ANSWER_MAX = 1024 * 1024, URL_MAX = 512 };

/* An error's code, from either surface: problem+json, or {"code","error"}. */
struct problem {
	const char *code, *detail, *error, *field;
};

#define PROBLEM(member, ...) FIELD(struct problem, member, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field problem_fields[] = {
	PROBLEM(code, .max = 64),
	PROBLEM(detail, .max = 512),
	PROBLEM(error, .max = 512),
	PROBLEM(field, .max = 64),
	{ 0 },
};
static const struct type problem_type = TYPE(struct problem, "Problem", problem_fields);

/* What a caller of ours may learn of a node's refusal; anything else is "refused". */
static const enum err_reason passed_on[] = { REASON_NO_ADDRESS, REASON_KEY_IN_USE, REASON_PEER_ENDED,
	REASON_PEER_EXPIRED, REASON_GENERATION, REASON_INVALID_KEY, REASON_INVALID_EXPIRES_AT,
	REASON_FAMILY_UNSUPPORTED, REASON_INVALID_FAMILIES, REASON_PEER_NOT_FOUND,
	REASON_DEVICE_AWAY, REASON_KEEPER_AWAY, REASON_STORE, REASON_STORE_FULL };

static int refusal(const struct http_reply *reply, struct arena *arena, struct err *err)
{
	struct problem problem = { 0 };
	struct err ignored;
	enum err_reason reason;

	if (reply->status == 401 || reply->status == 403)
		return err_set(err, REASON_NODE_KEY, "apiKey",
			"the node does not accept this API key, or not from this address");
	if (json_read(reply->body, &problem_type, READ_ANSWER, &problem, arena, &ignored) < 0)
		problem = (struct problem){ 0 };
	reason = problem.code ? err_reason_of(problem.code) : REASON_NONE;
	for (size_t i = 0; i < N_ELEMENTS(passed_on); i++)
		if (reason == passed_on[i])
			return err_set(err, reason, problem.field, "%s",
				problem.detail ?: problem.error ?: err_title(reason));
	if (reply->status >= 500)
		return err_set(err, REASON_OUTCOME_UNKNOWN, NULL, "the node answered %u",
			reply->status);
	return err_set(err, REASON_NODE_REFUSED, NULL, "the node answered %u: %s", reply->status,
		problem.detail ?: problem.error ?: "");
}

/* One request, its answer read into `ret` (of `type`; both may be NULL). */
static int call(const struct node_target *target, const char *method, const char *path,
	struct span body, unsigned timeout_ms, const struct type *type, void *ret,
	struct arena *arena, struct err *err)
{
	struct http_reply reply;
	char url[URL_MAX];
	struct http_call request = { .method = method, .url = url, .pin = target->fingerprint,
		.api_key = target->api_key, .body = body, .timeout_ms = timeout_ms,
		.max_answer = type ? ANSWER_MAX : SMALL_ANSWER_MAX };
	int r;

	if ((size_t)snprintf(url, sizeof url, "%s%s", target->address, path) >= sizeof url)
		return err_set(err, REASON_INVALID_FIELD, "address", "the address is too long");
	r = http_call(&request, &reply, arena, err);
	if (r < 0)
		return r;
	if (reply.status < 200 || reply.status > 299)
		return refusal(&reply, arena, err);
	if (!type)
		return 0;
	r = json_read(reply.body, type, READ_ANSWER, ret, arena, err);
	return r < 0 ? err_set(err, REASON_NODE_ANSWER, NULL,
			       "the node's answer to %s cannot be understood", method)
		     : 0;
}

static const struct span no_body;

/*
 * Either kind's description
 */

struct published_service {
	const char *name, *version;
};
struct published_wireguard {
	const char *interface;
	int64_t listen_port;
	struct list subnets, server_ips;
};
struct published_peers {
	int64_t possible, issued, active;
};
struct published_stats {
	struct published_service service;
	struct published_wireguard wireguard;
	struct published_peers peers;
	struct timestamp started_at;
};

static const struct field service_fields[] = {
	FIELD(struct published_service, name, .max = 64),
	FIELD(struct published_service, version, .max = 32),
	{ 0 },
};
static const struct type service_type = TYPE(struct published_service, "service", service_fields);
static const struct field wireguard_fields[] = {
	FIELD(struct published_wireguard, interface, .max = 15),
	FIELD(struct published_wireguard, listen_port, .max = 65535),
	FIELD(struct published_wireguard, subnets, .of = FIELD_CIDR, .max = 2),
	FIELD(struct published_wireguard, server_ips, .of = FIELD_CIDR, .flags = F_HOST, .max = 2),
	{ 0 },
};
static const struct type wireguard_type =
	TYPE(struct published_wireguard, "wireguard", wireguard_fields);
static const struct field peers_fields[] = {
	FIELD(struct published_peers, possible, .min = 0, .max = INT64_MAX),
	FIELD(struct published_peers, issued, .min = 0, .max = INT64_MAX),
	FIELD(struct published_peers, active, .min = 0, .max = INT64_MAX),
	{ 0 },
};
static const struct type peers_type = TYPE(struct published_peers, "peers", peers_fields);
static const struct field stats_fields[] = {
	FIELD_SUB(struct published_stats, service, &service_type),
	FIELD_SUB(struct published_stats, wireguard, &wireguard_type),
	FIELD_SUB(struct published_stats, peers, &peers_type),
	FIELD(struct published_stats, started_at),
	{ 0 },
};
static const struct type stats_type = TYPE(struct published_stats, "stats", stats_fields);

static int published_info(const struct node_target *target, unsigned timeout_ms,
	struct node_info *ret_info, struct arena *arena, struct err *err)
{
	struct node_pool *pools = arena_alloc(arena, 2 * sizeof *pools);
	struct published_stats stats = { 0 };
	int r = call(target, "GET", "/stats", no_body, timeout_ms, &stats_type, &stats, arena, err);

	if (r < 0)
		return r;
	if (!pools)
		return arena_full(arena, err);
	*ret_info = (struct node_info){ .name = stats.service.name, .version = stats.service.version,
		.interface = stats.wireguard.interface, .listen_port = stats.wireguard.listen_port,
		.peers = stats.peers.issued, .possible = stats.peers.possible,
		.connected = stats.peers.active, .started_at = stats.started_at,
		.device = NODE_DEVICE_READY, .pools = { pools, stats.wireguard.subnets.n } };
	for (size_t i = 0; i < stats.wireguard.subnets.n; i++) {
		pools[i].subnet = ((const struct cidr *)stats.wireguard.subnets.at)[i];
		pools[i].family = pools[i].subnet.family == IP_V6 ? NODE_IPV6 : NODE_IPV4;
		if (i < stats.wireguard.server_ips.n)
			pools[i].server_address =
				((const struct cidr *)stats.wireguard.server_ips.at)[i];
	}
	return 0;
}

int nodecall_info(const struct node_target *target, unsigned timeout_ms, int *ret_kind,
	struct node_info *ret_info, struct arena *arena, struct err *err)
{
	int r;

	*ret_info = (struct node_info){ 0 };
	*ret_kind = KIND_NATIVE;
	r = call(target, "GET", "/v1/node", no_body, timeout_ms, &node_info_type, ret_info, arena,
		err);
	if (r >= 0 || err->reason != REASON_NODE_REFUSED)
		return r;
	*ret_kind = KIND_PUBLISHED; /* it knows no such path */
	return published_info(target, timeout_ms, ret_info, arena, err);
}

/*
 * Peers
 */

int nodecall_put(const struct node_target *target, const struct uuid *id, const struct node_put *put,
	bool keeps_preshared_key, struct node_peer *ret_peer, struct arena *arena, struct err *err)
{
	scoped(sbuf_wipe) struct sbuf body = SBUF_INIT(4096);
	char path[64], uuid[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE];
	int r;

	snprintf(path, sizeof path, "/v1/peers/%s", uuid_format(uuid, id));
	sbuf_putc(&body, '{');
	(void)json_members(&body, &node_put_type, put, false); /* secrets never leave by a table */
	if (!keeps_preshared_key) {
		json_name(&body, "presharedKey", true);
		json_string(&body, wgkey_is_zero(&put->preshared_key)
				? NULL
				: wgkey_format(key, &put->preshared_key));
	}
	sbuf_putc(&body, '}');
	explicit_bzero(key, sizeof key);
	r = sbuf_finish(&body, err);
	if (r < 0)
		return r;
	*ret_peer = (struct node_peer){ 0 };
	return call(target, "PUT", path, (struct span){ body.data, body.len }, NODECALL_REQUEST_MS,
		&node_peer_type, ret_peer, arena, err);
}

int nodecall_delete(const struct node_target *target, const struct uuid *id, int64_t generation,
	struct arena *arena, struct err *err)
{
	struct node_deleted deleted = { 0 };
	char path[128], uuid[UUID_TEXT_SIZE];
	int r;

	uuid_format(uuid, id);
	if (target->kind == KIND_PUBLISHED) {
		snprintf(path, sizeof path, "/peers/%s", uuid);
		r = call(target, "DELETE", path, no_body, NODECALL_REQUEST_MS, NULL, NULL, arena, err);
		return r == -ERR_NOT_FOUND ? 0 : r;
	}
	snprintf(path, sizeof path, "/v1/peers/%s?generation=%lld", uuid, (long long)generation);
	r = call(target, "DELETE", path, no_body, NODECALL_REQUEST_MS, &node_deleted_type, &deleted,
		arena, err);
	if (r >= 0 && !deleted.absent_from_device)
		return err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
			"the node has not yet seen that the key is gone");
	return r;
}

int nodecall_peers(const struct node_target *target, int64_t after, struct node_peer_page *ret_page,
	struct arena *arena, struct err *err)
{
	char path[64];

	snprintf(path, sizeof path, "/v1/peers?after=%lld&limit=1000", (long long)after);
	*ret_page = (struct node_peer_page){ 0 };
	return call(target, "GET", path, no_body, NODECALL_POLL_MS, &node_peer_page_type, ret_page,
		arena, err);
}

int nodecall_counters(const struct node_target *target, int64_t after,
	struct node_counter_page *ret_page, struct arena *arena, struct err *err)
{
	char path[64];

	snprintf(path, sizeof path, "/v1/counters?after=%lld", (long long)after);
	*ret_page = (struct node_counter_page){ 0 };
	return call(target, "GET", path, no_body, NODECALL_POLL_MS, &node_counter_page_type, ret_page,
		arena, err);
}
