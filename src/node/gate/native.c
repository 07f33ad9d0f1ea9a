/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "json/write.h"
#include "node/gate/native.h"

enum { PEER_TEXT = 448 }; /* bytes of a usual one */

const char native_json_type[] = "application/json; charset=utf-8";

int native_malformed(struct err *err)
{
	return err_set(err, REASON_INTERNAL, NULL, "a malformed answer from the keeper");
}

int native_check_id(const struct uuid *id, struct err *err)
{
	if (!uuid_is_v4(id))
		return err_set(err, REASON_INVALID_PEER_ID, "id",
			"the peer's id must be a UUID of version 4, 36 characters");
	return 0;
}

static int parse_id(struct http_request *req, struct uuid *ret_id, struct err *err)
{
	if (!uuid_parse(span_of(req->param[0]), ret_id))
		*ret_id = (struct uuid){ 0 };
	return native_check_id(ret_id, err);
}

const char *native_endpoint(struct arena *arena, const struct cidr *address, uint16_t port)
{
	char text[CIDR_TEXT_SIZE];

	if (!address->family)
		return NULL;
	return arena_printf(arena, address->family == IP_V6 ? "[%s]:%u" : "%s:%u",
		cidr_format_address(text, address), port);
}

/* Those there are, in place: IPv4 stands before IPv6. */
static struct list addresses_of(const struct cidr address[2])
{
	unsigned first = address[0].family == IP_NONE;
	size_t n = (address[0].family != IP_NONE) + (size_t)(address[1].family != IP_NONE);

	return (struct list){ (void *)(uintptr_t)(address + (n ? first : 0)), n };
}

struct node_peer native_peer(const struct ipc_peer *in, const struct ipc_meta *meta, bool single)
{
	return (struct node_peer){ .id = in->id, .epoch = meta->epoch,
		.public_key = in->public_key, .addresses = addresses_of(in->address), .state = in->state,
		.end_reason = in->end_reason, .quarantine = in->quarantine, .created_at = { in->created_us },
		.expires_at = { in->expires_us }, .ended_at = { in->ended_us },
		.generation = in->generation, .revision = in->revision,
		.persistent_keepalive = in->keepalive,
		.has_preshared_key = in->has_preshared_key != 0,
		.label = in->label[0] ? in->label : NULL,
		.changed_by_key = in->author_key ?: INT_NONE, .changed_from = in->author_source,
		.store_revision = single ? meta->revision : INT_NONE };
}

int native_keep_peer(struct node_peer *peer, struct arena *arena, struct err *err)
{
	size_t len = peer->addresses.n * sizeof(struct cidr);
	void *addresses = arena_alloc(arena, len + 1);
	const char *label = arena_strdup(arena, peer->label);

	if (!addresses || (peer->label && !label))
		return arena_full(arena, err);
	memcpy(addresses, peer->addresses.at, len);
	peer->addresses.at = addresses;
	peer->label = label;
	return 0;
}

/*
 * The node
 */

static void fill_pools(const struct ipc_node *in, struct node_pool pools[2])
{
	for (unsigned i = 0; i < in->n_pools; i++)
		pools[i] = (struct node_pool){
			.family = in->pools[i].subnet.family == IP_V6 ? NODE_IPV6 : NODE_IPV4,
			.subnet = in->pools[i].subnet, .server_address = in->pools[i].server,
			/* a /64 holds more than a signed number counts */
			.size = in->pools[i].size > INT64_MAX ? INT64_MAX
							      : (int64_t)in->pools[i].size,
			.used = (int64_t)in->pools[i].used,
			.resting = (int64_t)in->pools[i].resting,
			.foreign = (int64_t)in->pools[i].foreign };
}

/* Points into the record. */
static struct node_checkpoint_head held_head(const struct ipc_checkpoint_head *in)
{
	if (!in->received_us)
		return (struct node_checkpoint_head){ 0 };
	return (struct node_checkpoint_head){ in->checkpoint.origin, (int64_t)in->checkpoint.size,
		{ in->checkpoint.root.bytes, DIGEST_SIZE }, { in->received_us }, in->forked != 0 };
}

