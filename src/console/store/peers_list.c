/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "console/store/internal.h"
#include "console_sql.h"

/* Peers as lists: the operator's, the reconciler's, and what counters say. */

enum { CONNECTED_S = 180, STALE_S = 60, EXPIRING_S = 7 * 86400 };

struct peer_filter {
	struct uuid id, node, person, issued_by;
	const char *q, *q_start;
	struct blob key_from, key_to;
	bool is_current, is_connected, is_never_used, is_expiring, is_pending, is_ended, is_unmanaged;
	struct timestamp connected_since, expiring_before;
};

#define FILTER(member, ...) FIELD(struct peer_filter, member, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field filter_fields[] = {
	FILTER(id),
	FILTER(node),
	FILTER(person),
	FILTER(issued_by),
	FILTER(q),
	FILTER(q_start),
	FILTER(key_from),
	FILTER(key_to),
	FILTER(is_current),
	FILTER(is_connected),
	FILTER(is_never_used),
	FILTER(is_expiring),
	FILTER(is_pending),
	FILTER(is_ended),
	FILTER(is_unmanaged),
	FILTER(connected_since),
	FILTER(expiring_before),
	{ 0 },
};
static const struct type filter_type = TYPE(struct peer_filter, "PeerFilter", filter_fields);

struct peer_counts {
	int64_t n_current, connected, never_used, expiring, pending, ended, unmanaged, n_all;
};

#define COUNT(member, ...) FIELD(struct peer_counts, member, __VA_ARGS__)
static const struct field count_fields[] = {
	COUNT(n_current, .json = "current"),
	COUNT(connected),
	COUNT(never_used, .json = "never_used"),
	COUNT(expiring),
	COUNT(pending),
	COUNT(ended),
	COUNT(unmanaged),
	COUNT(n_all, .json = "all"),
	{ 0 },
};
static const struct type counts_type = TYPE(struct peer_counts, "PeerCounts", count_fields);

/*
 * The beginning of a public key as people copy it is base64; in the table a key is its bytes. The
 * bytes that begin so lie between two keys: the prefix filled up with 0 and with 1 bits.
 */
static void put_key_range(struct peer_filter *filter, const char *prefix, struct arena *arena)
{
	char from[WGKEY_TEXT_SIZE], to[WGKEY_TEXT_SIZE];
	struct wgkey *keys = arena_alloc(arena, 2 * sizeof *keys);
	size_t len = strlen(prefix);

	if (!keys || len == 0 || len > WGKEY_TEXT_SIZE - 1)
		return;
	memset(from, 'A', sizeof from);
	memset(to, '/', sizeof to);
	memcpy(from, prefix, len);
	memcpy(to, prefix, len);
	from[43] = to[43] = '=';
	from[44] = to[44] = 0;
	if (len < 43)
		to[42] = '8'; /* the last digit carries four bits */
	if (!wgkey_parse(span_of(from), &keys[0]) || !wgkey_parse(span_of(to), &keys[1]))
		return;
	filter->key_from = (struct blob){ keys[0].bytes, sizeof keys[0].bytes };
	filter->key_to = (struct blob){ keys[1].bytes, sizeof keys[1].bytes };
}

static void put_view(struct peer_filter *filter, int view)
{
	switch ((enum peer_view)view) {
	case VIEW_CURRENT: filter->is_current = true; break;
	case VIEW_CONNECTED: filter->is_connected = true; break;
	case VIEW_NEVER_USED: filter->is_never_used = true; break;
	case VIEW_EXPIRING: filter->is_expiring = true; break;
	case VIEW_PENDING: filter->is_pending = true; break;
	case VIEW_ENDED: filter->is_ended = true; break;
	case VIEW_UNMANAGED: filter->is_unmanaged = true; break;
	case VIEW_ALL: break;
	}
}

static struct peer_filter make_filter(const struct peer_query *query, struct arena *arena)
{
	struct timestamp now = time_now();
	struct peer_filter filter = { .node = query->node, .person = query->person,
		.issued_by = query->issued_by, .q = store_like(arena, query->q, true),
		.q_start = store_like(arena, query->q, false),
		.connected_since = { now.us - CONNECTED_S * USEC_PER_SEC },
		.expiring_before = { now.us + EXPIRING_S * USEC_PER_SEC } };

	if (query->q)
		put_key_range(&filter, query->q, arena);
	return filter;
}

