/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/parse.h"
#include "console/store/internal.h"
#include "console_sql.h"
#include "json/write.h"
#include "model/endpoint.h"
#include "model/node_api.h"

/* Nodes as they are: their last answers, and the list. */

#define OBSERVED(member, ...) FIELD(struct node_observed, member, __VA_ARGS__)
static const struct field observed_fields[] = {
	OBSERVED(id),
	OBSERVED(state),
	OBSERVED(reason, .flags = F_NULLABLE),
	OBSERVED(reason_detail, .flags = F_NULLABLE),
	OBSERVED(now),
	OBSERVED(kind),
	OBSERVED(version, .flags = F_NULLABLE),
	OBSERVED(interface, .flags = F_NULLABLE),
	OBSERVED(public_key, .flags = F_NULLABLE),
	OBSERVED(listen_port, .flags = F_NULLABLE),
	OBSERVED(subnets),
	OBSERVED(server_addresses),
	OBSERVED(families),
	OBSERVED(peers_issued, .flags = F_NULLABLE),
	OBSERVED(peers_possible, .flags = F_NULLABLE),
	OBSERVED(connected, .flags = F_NULLABLE),
	OBSERVED(unmanaged_peers, .flags = F_NULLABLE),
	OBSERVED(drift),
	OBSERVED(forwarding, .flags = F_NULLABLE),
	OBSERVED(forwarding_remedy, .flags = F_NULLABLE),
	OBSERVED(clock_offset_ms, .flags = F_NULLABLE),
	OBSERVED(started_at, .flags = F_NULLABLE),
	OBSERVED(backend, .flags = F_NULLABLE),
	OBSERVED(node_endpoint, .flags = F_NULLABLE),
	OBSERVED(node_uid, .flags = F_NULLABLE),
	OBSERVED(epoch, .flags = F_NULLABLE),
	OBSERVED(revision, .flags = F_NULLABLE),
	OBSERVED(lease_epoch),
	{ 0 },
};
static const struct type observed_type =
	TYPE(struct node_observed, "NodeObserved", observed_fields);

int store_node_observed(struct db *db, const struct node_observed *in, struct err *err)
{
	return db_exec(db, CONSOLE_NODE_OBSERVED, DB_OBJECT(&observed_type, in), NULL, err);
}

int store_node_missed(struct db *db, const struct node_target *target, int state,
	const struct err *why, struct err *err)
{
	const struct node_observed missed = { .id = target->id, .state = state, .now = time_now(),
		.reason = err_slug(why->reason), .reason_detail = why->msg,
		.lease_epoch = target->lease_epoch };

	return db_exec(db, CONSOLE_NODE_MISSED, DB_OBJECT(&observed_type, &missed), NULL, err);
}

int store_node_read_to(struct db *db, const struct node_target *target, int64_t revision,
	struct err *err)
{
	return db_exec(db, CONSOLE_NODE_READ_TO,
		DB_ARGS(DB_ARG("id", target->id), DB_ARG("read_revision", revision),
			DB_ARG("lease_epoch", target->lease_epoch)),
		NULL, err);
}

/*
 * The list
 */

enum { POLL_S = 10 };

struct node_filter {
	struct uuid id;
	const char *q;
	int state;
};

static const struct field filter_fields[] = {
	FIELD(struct node_filter, id, .flags = F_NULLABLE),
	FIELD(struct node_filter, q, .flags = F_NULLABLE),
	FIELD(struct node_filter, state, .flags = F_NULLABLE),
	{ 0 },
};
static const struct type filter_type = TYPE(struct node_filter, "NodeFilter", filter_fields);

struct node_counts {
	int64_t n_all, online, degraded, unreachable, enrolling, removing, outdated, drift;
};

#define COUNT(member, ...) FIELD(struct node_counts, member, __VA_ARGS__)
static const struct field count_fields[] = {
	COUNT(n_all, .json = "all"),
	COUNT(online),
	COUNT(degraded),
	COUNT(unreachable),
	COUNT(enrolling),
	COUNT(removing),
	COUNT(outdated),
	COUNT(drift),
	{ 0 },
};
static const struct type counts_type = TYPE(struct node_counts, "NodeCounts", count_fields);

/*
 * Whether a version is older than what this Console knows. No request leaves the machine for it.
 */

static const char *const newest_known[] = {
	[KIND_NATIVE] = WGKEEPER_VERSION,
	[KIND_PUBLISHED] = "1.3.0",
};