static int node_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	static const char *const versions[] = { "v1" };
	static const char *const capabilities[] = { "peers", "batch", "counters", "keys", "drift",
		"apikeys", "checkpoint" };
	static struct node_pool pools[2];
	const struct ipc_node *in = gate_node(records, len, err);


	(void)more;
	if (!in)
		return -ERR_INTERNAL;
	fill_pools(in, pools);
	json_object(http_text(p->req, native_json_type), &node_info_type,
		&(struct node_info){ .id = in->id, .epoch = meta->epoch,
			.revision = meta->revision, .name = in->name, .version = WGKEEPER_VERSION,
			.api_versions = { (void *)(uintptr_t)versions, N_ELEMENTS(versions) },
			.capabilities = { (void *)(uintptr_t)capabilities,
				N_ELEMENTS(capabilities) },
			.interface = in->interface, .endpoint = in->endpoint[0] ? in->endpoint : NULL,
			.public_key = in->public_key, .listen_port = in->listen_port,
			.peers = (int64_t)in->peers, .suspended = (int64_t)in->suspended,
			.quarantined = (int64_t)in->quarantined,
			.possible = in->possible > INT64_MAX ? INT64_MAX : (int64_t)in->possible,
			.connected = (int64_t)in->connected, .tombstones = (int64_t)in->tombstones,
			.checkpoint = held_head(&in->checkpoint),
			.pools = { pools, in->n_pools },
			.clock = time_now(), .started_at = { in->started_us },
			.device_read_at = { meta->device_read_us }, .mode = in->mode, .backend = in->backend,
			.device = (int)meta->device, .forwarding = in->forwarding,
			.forwarding_remedy = in->remedy[0] ? in->remedy : NULL,
			.drift = { (int64_t)in->unmanaged, (int64_t)in->altered,
				(int64_t)in->missing, (int64_t)in->offered } });
	return 0;
}

int native_node(struct http_request *req, struct err *err)
{
	return gate_ask(req, IPC_NODE, NULL, 0, node_answer, err);
}

/*
 * One peer
 */

static int get_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_peer *record = gate_peer(records, len, 0);
	struct sbuf *out = http_text(p->req, native_json_type);
	struct node_peer_live live;
	struct node_peer peer;

	(void)more;
	if (!record)
		return native_malformed(err);
	peer = native_peer(record, meta, true);
	live = (struct node_peer_live){ .receive_bytes = (int64_t)record->rx_bytes,
		.transmit_bytes = (int64_t)record->tx_bytes,
		.last_handshake_at = { record->last_handshake_us },
		.device_read_at = { meta->device_read_us },
		.endpoint = native_endpoint(p->req->arena, &record->endpoint, record->endpoint_port) };
	sbuf_putc(out, '{');
	json_members(out, &node_peer_type, &peer, false);
	json_members(out, &node_peer_live_type, &live, true);
	sbuf_putc(out, '}');
	return 0;
}

int native_get(struct http_request *req, struct err *err)
{
	struct ipc_id ask;
	int r = parse_id(req, &ask.id, err);

	return r < 0 ? r : gate_ask(req, IPC_GET, &ask, sizeof ask, get_answer, err);
}

static int put_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_peer *record = gate_peer(records, len, 0);
	struct node_peer *out = p->req->out;

	(void)more;
	if (!record)
		return native_malformed(err);
	*out = native_peer(record, meta, true);
	return native_keep_peer(out, p->req->arena, err);
}

int native_fill_put(const struct node_put *in, const struct uuid *id, struct ipc_put *ask,
	struct err *err)
{
	const struct cidr *addresses = in->addresses.at;
	const int *families = in->families.at;
	int r = native_check_id(id, err);

	memset(ask, 0, sizeof *ask);
	if (r >= 0)
		r = wgkey_check_public(&in->public_key, "publicKey", err);
	if (r >= 0 && in->expires_at.us < 0)
		r = err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future, or null");
	if (r < 0)
		return r;
	ask->id = *id;
	if (in->addresses.n && in->families.n)
		return err_set(err, REASON_INVALID_FIELD, "families",
			"give addresses or families, not both");
	for (size_t i = 0; i < in->addresses.n; i++)
		ask->address[ask->n_addresses++] = addresses[i];
	for (size_t i = 0; i < in->families.n; i++)
		ask->families[ask->n_families++] = families[i] == NODE_IPV6 ? IP_V6 : IP_V4;
	if (ask->n_families == 2 && ask->families[0] == ask->families[1])
		return err_set(err, REASON_INVALID_FAMILIES, "families",
			"a family is given twice");
	ask->public_key = in->public_key;
	ask->preshared_key = in->preshared_key;
	ask->keeps_preshared_key =
		!((in->has.given | in->has.null) & NODE_PUT_PRESHARED_KEY);
	ask->expires_us = in->expires_at.us;
	ask->generation = in->generation;
	ask->keepalive = (int32_t)in->persistent_keepalive;
	ask->suspended = in->suspended;
	snprintf(ask->label, sizeof ask->label, "%s", in->label ?: "");
	return 0;
}

int native_put(struct http_request *req, struct err *err)
{
	struct node_put *in = req->in;
	struct ipc_put ask;
	struct uuid id;
	int r = parse_id(req, &id, err);

	if (r >= 0)
		r = native_fill_put(in, &id, &ask, err);
	if (r >= 0)
		r = gate_ask(req, IPC_PUT, &ask, sizeof ask, put_answer, err);
	explicit_bzero(&ask, sizeof ask);
	wgkey_wipe(&in->preshared_key);
	return r;
}

void native_fill_deleted(const struct ipc_ended *in, const struct uuid *id, const struct ipc_meta *meta,
	struct node_deleted *out)
{
	*out = (struct node_deleted){ .id = *id, .epoch = meta->epoch, .revision = meta->revision,
		.generation = in->generation, .state = NODE_PEER_ENDED, .absent_from_device = true,
		.confirmed_at = { in->confirmed_us } };
}

