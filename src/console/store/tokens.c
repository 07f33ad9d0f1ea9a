/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"

/* API tokens: only their digests are here. */

#define TOKEN(member, ...) FIELD(struct token_row, member, __VA_ARGS__)
static const struct field token_fields[] = {
	TOKEN(token_id),
	TOKEN(token_role),
	TOKEN(elevated),
	TOKEN(used_at, .flags = F_NULLABLE),
	TOKEN(id),
	TOKEN(username),
	TOKEN(role),
	TOKEN(standing),
	{ 0 },
};
static const struct type token_row_type = TYPE(struct token_row, "TokenRow", token_fields);

/* What is told of a token in the log. */
struct token_fact {
	struct uuid id;
	const char *name, *last4;
	int role;
	bool elevated;
	struct timestamp expires_at;
};

#define FACT(member, ...) FIELD(struct token_fact, member, __VA_ARGS__)
static const struct field fact_fields[] = {
	FACT(id),
	FACT(name),
	FACT(last4),
	FACT(role, .words = operator_role_words),
	FACT(elevated),
	FACT(expires_at),
	{ 0 },
};
static const struct type fact_type = TYPE(struct token_fact, "TokenFact", fact_fields);

static struct audit_record record_of(int action, const struct uuid *id)
{
	return (struct audit_record){ .action = action, .outcome = OUTCOME_OK,
		.target = TARGET_TOKEN, .target_id = *id };
}

int store_token_create(struct db *db, const struct actor *actor, const struct token_new *in,
	struct uuid *ret_id, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct token_fact fact = { .name = in->in->name, .last4 = in->last4, .role = in->in->role,
		.elevated = in->in->elevated, .expires_at = in->in->expires_at };
	struct blob digest = { in->digest.bytes, DIGEST_SIZE };
	struct timestamp now = time_now();
	struct audit_record record;
	int r = db_begin(db, DB_WRITE, err);

	uuid_make_v7(now, &fact.id);
	record = record_of(AUDIT_TOKEN_CREATE, &fact.id);
	for (const struct field *f = &fact_fields[1]; f->name; f++)
		audit_change(&record, f, NULL, field_of(f, &fact));
	if (r >= 0)
		r = db_exec(db, CONSOLE_TOKEN_INSERT,
			DB_BOTH(&fact_type, &fact, DB_ARG("digest", digest),
				DB_ARG("operator_id", actor->operator), DB_ARG("now", now)),
			NULL, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	*ret_id = fact.id;
	return r;
}

int store_token_get(struct db *db, const struct digest *token, struct token_row *ret_row,
	struct arena *arena, struct err *err)
{
	struct blob digest = { token->bytes, DIGEST_SIZE };
	struct timestamp now = time_now();

	return db_one(db, CONSOLE_TOKEN_GET, DB_ARGS(DB_ARG("digest", digest), DB_ARG("now", now)),
		&token_row_type, ret_row, arena, err);
}

int store_token_alive(struct db *db, const struct uuid *id, bool *ret_alive, struct err *err)
{
	struct timestamp now = time_now();
	struct count_row row;
	int r = db_one(db, CONSOLE_TOKEN_ALIVE, DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)),
		&store_count_type, &row, NULL, err);

	*ret_alive = r >= 0 && row.n > 0;
	return r;
}

int store_token_touch(struct db *db, const struct uuid *id, const struct cidr *source,
	struct err *err)
{
	struct timestamp now = time_now();
	char address[CIDR_TEXT_SIZE];
	const char *from = cidr_format_address(address, source);

	return db_exec(db, CONSOLE_TOKEN_USED,
		DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now), DB_ARG("source", from)), NULL, err);
}

/*
 * Ending
 */

/* 1: it ended; 0: there is nothing to end. */
static int revoke_in(struct db *db, const struct actor *actor, const struct uuid *id, bool anybodys,
	struct arena *arena, struct err *err)
{
	struct audit_record record = record_of(AUDIT_TOKEN_REVOKE, id);
	struct timestamp now = time_now();
	struct token_fact fact;
	int r = anybodys ? db_one(db, CONSOLE_TOKEN_REVOKE_ANY,
				   DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)), &fact_type, &fact,
				   arena, err)
			 : db_one(db, CONSOLE_TOKEN_REVOKE_OWN,
				   DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now),
					   DB_ARG("operator_id", actor->operator)),
				   &fact_type, &fact, arena, err);

	if (r == -ERR_NOT_FOUND)
		return 0;
	if (r < 0)
		return r;
	r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : 1;
}

