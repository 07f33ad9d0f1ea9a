/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "console/app.h"
#include "console/fleet/settle.h"
#include "log/log.h"

/* One visit to a node: how it is, what it still owes us, what changed there, what its counters say. */

enum { CLOCK_WARN_MS = 5000, PAGES_MAX = 200, LIVE_MAX = 100000 };

/*
 * How it is
 */

/* Why a node that answers is not simply online; the first that holds. */
static void judge(const struct node_info *info, struct node_observed *seen, struct arena *arena)
{
	const char *remedy = info->forwarding_remedy ?: "";

	seen->state = NODE_DEGRADED;
	if (info->device != NODE_DEVICE_READY) {
		seen->reason = err_slug(REASON_DEVICE_AWAY);
		seen->reason_detail = "the WireGuard interface is not there";
	} else if (info->forwarding == NODE_FORWARD_OFF || info->forwarding == NODE_FORWARD_BLOCKED) {
		seen->reason = info->forwarding == NODE_FORWARD_OFF ? "forwarding_off"
								    : "forwarding_blocked";
		seen->reason_detail = arena_printf(arena, "peers' traffic is not forwarded; run: %s",
			remedy);
	} else if (seen->clock_offset_ms != INT_NONE && (seen->clock_offset_ms > CLOCK_WARN_MS ||
				   seen->clock_offset_ms < -CLOCK_WARN_MS)) {
		seen->reason = "clock_off";
		seen->reason_detail = arena_printf(arena, "its clock is %" PRId64 " ms off",
			seen->clock_offset_ms);
	} else {
		seen->state = NODE_ONLINE;
	}
}

static void put_lists(const struct node_info *info, struct sbuf out[3])
{
	const struct node_pool *pools = info->pools.at;
	char text[CIDR_TEXT_SIZE];

	for (unsigned i = 0; i < 3; i++)
		sbuf_putc(&out[i], '[');
	for (size_t i = 0; i < info->pools.n; i++) {
		const char *comma = i ? "," : "";

		sbuf_printf(&out[0], "%s\"%s\"", comma, cidr_format(text, &pools[i].subnet));
		sbuf_printf(&out[1], "%s\"%s\"", comma,
			cidr_format_address(text, &pools[i].server_address));
		sbuf_printf(&out[2], "%s\"%s\"", comma,
			word_text(node_family_words, pools[i].family) ?: "");
	}
	for (unsigned i = 0; i < 3; i++)
		sbuf_putc(&out[i], ']');
}

static void end_lists(struct sbuf (*lists)[3])
{
	for (unsigned i = 0; i < 3; i++)
		sbuf_done(&(*lists)[i]);
}

static int write_observed(struct db *db, const struct node_target *target, int kind,
	const struct node_info *info, int64_t offset_ms, struct arena *arena, struct err *err)
{
	scoped(end_lists) struct sbuf lists[3] = { SBUF_INIT(512), SBUF_INIT(512), SBUF_INIT(512) };
	bool native = kind == KIND_NATIVE;
	struct node_observed seen = { .id = target->id, .now = time_now(), .kind = kind,
		.version = info->version, .interface = info->interface,
		.public_key = info->public_key, .listen_port = info->listen_port,
		.peers_issued = info->peers, .peers_possible = info->possible,
		.connected = info->connected, .forwarding = info->forwarding,
		.forwarding_remedy = info->forwarding_remedy, .started_at = info->started_at,
		.backend = info->backend, .node_endpoint = info->endpoint, .node_uid = info->id,
		.epoch = info->epoch, .revision = native ? info->revision : INT_NONE,
		.clock_offset_ms = offset_ms,
		.unmanaged_peers = native ? info->drift.unmanaged : INT_NONE,
		.drift = info->drift.unmanaged + info->drift.altered + info->drift.missing,
		.lease_epoch = target->lease_epoch };

	put_lists(info, lists);
	seen.subnets = lists[0].data;
	seen.server_addresses = lists[1].data;
	seen.families = lists[2].data;
	judge(info, &seen, arena);
	return store_node_observed(db, &seen, err);
}

static int missed(struct db *db, const struct node_target *target, const struct err *why,
	struct err *err)
{
	int state = why->reason == REASON_NODE_KEY || why->reason == REASON_NODE_ANSWER
		? NODE_DEGRADED
		: NODE_UNREACHABLE;

	return store_node_missed(db, target, state, why, err);
}

int settle_node(struct console *c, struct db *db, struct node_target *target, struct arena *arena,
	struct err *err)
{
	struct timestamp before = time_now(), after;
	struct node_info info;
	struct err why;
	int64_t offset = INT_NONE;
	int kind, r;

	r = nodecall_info(target, NODECALL_REQUEST_MS, &kind, &info, arena, &why);
	after = time_now();
	if (r < 0) {
		int w = missed(db, target, &why, err);

		fleet_tell(c->fleet, db, "node", &target->id);
		*err = why;
		return w < 0 ? w : r;
	}
	if (info.clock.us)
		offset = (info.clock.us - (before.us + after.us) / 2) / USEC_PER_MS;
	r = write_observed(db, target, kind, &info, offset, arena, err);
	target->kind = kind;
	/* a new or replaced store: everything is read anew */
	if (kind == KIND_NATIVE &&
		(!uuid_equal(&target->epoch, &info.epoch) || info.revision < target->read_revision))
		target->read_revision = 0;
	target->epoch = info.epoch;
	fleet_tell(c->fleet, db, "node", &target->id);
	return r;
}