static int delete_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	struct uuid id;

	(void)more;
	if (len != sizeof(struct ipc_ended) || !uuid_parse(span_of(p->req->param[0]), &id))
		return native_malformed(err);
	native_fill_deleted(records, &id, meta, p->req->out);
	return 0;
}

int native_delete(struct http_request *req, struct err *err)
{
	const struct node_delete_query *query = req->query;
	struct ipc_end ask = { .generation = query->generation };
	int r = parse_id(req, &ask.id, err);

	return r < 0 ? r : gate_ask(req, IPC_END, &ask, sizeof ask, delete_answer, err);
}

/*
 * Keys
 */

static int key_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_key_answer *in = records;
	struct node_key *out = p->req->out;

	(void)more;
	if (len != sizeof *in)
		return native_malformed(err);
	out->epoch = meta->epoch;
	out->revision = meta->revision;
	out->on_device = in->on_device != 0;
	out->in_store = in->in_store != 0;
	out->state = in->state;
	out->peer_id = in->peer_id;
	out->device_read_at.us = meta->device_read_us;
	return 0;
}

int native_key(struct http_request *req, struct err *err)
{
	struct node_key *out = req->out;
	struct ipc_key ask;

	if (!wgkey_parse_path(span_of(req->param[0]), &ask.key))
		return err_set(err, REASON_INVALID_KEY, "publicKey",
			"write the key as 43 characters of base64url");
	out->public_key = ask.key;
	return gate_ask(req, IPC_KEY, &ask, sizeof ask, key_answer, err);
}

/*
 * Lists: written while they come
 */

void native_put_head(struct sbuf *out, const struct ipc_meta *meta)
{
	char epoch[UUID_TEXT_SIZE];

	sbuf_printf(out, "{\"epoch\":\"%s\",\"revision\":", uuid_format(epoch, &meta->epoch));
	sbuf_int(out, meta->revision);
}

static int changes_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct node_after_query *query = p->req->query;
	struct sbuf *out = &p->req->answer;
	const struct ipc_peer *record;

	(void)err;
	if (!p->n_sent && !out->len) {
		native_put_head(http_text(p->req, native_json_type), meta);
		sbuf_puts(out, ",\"data\":[");
		p->last = query->after;
		if (more) /* a long one: room for all of it, rather than moving it again and again */
			(void)sbuf_room(out, (size_t)query->limit * PEER_TEXT);
	}
	for (size_t i = 0; (record = gate_peer(records, len, i)); i++) {
		struct node_peer peer = native_peer(record, meta, false);

		if (p->n_sent++)
			sbuf_putc(out, ',');
		json_object(out, &node_peer_type, &peer);
		p->last = record->revision;
	}
	if (more)
		return 0;
	more = p->last < meta->revision && (int64_t)p->n_sent == query->limit;
	sbuf_puts(out, "],\"nextRevision\":");
	/* at the end all is known, also of revisions that are not a peer's; `after` may be from another store */
	sbuf_int(out, more || p->last > meta->revision ? p->last : meta->revision);
	sbuf_printf(out, ",\"more\":%s}", more ? "true" : "false");
	return 0;
}

int native_changes(struct http_request *req, struct err *err)
{
	const struct node_after_query *query = req->query;
	struct ipc_range ask = { .after = query->after, .limit = query->limit };

	return gate_ask(req, IPC_CHANGES, &ask, sizeof ask, changes_answer, err);
}

static int counters_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	static const struct field time_field = { .kind = FIELD_TIME, .flags = F_NULLABLE };
	struct timestamp read_at = { meta->device_read_us };
	struct sbuf *out = &p->req->answer;
	const struct ipc_peer *record;

	(void)err;
	if (!p->n_sent && !out->len) {
		native_put_head(http_text(p->req, native_json_type), meta);
		sbuf_puts(out, ",\"cursor\":");
		sbuf_int(out, meta->cursor);
		sbuf_puts(out, ",\"deviceReadAt\":");
		json_value(out, &time_field, &read_at);
		sbuf_puts(out, ",\"data\":[");
	}
	for (size_t i = 0; (record = gate_peer(records, len, i)); i++) {
		struct node_counter counter = { .id = record->id,
			.receive_bytes = (int64_t)record->rx_bytes,
			.transmit_bytes = (int64_t)record->tx_bytes,
			.last_handshake_at = { record->last_handshake_us },
			.endpoint = native_endpoint(p->req->arena, &record->endpoint,
				record->endpoint_port) };

		if (p->n_sent++)
			sbuf_putc(out, ',');
		json_object(out, &node_counter_type, &counter);
	}
	if (!more)
		sbuf_puts(out, "]}");
	return 0;
}

int native_counters(struct http_request *req, struct err *err)
{
	const struct node_counters_query *query = req->query;
	struct ipc_range ask = { .after = query->after };

	return gate_ask(req, IPC_COUNTERS, &ask, sizeof ask, counters_answer, err);
}
