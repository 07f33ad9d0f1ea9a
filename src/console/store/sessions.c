/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"

/* Sessions: only the digest of what the cookie holds is here. */

#define SESSION(member, ...) FIELD(struct session_row, member, __VA_ARGS__)
static const struct field session_fields[] = {
	SESSION(session_id),
	SESSION(expires_at),
	SESSION(seen_at),
	SESSION(password_at),
	SESSION(id),
	SESSION(username),
	SESSION(role),
	SESSION(must_change_password),
	SESSION(standing),
	{ 0 },
};
static const struct type session_row_type = TYPE(struct session_row, "SessionRow", session_fields);

struct id_row {
	struct uuid id;
};

static const struct field id_fields[] = { FIELD(struct id_row, id), { 0 } };
static const struct type id_type = TYPE(struct id_row, "Id", id_fields);

static struct blob blob_of(const struct digest *digest)
{
	return (struct blob){ digest->bytes, DIGEST_SIZE };
}

static struct timestamp idle_since(struct timestamp now)
{
	return (struct timestamp){ now.us - SESSION_IDLE_S * USEC_PER_SEC };
}

static struct audit_record record_of(int action, const struct uuid *operator)
{
	return (struct audit_record){ .action = action, .outcome = OUTCOME_OK,
		.target = TARGET_OPERATOR, .target_id = *operator };
}

int store_session_insert(struct db *db, const struct actor *actor, const struct session_new *in,
	struct uuid *ret_id, struct err *err)
{
	struct timestamp now = time_now(), idle = idle_since(now);
	struct blob digest = blob_of(&in->token);
	char address[CIDR_TEXT_SIZE];
	const char *source = cidr_format_address(address, &actor->source);
	int r = db_exec(db, CONSOLE_SESSION_DELETE_OLD,
		DB_ARGS(DB_ARG("now", now), DB_ARG("idle_since", idle)), NULL, err);

	uuid_make_v7(now, ret_id);
	if (r < 0)
		return r;
	return db_exec(db, CONSOLE_SESSION_INSERT,
		DB_ARGS(DB_ARG("id", *ret_id), DB_ARG("token_digest", digest),
			DB_ARG("operator_id", actor->operator), DB_ARG("now", now),
			DB_ARG("expires_at", in->expires_at), DB_ARG("source", source),
			DB_ARG("user_agent", in->user_agent)),
		NULL, err);
}

int store_session_start(struct db *db, const struct actor *actor, const struct session_new *in,
	struct uuid *ret_id, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	const struct audit_record record = record_of(AUDIT_SESSION_START, &actor->operator);
	struct timestamp now = time_now();
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = store_session_insert(db, actor, in, ret_id, err);
	if (r >= 0)
		r = db_exec(db, CONSOLE_OPERATOR_SIGNED_IN,
			DB_ARGS(DB_ARG("id", actor->operator), DB_ARG("now", now)), NULL, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

int store_session_get(struct db *db, const struct digest *token, struct session_row *ret_row,
	struct arena *arena, struct err *err)
{
	struct timestamp now = time_now(), idle = idle_since(now);
	struct blob digest = blob_of(token);

	return db_one(db, CONSOLE_SESSION_GET,
		DB_ARGS(DB_ARG("token_digest", digest), DB_ARG("now", now),
			DB_ARG("idle_since", idle)),
		&session_row_type, ret_row, arena, err);
}

int store_session_touch(struct db *db, const struct uuid *id, struct err *err)
{
	struct timestamp now = time_now();

	return db_exec(db, CONSOLE_SESSION_TOUCH, DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)), NULL,
		err);
}

int store_session_alive(struct db *db, const struct uuid *id, bool *ret_alive, struct err *err)
{
	struct timestamp now = time_now(), idle = idle_since(now);
	struct count_row row;
	int r = db_one(db, CONSOLE_SESSION_ALIVE,
		DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now), DB_ARG("idle_since", idle)),
		&store_count_type, &row, NULL, err);

	*ret_alive = r >= 0 && row.n > 0;
	return r;
}

