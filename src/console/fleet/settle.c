/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/fleet/settle.h"

#include "console/app.h"
#include "log/log.h"

static int delete_peer(struct console *c, struct db *db, const struct node_target *target,
	const struct peer_row *row, struct arena *arena, struct err *err)
{
	int r = nodecall_delete(target, &row->id, row->generation, arena, err);

	if (r < 0)
		return r;
	r = store_peer_confirm(db, &actor_system, row, NULL, arena, err);
	if (r > 0)
		fleet_tell(c->fleet, db, "peer", &row->id);
	return r < 0 ? r : 1;
}

/* A change of a peer that the node has; the preshared key is not ours to know. */
static int change_peer(struct console *c, struct db *db, const struct node_target *target,
	const struct peer_row *row, struct arena *arena, struct err *err)
{
	const struct node_put put = { .public_key = row->public_key, .expires_at = row->expires_at,
		.generation = row->generation };
	struct node_peer answer;
	int r = nodecall_put(target, &row->id, &put, true, &answer, arena, err);

	if (r < 0)
		return r;
	r = store_peer_confirm(db, &actor_system, row, NULL, arena, err);
	if (r > 0)
		fleet_tell(c->fleet, db, "peer", &row->id);
	return r < 0 ? r : 1;
}

/* A Console that died half way through issuing: nobody has the key's file, so the peer is not to be. */
static int abandon(struct console *c, struct db *db, const struct node_target *target,
	const struct peer_row *row, struct arena *arena, struct err *err)
{
	struct peer_row next;
	int r;

	if (time_now().us - row->issued_at.us < SETTLE_ABANDON_S * USEC_PER_SEC)
		return 0; /* a request is at it */
	r = store_peer_end(db, &actor_system, &row->id, PEER_END_FAILED,
		err_slug(REASON_NODE_UNCONFIRMED), arena, err);
	if (r >= 0)
		r = store_peer_row(db, &row->id, &next, arena, err);
	return r < 0 ? r : delete_peer(c, db, target, &next, arena, err);
}

int settle_peer(struct console *c, struct db *db, const struct node_target *target,
	const struct peer_row *row, struct arena *arena, struct err *err)
{
	if (row->observed_generation >= row->generation || row->unmanaged_since.us)
		return 0;
	if (row->desired == PEER_ABSENT)
		return delete_peer(c, db, target, row, arena, err);
	if (row->observed_generation == 0)
		return abandon(c, db, target, row, arena, err);
	if (target->kind == KIND_PUBLISHED)
		return err_set(err, REASON_NODE_UNSUPPORTED, NULL,
			"a node of the published version cannot change a peer; issue it anew");
	return change_peer(c, db, target, row, arena, err);
}

void settle_now(struct console *c, struct db *db, const struct uuid *peer_id, struct arena *arena)
{
	struct node_target target;
	struct peer_row row = { 0 };
	char id[UUID_TEXT_SIZE];
	struct err err;
	int r = store_peer_row(db, peer_id, &row, arena, &err);

	if (r >= 0)
		r = store_node_target(db, &c->key, &row.node_id, &target, arena, &err);
	if (r >= 0 && target.state != NODE_UNREACHABLE)
		r = settle_peer(c, db, &target, &row, arena, &err);
	if (r < 0)
		log_notice("not confirmed yet; the fleet thread goes on with it",
			LOG_STR("peer", uuid_format(id, peer_id)), LOG_ERR(&err));
	fleet_tell(c->fleet, db, "peer", peer_id);
	fleet_wake(c->fleet, &row.node_id);
}