/*
 * What changed there
 */

static int apply_ended(struct console *c, struct db *db, const struct peer_row *row,
	const struct node_peer *seen, struct arena *arena, struct err *err)
{
	bool expired = seen->end_reason == NODE_END_EXPIRED;
	int r;

	if (row->desired == PEER_ABSENT)
		return 0; /* ours; settle_peer() confirms it */
	r = store_peer_ended(db, &actor_system, row, expired ? PEER_END_EXPIRED : PEER_END_REVOKED,
		expired ? NULL : err_slug(REASON_PEER_ENDED), seen->generation, seen->ended_at, arena,
		err);
	fleet_tell(c->fleet, db, "peer", &row->id);
	return r;
}

static int apply_peer(struct console *c, struct db *db, const struct node_target *target,
	const struct node_peer *seen, struct arena *arena, struct err *err)
{
	struct peer_row row;
	int r = store_peer_row(db, &seen->id, &row, arena, err);

	if (r == -ERR_NOT_FOUND)
		return 0; /* not of this Console */
	if (r < 0 || !uuid_equal(&row.node_id, &target->id) || row.unmanaged_since.us)
		return r;
	if (seen->state == NODE_PEER_ENDED)
		return apply_ended(c, db, &row, seen, arena, err);
	if (row.desired == PEER_ABSENT && row.observed_generation >= row.generation) {
		log_warn("a revoked peer is back on its node; it is removed again",
			LOG_STR("node", target->name));
		return store_peer_reappeared(db, &row, seen->generation, arena, err);
	}
	return 0;
}

static int read_changes(struct console *c, struct db *db, const struct node_target *target,
	struct arena *arena, struct err *err)
{
	int64_t after = target->read_revision;
	struct node_peer_page page;
	int r;

	for (unsigned pages = 0; pages < PAGES_MAX; pages++) {
		r = nodecall_peers(target, after, &page, arena, err);
		if (r < 0)
			return r;
		for (size_t i = 0; r >= 0 && i < page.data.n; i++)
			r = apply_peer(c, db, target, (const struct node_peer *)page.data.at + i, arena,
				err);
		if (r < 0)
			return r;
		if (page.next_revision <= after)
			break;
		after = page.next_revision;
		r = store_node_read_to(db, target, after, err);
		if (r < 0 || !page.more)
			return r;
	}
	return 0;
}

/*
 * Counters
 */

static int read_counters(struct db *db, const struct node_target *target, struct arena *arena,
	struct err *err)
{
	struct node_counter_page page;
	struct peer_live *lives;
	struct timestamp now = time_now();
	int r = nodecall_counters(target, 0, &page, arena, err);

	if (r < 0 || page.data.n == 0)
		return r;
	if (page.data.n > LIVE_MAX)
		return err_set(err, REASON_NODE_ANSWER, NULL, "the node counts too many peers");
	lives = arena_alloc(arena, page.data.n * sizeof *lives);
	if (!lives)
		return arena_full(arena, err);
	for (size_t i = 0; i < page.data.n; i++) {
		const struct node_counter *counter = (const struct node_counter *)page.data.at + i;

		lives[i] = (struct peer_live){ .id = counter->id, .node_id = target->id,
			.last_handshake_at = counter->last_handshake_at, .live_as_of = now,
			.receive_bytes = counter->receive_bytes,
			.transmit_bytes = counter->transmit_bytes, .endpoint = counter->endpoint };
	}
	return store_peers_live(db, &(struct list){ lives, page.data.n }, err);
}

/*
 * The whole visit
 */

static int settle_all(struct console *c, struct db *db, const struct node_target *target,
	struct arena *arena, bool *ret_unsettled)
{
	struct list rows;
	struct err err;
	int r = store_peers_pending(db, &target->id, &rows, arena, &err);

	for (size_t i = 0; r >= 0 && i < rows.n; i++) {
		int s = settle_peer(c, db, target, (const struct peer_row *)rows.at + i, arena, &err);

		*ret_unsettled = *ret_unsettled || s <= 0;
		if (s < 0)
			log_notice("a node did not confirm", LOG_STR("node", target->name), LOG_ERR(&err));
		if (s < 0 && err.reason == REASON_NODE_UNREACHABLE)
			break; /* the others would not fare better */
	}
	return r;
}

int settle_poll(struct console *c, struct db *db, const struct uuid *node_id, struct arena *arena,
	bool *ret_unsettled, struct err *err)
{
	struct node_target target;
	struct list rows;
	int r = store_node_target(db, &c->key, node_id, &target, arena, err);

	*ret_unsettled = false;
	if (r < 0)
		return r;
	r = settle_node(c, db, &target, arena, err);
	if (r < 0) {
		*ret_unsettled = store_peers_pending(db, node_id, &rows, arena, err) >= 0 && rows.n > 0;
		return r;
	}
	if (target.kind == KIND_NATIVE)
		r = read_changes(c, db, &target, arena, err);
	if (r >= 0)
		r = settle_all(c, db, &target, arena, ret_unsettled);
	if (r >= 0 && target.kind == KIND_NATIVE)
		r = read_counters(db, &target, arena, err);
	if (r >= 0 && target.removing && store_node_settle(db, node_id, arena, err) > 0)
		fleet_tell(c->fleet, db, "node", node_id);
	return r;
}