int store_token_revoke(struct db *db, const struct actor *actor, const struct uuid *id, bool anybodys,
	struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct token_view token;
	int r = store_token(db, id, anybodys ? NULL : &actor->operator, &token, arena, err);
	int ended;

	if (r >= 0)
		r = db_begin(db, DB_WRITE, err);
	if (r < 0)
		return r;
	ended = revoke_in(db, actor, id, anybodys, arena, err);
	if (ended <= 0)
		return ended;
	r = db_commit(tx, err);
	return r < 0 ? r : ended;
}

int store_tokens_end(struct db *db, const struct actor *actor, const struct uuid *operator,
	struct arena *arena, struct err *err)
{
	struct timestamp now = time_now();
	const struct token_fact *facts;
	struct list live;
	int r = db_all(db, CONSOLE_TOKEN_LIVE_OF,
		DB_ARGS(DB_ARG("operator_id", *operator), DB_ARG("now", now)), &fact_type, &live,
		arena, err);

	if (r < 0)
		return r;
	facts = live.at;
	for (size_t i = 0; r >= 0 && i < live.n; i++)
		r = revoke_in(db, actor, &facts[i].id, true, arena, err);
	return r < 0 ? r : 0;
}

/*
 * As a list
 */

struct token_filter {
	struct uuid id, operator, owner;
	bool is_active, is_ended;
};

#define FILTER(member, ...) FIELD(struct token_filter, member, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field filter_fields[] = {
	FILTER(id),
	FILTER(operator),
	FILTER(owner),
	FILTER(is_active),
	FILTER(is_ended),
	{ 0 },
};
static const struct type filter_type = TYPE(struct token_filter, "TokenFilter", filter_fields);

struct token_counts {
	int64_t n_all, active, ended;
};

static const struct field count_fields[] = {
	FIELD(struct token_counts, n_all, .json = "all"),
	FIELD(struct token_counts, active),
	FIELD(struct token_counts, ended),
	{ 0 },
};
static const struct type counts_type = TYPE(struct token_counts, "TokenCounts", count_fields);

int store_tokens(struct db *db, const struct token_query *query, const struct uuid *owner,
	struct page *ret_page, struct arena *arena, struct err *err)
{
	struct token_filter any = { .operator = query->operator }, filter;
	struct timestamp now = time_now();
	const struct db_arg args[] = { DB_ARG("now", now), { 0 } };
	const struct store_list list = { .list = CONSOLE_TOKEN_LIST, .total = CONSOLE_TOKEN_TOTAL,
		.filter_type = &filter_type, .row_type = &token_view_type, .filter = &filter,
		.args = args, .dflt_sort = "createdAt", .dflt_descending = true,
		.id_offset = offsetof(struct token_view, id),
		.cursor_offset = offsetof(struct token_view, cursor_key) };
	int r;

	if (owner)
		any.owner = *owner;
	filter = any;
	filter.is_active = query->status == TOKENS_ACTIVE;
	filter.is_ended = query->status == TOKENS_ENDED;
	r = store_list_page(db, &list, &query->page, ret_page, arena, err);
	if (r >= 0)
		r = store_counts(db, CONSOLE_TOKEN_COUNTS, &filter_type, &any, args, &counts_type,
			ret_page, arena, err);
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}

int store_token(struct db *db, const struct uuid *id, const struct uuid *owner,
	struct token_view *ret_token, struct arena *arena, struct err *err)
{
	struct token_filter filter = { .id = *id };
	struct timestamp now = time_now();
	const struct db_arg args[] = { DB_ARG("now", now), { 0 } };
	int r;

	if (owner)
		filter.owner = *owner;
	r = store_list_one(db, CONSOLE_TOKEN_LIST, &filter_type, &filter, args, &token_view_type,
		ret_token, arena, err);

	return r == -ERR_NOT_FOUND
		? err_set(err, REASON_TOKEN_NOT_FOUND, NULL, "there is no token with this id")
		: r;
}