static void put_connection(struct peer_view_row *peer, struct timestamp now)
{
	if (!peer->live_as_of.us || now.us - peer->live_as_of.us > STALE_S * USEC_PER_SEC ||
		peer->node.state == NODE_UNREACHABLE)
		peer->connection = peer->last_handshake_at.us || !peer->live_as_of.us
			? CONNECTION_UNKNOWN
			: CONNECTION_NEVER_USED;
	else if (!peer->last_handshake_at.us)
		peer->connection = CONNECTION_NEVER_USED;
	else if (now.us - peer->last_handshake_at.us < CONNECTED_S * USEC_PER_SEC)
		peer->connection = CONNECTION_CONNECTED;
	else
		peer->connection = CONNECTION_NOT_CONNECTED;
	if (peer->access == ACCESS_REVOKED || peer->access == ACCESS_EXPIRED ||
		peer->access == ACCESS_FAILED)
		peer->connection = peer->last_handshake_at.us ? CONNECTION_NOT_CONNECTED
							      : CONNECTION_NEVER_USED;
}

static const struct store_list peer_list = {
	.list = CONSOLE_PEER_LIST,
	.total = CONSOLE_PEER_TOTAL,
	.filter_type = &filter_type,
	.row_type = &peer_view_type,
	.dflt_sort = "issuedAt",
	.dflt_descending = true,
	.id_offset = offsetof(struct peer_view_row, id),
	.cursor_offset = offsetof(struct peer_view_row, cursor_key),
};

int store_peers(struct db *db, const struct peer_query *query, struct page *ret_page,
	struct arena *arena, struct err *err)
{
	struct peer_filter any = make_filter(query, arena), filter = any;
	struct store_list list = peer_list;
	struct timestamp now = time_now();
	int r;

	put_view(&filter, query->view);
	list.filter = &filter;
	r = store_list_page(db, &list, &query->page, ret_page, arena, err);
	if (r >= 0)
		r = store_counts(db, CONSOLE_PEER_COUNTS, &filter_type, &any, NULL, &counts_type,
			ret_page, arena, err);
	for (size_t i = 0; r >= 0 && i < ret_page->data.n; i++)
		put_connection((struct peer_view_row *)ret_page->data.at + i, now);
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}

int store_peer(struct db *db, const struct uuid *id, struct peer_view_row *ret_peer,
	struct arena *arena, struct err *err)
{
	struct peer_filter filter = { .id = *id };
	int r = store_list_one(db, CONSOLE_PEER_LIST, &filter_type, &filter, NULL, &peer_view_type,
		ret_peer, arena, err);

	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_PEER_NOT_FOUND, NULL, "there is no peer with this id");
	if (r >= 0)
		put_connection(ret_peer, time_now());
	return r;
}

/*
 * For the reconciler
 */

int store_peers_pending(struct db *db, const struct uuid *node_id, struct list *ret_rows,
	struct arena *arena, struct err *err)
{
	return db_all(db, CONSOLE_PEER_PENDING_OF, DB_ARGS(DB_ARG("node_id", *node_id)),
		&store_peer_row_type, ret_rows, arena, err);
}

int store_peers_of_person(struct db *db, const struct uuid *person_id, struct list *ret_rows,
	struct arena *arena, struct err *err)
{
	return db_all(db, CONSOLE_PEER_LIVE_OF_PERSON, DB_ARGS(DB_ARG("person_id", *person_id)),
		&store_peer_row_type, ret_rows, arena, err);
}

int store_peers_of_node(struct db *db, const struct uuid *node_id, struct list *ret_rows,
	struct arena *arena, struct err *err)
{
	return db_all(db, CONSOLE_PEER_ALL_OF_NODE, DB_ARGS(DB_ARG("node_id", *node_id)),
		&store_peer_row_type, ret_rows, arena, err);
}

int store_unsettled(struct db *db, int64_t *ret_n, struct err *err)
{
	struct count_row row;
	int r = db_one(db, CONSOLE_PEER_UNSETTLED, DB_NONE, &store_count_type, &row, NULL, err);

	*ret_n = r < 0 ? 0 : row.n;
	return r;
}

/*
 * Counters
 */

#define LIVE(member, ...) FIELD(struct peer_live, member, __VA_ARGS__)
static const struct field live_fields[] = {
	LIVE(id),
	LIVE(node_id),
	LIVE(last_handshake_at, .flags = F_NULLABLE),
	LIVE(live_as_of),
	LIVE(receive_bytes, .flags = F_NULLABLE),
	LIVE(transmit_bytes, .flags = F_NULLABLE),
	LIVE(endpoint, .flags = F_NULLABLE),
	{ 0 },
};
static const struct type live_type = TYPE(struct peer_live, "PeerLive", live_fields);

int store_peers_live(struct db *db, const struct list *lives, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec_all(db, CONSOLE_PEER_LIVE, &live_type, lives, err);
	return r < 0 ? r : db_commit(tx, err);
}