/* "x.y.z"; anything else is not compared. */
static bool read_version(const char *text, uint64_t ret_parts[3])
{
	struct span rest = span_of(text ?: "");
	unsigned n = 0;

	while (rest.at && n < 3)
		if (!parse_u64(span_cut(&rest, '.'), 1000000, &ret_parts[n++]))
			return false;
	return n == 3 && !rest.at;
}

static bool is_outdated(const char *version, int kind)
{
	uint64_t have[3], newest[3];

	if (!kind || !read_version(version, have) || !read_version(newest_known[kind], newest))
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (have[i] != newest[i])
			return have[i] < newest[i];
	return false;
}

struct version_row {
	const char *version;
	int kind;
};

static const struct field version_fields[] = {
	FIELD(struct version_row, version),
	FIELD(struct version_row, kind),
	{ 0 },
};
static const struct type version_type = TYPE(struct version_row, "NodeVersion", version_fields);

static int64_t count_outdated(const struct list *versions)
{
	const struct version_row *rows = versions->at;
	int64_t n = 0;

	for (size_t i = 0; i < versions->n; i++)
		n += is_outdated(rows[i].version, rows[i].kind);
	return n;
}

/* What clients are given: set here, else what the node says, else the host of its API; and the device's
 * port where that says none. */
static int put_endpoint(struct node_view *node, struct arena *arena, struct err *err)
{
	const char *from = node->endpoint ?: node->node_endpoint;
	const char *api = strstr(node->address, "://");
	struct endpoint endpoint;

	if (!from) {
		if (!api || !endpoint_parse(span_of(api + 3), &endpoint))
			return 0;
		endpoint.port = 0; /* that is the API's */
	} else if (!endpoint_parse(span_of(from), &endpoint)) {
		return 0;
	}
	if (!endpoint.port && node->listen_port == INT_NONE)
		return 0;
	node->effective_endpoint = arena_printf(arena, "%.*s:%u", (int)endpoint.host.len,
		endpoint.host.at, endpoint.port ?: (unsigned)node->listen_port);
	return node->effective_endpoint ? 0 : arena_full(arena, err);
}

static int finish_node(struct node_view *node, struct arena *arena, struct err *err)
{
	node->outdated = is_outdated(node->version, node->kind);
	if (node->checked_at.us)
		node->next_check_at.us = node->checked_at.us + POLL_S * USEC_PER_SEC;
	return put_endpoint(node, arena, err);
}

static const struct store_list node_list = {
	.list = CONSOLE_NODE_LIST,
	.total = CONSOLE_NODE_TOTAL,
	.filter_type = &filter_type,
	.row_type = &node_view_type,
	.dflt_sort = "state",
	.id_offset = offsetof(struct node_view, id),
	.cursor_offset = offsetof(struct node_view, cursor_key),
};

static int put_counts(struct db *db, const struct node_filter *any, struct page *page,
	struct arena *arena, struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(1024);
	struct node_counts counts;
	struct list versions;
	int r = store_list_one(db, CONSOLE_NODE_COUNTS, &filter_type, any, NULL, &counts_type, &counts,
		arena, err);

	if (r >= 0)
		r = db_list(db, CONSOLE_NODE_VERSIONS, &(struct db_list){ 0 }, DB_NONE, &version_type,
			&versions, arena, err);
	if (r < 0)
		return r;
	counts.outdated = count_outdated(&versions);
	json_object(&text, &counts_type, &counts);
	page->counts.text = arena_strdup(arena, text.data);
	return page->counts.text ? 0 : arena_full(arena, err);
}

int store_nodes(struct db *db, const struct node_query *query, struct page *ret_page,
	struct arena *arena, struct err *err)
{
	struct node_filter filter = { .q = store_like(arena, query->q, true), .state = query->state };
	struct node_filter any = { .q = filter.q };
	struct store_list list = node_list;
	int r;

	list.filter = &filter;
	r = store_list_page(db, &list, &query->page, ret_page, arena, err);
	for (size_t i = 0; r >= 0 && i < ret_page->data.n; i++)
		r = finish_node((struct node_view *)ret_page->data.at + i, arena, err);
	if (r >= 0)
		r = put_counts(db, &any, ret_page, arena, err);
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}

int store_node(struct db *db, const struct uuid *id, struct node_view *ret_node, struct arena *arena,
	struct err *err)
{
	struct node_filter filter = { .id = *id };
	int r = store_list_one(db, CONSOLE_NODE_LIST, &filter_type, &filter, NULL, &node_view_type,
		ret_node, arena, err);

	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_NODE_NOT_FOUND, NULL, "there is no node with this id");
	return r < 0 ? r : finish_node(ret_node, arena, err);
}