int store_session_confirm(struct db *db, const struct actor *actor, const struct uuid *id,
	const struct digest *token, const struct digest *fresh, struct arena *arena,
	struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	const struct audit_record record = record_of(AUDIT_SESSION_CONFIRM, &actor->operator);
	struct blob was = blob_of(token), becomes = blob_of(fresh);
	struct timestamp now = time_now();
	int64_t changes = 0;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_SESSION_RENEW,
			DB_ARGS(DB_ARG("id", *id), DB_ARG("token_digest", was),
				DB_ARG("fresh", becomes), DB_ARG("now", now)),
			&changes, err);
	if (r >= 0 && changes == 0)
		return err_set(err, REASON_SESSION_NOT_FOUND, NULL,
			"the session is over, or has just been confirmed; try again");
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

int store_session_end(struct db *db, const struct actor *actor, const struct uuid *id, bool anybodys,
	struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record;
	struct id_row whose;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0 && anybodys)
		r = db_one(db, CONSOLE_SESSION_END_ANY, DB_ARGS(DB_ARG("id", *id)), &id_type, &whose,
			NULL, err);
	else if (r >= 0)
		r = db_one(db, CONSOLE_SESSION_END_OWN,
			DB_ARGS(DB_ARG("id", *id), DB_ARG("operator_id", actor->operator)), &id_type,
			&whose, NULL, err);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_SESSION_NOT_FOUND, NULL, "there is no such session");
	if (r < 0)
		return r;
	record = record_of(AUDIT_SESSION_END, &whose.id);
	r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

int store_session_end_others(struct db *db, const struct actor *actor, const struct uuid *id,
	struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = record_of(AUDIT_SESSION_END, &actor->operator);
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_SESSION_END_OTHERS,
			DB_ARGS(DB_ARG("id", *id), DB_ARG("operator_id", actor->operator)),
			&record.count, err);
	if (r < 0 || record.count == 0)
		return r;
	r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

int store_session_failed(struct db *db, const struct actor *actor, const char *username,
	int64_t count, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = { .action = AUDIT_SESSION_FAIL, .outcome = OUTCOME_FAILED,
		.target = TARGET_SESSION, .reason = err_slug(REASON_LOGIN), .count = count,
		.tried_name = username };
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

/*
 * As a list
 */

struct session_filter {
	struct uuid operator;
};

static const struct field filter_fields[] = {
	FIELD(struct session_filter, operator, .flags = F_NULLABLE),
	{ 0 },
};
static const struct type filter_type = TYPE(struct session_filter, "SessionFilter", filter_fields);

int store_sessions(struct db *db, const struct session_query *query, const struct uuid *current,
	struct page *ret_page, struct arena *arena, struct err *err)
{
	const struct session_filter filter = { .operator = query->operator };
	struct timestamp now = time_now(), idle = idle_since(now);
	const struct db_arg args[] = { DB_ARG("now", now), DB_ARG("idle_since", idle), { 0 } };
	const struct store_list list = { .list = CONSOLE_SESSION_LIST, .total = CONSOLE_SESSION_TOTAL,
		.filter_type = &filter_type, .row_type = &session_item_type, .filter = &filter,
		.args = args, .dflt_sort = "seenAt", .dflt_descending = true,
		.id_offset = offsetof(struct session_item, id),
		.cursor_offset = offsetof(struct session_item, cursor_key) };
	int r = store_list_page(db, &list, &query->page, ret_page, arena, err);

	ret_page->counts.text = "{}";
	for (size_t i = 0; r >= 0 && i < ret_page->data.n; i++) {
		struct session_item *item = (struct session_item *)ret_page->data.at + i;

		item->current = uuid_equal(&item->id, current);
	}
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}
