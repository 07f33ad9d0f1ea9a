/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"

/* Operators as they are administered. */

static struct audit_record record_of(int action, const struct uuid *id)
{
	return (struct audit_record){ .action = action, .outcome = OUTCOME_OK,
		.target = TARGET_OPERATOR, .target_id = *id };
}

/*
 * What nobody may do, whatever their permissions
 */

/* A lower number is a role that may do more. */
static int check_role(int own_role, int role, struct err *err)
{
	if (role < own_role)
		return err_set(err, REASON_ROLE_TOO_HIGH, "role",
			"the role '%s' may do more than yours; ask an administrator",
			word_text(operator_role_words, role) ?: "");
	return 0;
}

/* One's own rights are another one's to change: so there is always one who has them. */
static int check_other(struct db *db, const struct actor *actor, const struct uuid *id,
	struct err *err)
{
	struct count_row others;
	int r;

	if (!uuid_equal(&actor->operator, id))
		return 0;
	r = db_one(db, CONSOLE_OPERATOR_OTHER_ADMINISTRATORS, DB_ARGS(DB_ARG("id", *id)),
		&store_count_type, &others, NULL, err);
	if (r < 0)
		return r;
	if (others.n == 0)
		return err_set(err, REASON_LAST_ADMINISTRATOR, NULL,
			"you are the only administrator; make another one first");
	return err_set(err, REASON_OWN_ACCOUNT, NULL,
		"this is your own account; another administrator must do it");
}

/* Reads the one it is about, inside the transaction. */
static int begin_on(struct db *db, int own_role, const struct uuid *id, struct operator_row *row,
	struct arena *arena, struct err *err)
{
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = store_operator_row(db, id, row, arena, err);
	return r < 0 ? r : check_role(own_role, row->role, err);
}

static int end_sessions(struct db *db, const struct uuid *id, struct err *err)
{
	return db_exec(db, CONSOLE_SESSION_END_ALL, DB_ARGS(DB_ARG("operator_id", *id)), NULL, err);
}

/*
 * Making and changing
 */

