/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"
#include "json/read.h"

/* The audit log, read: the record, what is kept beside it, and what things are called now. */

struct entry_row {
	int64_t seq;
	const char *leaf, *personal;
	struct blob leaf_hash;
	const char *node_name, *person_name, *peer_name, *operator_name, *token_name;
	const char *target_token_name, *cursor_key;
};

#define ROW(member, ...) FIELD(struct entry_row, member, __VA_ARGS__)
static const struct field row_fields[] = {
	ROW(seq),
	ROW(leaf),
	ROW(leaf_hash),
	ROW(personal),
	ROW(node_name, .flags = F_NULLABLE),
	ROW(person_name, .flags = F_NULLABLE),
	ROW(peer_name, .flags = F_NULLABLE),
	ROW(operator_name, .flags = F_NULLABLE),
	ROW(token_name, .flags = F_NULLABLE),
	ROW(target_token_name, .flags = F_NULLABLE),
	ROW(cursor_key),
	{ 0 },
};
static const struct type row_type = TYPE(struct entry_row, "EntryRow", row_fields);

struct entry_filter {
	int64_t seq;
	struct uuid operator, person, node, peer, target, token;
	int action, outcome;
	struct timestamp from, to;
};

#define FILTER(member, ...) FIELD(struct entry_filter, member, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field filter_fields[] = {
	FILTER(seq),
	FILTER(operator),
	FILTER(person),
	FILTER(node),
	FILTER(peer),
	FILTER(target),
	FILTER(token),
	FILTER(action, .words = audit_action_words),
	FILTER(outcome, .words = audit_outcome_words),
	FILTER(from),
	FILTER(to),
	{ 0 },
};
static const struct type filter_type = TYPE(struct entry_filter, "EntryFilter", filter_fields);

static const char *personal(const struct audit_personals *all, const char *name)
{
	const struct audit_personal *values = all->values.at;

	for (size_t i = 0; i < all->values.n; i++)
		if (!strcmp(values[i].name, name))
			return values[i].value;
	return NULL;
}

/* Personal values are put back where the record only commits to them. */
static void put_changes(const struct audit_leaf *leaf, const struct audit_personals *all,
	struct audit_view *view, struct arena *arena)
{
	struct audit_change *changes = leaf->changes.at;

	for (size_t i = 0; i < leaf->changes.n; i++) {
		const char *before = arena_printf(arena, "changes.%s.before", changes[i].field);
		const char *after = arena_printf(arena, "changes.%s.after", changes[i].field);

		if (before && !changes[i].before)
			changes[i].before = personal(all, before);
		if (after && !changes[i].after)
			changes[i].after = personal(all, after);
	}
	view->changes = leaf->changes;
}

static void put_names(const struct entry_row *row, const struct audit_leaf *leaf,
	const struct audit_personals *all, struct audit_view *view)
{
	const char *const names[] = {
		[TARGET_PEER] = row->peer_name,
		[TARGET_NODE] = row->node_name,
		[TARGET_PERSON] = row->person_name,
		[TARGET_OPERATOR] = row->operator_name,
		[TARGET_SESSION] = personal(all, "username"),
		[TARGET_LOG] = NULL,
		[TARGET_TOKEN] = row->target_token_name,
	};

	view->actor = (struct audit_actor_view){ leaf->actor, leaf->operator,
		personal(all, "actor.name") };
	view->target = (struct audit_target_view){ leaf->target, leaf->target_id,
		leaf->target ? names[leaf->target] : NULL };
	view->token = (struct audit_ref){ leaf->token, row->token_name };
	view->node = (struct audit_ref){ leaf->node, row->node_name };
	view->person = (struct audit_ref){ leaf->person, row->person_name };
	view->peer = (struct audit_ref){ leaf->peer, row->peer_name };
}

static int show(const struct entry_row *row, struct audit_view *view, struct arena *arena,
	struct err *err)
{
	struct audit_personals all = { 0 };
	struct audit_leaf leaf = { 0 };
	struct digest hash;
	char hex[DIGEST_HEX_SIZE];
	int r = json_read(span_of(row->leaf), &audit_leaf_type, READ_ANSWER, &leaf, arena, err);

	if (r >= 0)
		r = json_read(span_of(row->personal), &audit_personals_type, READ_ANSWER, &all, arena,
			err);
	if (r < 0 || row->leaf_hash.len != DIGEST_SIZE)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "audit entry %lld is damaged",
			(long long)row->seq);
	memcpy(hash.bytes, row->leaf_hash.at, DIGEST_SIZE);
	*view = (struct audit_view){ .seq = leaf.seq, .at = leaf.at, .auth = leaf.auth,
		.source = personal(&all, "source"), .request_id = leaf.request_id,
		.action = leaf.action, .outcome = leaf.outcome, .reason = leaf.reason,
		.count = leaf.count, .leaf_hash = arena_strdup(arena, digest_hex(hex, &hash)) };
	put_names(row, &leaf, &all, view);
	put_changes(&leaf, &all, view, arena);
	return view->leaf_hash ? 0 : arena_full(arena, err);
}

static int show_all(struct page *page, struct arena *arena, struct err *err)
{
	struct audit_view *views = arena_alloc(arena, (page->data.n + 1) * sizeof *views);
	const struct entry_row *rows = page->data.at;
	int r = 0;

	if (!views)
		return arena_full(arena, err);
	for (size_t i = 0; r >= 0 && i < page->data.n; i++)
		r = show(&rows[i], &views[i], arena, err);
	page->data.at = views;
	return r;
}

int store_audit(struct db *db, const struct audit_query *query, struct page *ret_page,
	struct arena *arena, struct err *err)
{
	struct entry_filter filter = { .seq = INT_NONE, .operator = query->operator,
		.person = query->person, .node = query->node, .peer = query->peer,
		.target = query->target, .token = query->token, .action = query->action, .outcome = query->outcome, .from = query->from,
		.to = query->to };
	const struct store_list list = { .list = CONSOLE_AUDIT_LIST, .total = CONSOLE_AUDIT_TOTAL,
		.filter_type = &filter_type, .row_type = &row_type, .filter = &filter,
		.dflt_sort = "seq", .dflt_descending = true, .int_id = true,
		.id_offset = offsetof(struct entry_row, seq),
		.cursor_offset = offsetof(struct entry_row, cursor_key) };
	int r = store_list_page(db, &list, &query->page, ret_page, arena, err);

	ret_page->counts.text = "{}";
	if (r >= 0)
		r = show_all(ret_page, arena, err);
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}

int store_entry(struct db *db, int64_t seq, struct audit_view *ret_entry, struct arena *arena,
	struct err *err)
{
	struct entry_filter filter = { .seq = seq };
	struct entry_row row;
	int r = store_list_one(db, CONSOLE_AUDIT_LIST, &filter_type, &filter, NULL, &row_type, &row,
		arena, err);

	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_ENTRY_NOT_FOUND, NULL, "there is no audit entry %lld",
			(long long)seq);
	return r < 0 ? r : show(&row, ret_entry, arena, err);
}