int store_operator_create(struct db *db, const struct actor *actor, int own_role,
	const struct operator_add *in, const char *hash, struct uuid *ret_id, struct arena *arena,
	struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct operator_row row = { .username = in->username, .role = in->role,
		.password_hash = { hash, strlen(hash) }, .must_change_password = true };
	struct audit_record record;
	int r = check_role(own_role, in->role, err);

	uuid_make_v7(time_now(), &row.id);
	record = record_of(AUDIT_OPERATOR_CREATE, &row.id);
	audit_change(&record, store_operator_field("username"), NULL, &row.username);
	audit_change(&record, store_operator_field("role"), NULL, &row.role);
	if (r >= 0)
		r = db_begin(db, DB_WRITE, err);
	if (r >= 0)
		r = store_operator_insert(db, &row, &actor->operator, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	*ret_id = row.id;
	return r;
}

static int update(struct db *db, const struct operator_row *row, int64_t etag, bool new_role,
	struct err *err)
{
	int64_t changes = 0, steps = new_role;
	int r = db_exec(db, CONSOLE_OPERATOR_CHANGE,
		DB_ARGS(DB_ARG("id", row->id), DB_ARG("etag", etag), DB_ARG("username", row->username),
			DB_ARG("role", row->role), DB_ARG("steps", steps)),
		&changes, err);

	if (r == -ERR_CONFLICT && err && err->reason == REASON_EXISTS)
		return err_set(err, REASON_NAME_IN_USE, "username",
			"another operator has this name; names that differ in case only are one");
	if (r >= 0 && changes == 0)
		return err_set(err, REASON_CHANGED, "If-Match",
			"the operator has changed meanwhile; read it again");
	return r;
}

static int change_in(struct db *db, const struct actor *actor, int own_role,
	const struct operator_row *was, int64_t etag, const struct operator_change *in,
	struct arena *arena, struct err *err)
{
	struct audit_record record = record_of(AUDIT_OPERATOR_CHANGE, &was->id);
	struct operator_row row = *was;
	bool new_role;
	int r = 0;

	if (has_given(&in->has, OPERATOR_CHANGE_USERNAME))
		row.username = in->username;
	if (has_given(&in->has, OPERATOR_CHANGE_ROLE))
		row.role = in->role;
	new_role = row.role != was->role;
	if (new_role)
		r = check_other(db, actor, &row.id, err);
	if (r >= 0)
		r = check_role(own_role, row.role, err);
	if (r >= 0)
		r = update(db, &row, etag, new_role, err);
	if (strcmp(row.username, was->username) != 0)
		audit_change(&record, store_operator_field("username"), &was->username, &row.username);
	if (new_role)
		audit_change(&record, store_operator_field("role"), &was->role, &row.role);
	if (r >= 0 && new_role)
		r = end_sessions(db, &row.id, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	if (r >= 0 && row.role > was->role)
		r = store_tokens_end(db, actor, &row.id, arena, err);
	return r < 0 ? r : new_role;
}

int store_operator_change(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, int64_t etag, const struct operator_change *in, struct arena *arena,
	struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct operator_row row;
	int ended = 0, r = begin_on(db, own_role, id, &row, arena, err);

	if (r >= 0)
		r = ended = change_in(db, actor, own_role, &row, etag, in, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	return r < 0 ? r : ended;
}

/*
 * Disabling, enabling, another password
 */

int store_operator_disable(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	const struct audit_record record = record_of(AUDIT_OPERATOR_DISABLE, id);
	struct timestamp now = time_now();
	struct operator_row row;
	int64_t changes = 0;
	int r = begin_on(db, own_role, id, &row, arena, err);

	if (r >= 0)
		r = check_other(db, actor, id, err);
	if (r >= 0)
		r = db_exec(db, CONSOLE_OPERATOR_DISABLE,
			DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)), &changes, err);
	if (r < 0 || changes == 0)
		return r;
	r = end_sessions(db, id, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	if (r >= 0)
		r = store_tokens_end(db, actor, id, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	return r < 0 ? r : 1;
}

int store_operator_enable(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	const struct audit_record record = record_of(AUDIT_OPERATOR_ENABLE, id);
	struct operator_row row;
	int64_t changes = 0;
	int r = begin_on(db, own_role, id, &row, arena, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_OPERATOR_ENABLE, DB_ARGS(DB_ARG("id", *id)), &changes, err);
	if (r < 0 || changes == 0)
		return r;
	r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	return r < 0 ? r : 1;
}

int store_operator_reset(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, const char *hash, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	const struct audit_record record = record_of(AUDIT_OPERATOR_RESET, id);
	struct operator_row row;
	int r = begin_on(db, own_role, id, &row, arena, err);

	if (r >= 0 && uuid_equal(&actor->operator, id))
		r = err_set(err, REASON_OWN_ACCOUNT, NULL,
			"this is your own account; change its password by PUT /api/v1/me/password");
	if (r >= 0)
		r = db_exec(db, CONSOLE_OPERATOR_RESET_PASSWORD,
			DB_ARGS(DB_ARG("id", *id), DB_ARG("password_hash", hash)), NULL, err);
	if (r >= 0)
		r = end_sessions(db, id, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

/*
 * As a list
 */

struct operator_filter {
	struct uuid id;
	const char *q;
	int role;
	bool is_active, is_disabled;
};

#define FILTER(member, ...) FIELD(struct operator_filter, member, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field filter_fields[] = {
	FILTER(id),
	FILTER(q),
	FILTER(role),
	FILTER(is_active),
	FILTER(is_disabled),
	{ 0 },
};
static const struct type filter_type = TYPE(struct operator_filter, "OperatorFilter", filter_fields);

struct operator_counts {
	int64_t n_all, active, disabled;
};

static const struct field count_fields[] = {
	FIELD(struct operator_counts, n_all, .json = "all"),
	FIELD(struct operator_counts, active),
	FIELD(struct operator_counts, disabled),
	{ 0 },
};
static const struct type counts_type = TYPE(struct operator_counts, "OperatorCounts", count_fields);

int store_operators(struct db *db, const struct operator_query *query, struct page *ret_page,
	struct arena *arena, struct err *err)
{
	struct timestamp now = time_now(), idle = { now.us - SESSION_IDLE_S * USEC_PER_SEC };
	const struct operator_filter any = { .q = store_like(arena, query->q, true), .role = query->role };
	struct operator_filter filter = any;
	const struct db_arg args[] = { DB_ARG("now", now), DB_ARG("idle_since", idle), { 0 } };
	const struct store_list list = { .list = CONSOLE_OPERATOR_LIST,
		.total = CONSOLE_OPERATOR_TOTAL, .filter_type = &filter_type,
		.row_type = &operator_view_type, .filter = &filter, .args = args,
		.dflt_sort = "username", .id_offset = offsetof(struct operator_view, id),
		.cursor_offset = offsetof(struct operator_view, cursor_key) };
	int r;

	filter.is_active = query->status == OPERATOR_ACTIVE;
	filter.is_disabled = query->status == OPERATOR_DISABLED;
	r = store_list_page(db, &list, &query->page, ret_page, arena, err);
	if (r >= 0)
		r = store_counts(db, CONSOLE_OPERATOR_COUNTS, &filter_type, &any, NULL, &counts_type,
			ret_page, arena, err);
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}

int store_operator(struct db *db, const struct uuid *id, struct operator_view *ret_view,
	struct arena *arena, struct err *err)
{
	struct timestamp now = time_now(), idle = { now.us - SESSION_IDLE_S * USEC_PER_SEC };
	const struct db_arg args[] = { DB_ARG("now", now), DB_ARG("idle_since", idle), { 0 } };
	const struct operator_filter filter = { .id = *id };
	int r = store_list_one(db, CONSOLE_OPERATOR_LIST, &filter_type, &filter, args,
		&operator_view_type, ret_view, arena, err);

	return r == -ERR_NOT_FOUND
		? err_set(err, REASON_OPERATOR_NOT_FOUND, NULL, "there is no operator with this id")
		: r;
}
