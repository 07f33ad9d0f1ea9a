/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "console/store/internal.h"
#include "console_sql.h"

/* Settings, and operators as signing in needs them. */

int store_open(const char *url, struct db **ret_db, struct err *err)
{
	return db_open(&(struct db_conf){ .url = url, .postgres = &db_postgres, .queries = console_queries,
			       .n_queries = CONSOLE_N_QUERIES, .migrations = console_migrations,
			       .application_id = CONSOLE_APPLICATION_ID, .audited = true,
			       .scoped = true },
		ret_db, err);
}

/*
 * The master secret's check value
 */

struct setting_row {
	struct secret value;
};

static const struct field setting_fields[] = { FIELD(struct setting_row, value), { 0 } };
static const struct type setting_type = TYPE(struct setting_row, "Setting", setting_fields);

static const char check_name_[] = "secret_key_check", check_place[] = "settings/secret_key_check";

static int write_check(struct db *db, const struct seal_key *key, struct err *err)
{
	scoped(sbuf_done) struct sbuf record = SBUF_INIT(512);
	const char *name = check_name_, *value;
	int r = seal(key, check_place, span_of("wgkeeper"), &record, err);

	if (r < 0)
		return r;
	value = record.data;
	return db_exec(db, CONSOLE_SETTING_PUT,
		DB_ARGS(DB_ARG("name", name), DB_ARG("value", value)), NULL, err);
}

/* 1: there is one, and it is of this secret; 0: there is none. */
static int read_check(struct db *db, const struct seal_key *key, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(8192);
	struct setting_row row;
	struct secret plain;
	const char *name = check_name_;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_one(db, CONSOLE_SETTING_GET, DB_ARGS(DB_ARG("name", name)), &setting_type, &row,
		arena, err);
	if (r < 0)
		return r == -ERR_NOT_FOUND ? 0 : r;
	r = seal_open(key, check_place, (struct span){ row.value.at, row.value.len }, &plain, arena,
		err);
	if (r < 0)
		return err_set(err, REASON_CONFIG, "SECRET_KEY",
			"SECRET_KEY is not the one this database was made with; set that one, or "
			"DATABASE_URL to another database");
	return 1;
}

/* Of two Consoles that make the database together, with different secrets, the second is refused. */
int store_check_secret(struct db *db, const struct seal_key *key, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int r = read_check(db, key, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = db_begin(db, DB_WRITE, err);
	if (r >= 0)
		r = read_check(db, key, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = write_check(db, key, err);
	return r < 0 ? r : db_commit(tx, err);
}

/*
 * Operators
 */

#define OPERATOR(member, ...) FIELD(struct operator_row, member, __VA_ARGS__)
static const struct field operator_fields[] = {
	OPERATOR(id),
	OPERATOR(username, .flags = F_PERSONAL),
	OPERATOR(role, .words = operator_role_words),
	OPERATOR(password_hash, .flags = F_SECRET),
	OPERATOR(must_change_password),
	OPERATOR(standing),
	OPERATOR(disabled_at, .flags = F_NULLABLE),
	OPERATOR(etag),
	{ 0 },
};
const struct type store_operator_row_type =
	TYPE(struct operator_row, "OperatorRow", operator_fields);

const struct field *store_operator_field(const char *name)
{
	return field_by_sql(operator_fields, name);
}

int store_operator_insert(struct db *db, const struct operator_row *row, const struct uuid *by,
	struct err *err)
{
	struct timestamp now = time_now();
	int r = db_exec(db, CONSOLE_OPERATOR_INSERT,
		DB_BOTH(&store_operator_row_type, row, DB_ARG("now", now),
			{ "created_by", FIELD_UUID, by }),
		NULL, err);

	if (r == -ERR_CONFLICT && err && err->reason == REASON_EXISTS)
		return err_set(err, REASON_NAME_IN_USE, "username",
			"another operator has this name; names that differ in case only are one");
	return r;
}

static int bootstrap_in(struct db *db, const char *username, const char *hash, struct arena *arena,
	struct err *err)
{
	struct operator_row row = { .username = username, .role = ROLE_ADMINISTRATOR,
		.password_hash = { hash, strlen(hash) }, .must_change_password = true };
	struct audit_record start = { .action = AUDIT_LOG_START, .outcome = OUTCOME_OK,
		.target = TARGET_LOG };
	struct audit_record create = { .action = AUDIT_OPERATOR_CREATE, .outcome = OUTCOME_OK,
		.target = TARGET_OPERATOR };
	int r;

	uuid_make_v7(time_now(), &row.id);
	create.target_id = row.id;
	audit_change(&create, store_operator_field("username"), NULL, &row.username);
	audit_change(&create, store_operator_field("role"), NULL, &row.role);
	r = store_operator_insert(db, &row, NULL, err);
	if (r >= 0)
		r = audit_write(db, &actor_system, &start, NULL, NULL, arena, err);
	if (r >= 0)
		r = audit_write(db, &actor_system, &create, NULL, NULL, arena, err);
	return r;
}

int store_bootstrap(struct db *db, const char *username, const char *hash, struct arena *arena,
	struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct count_row operators;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_one(db, CONSOLE_OPERATOR_COUNT, DB_NONE, &store_count_type, &operators, NULL,
			err);
	if (r < 0 || operators.n > 0)
		return r < 0 ? r : 0;
	if (!username)
		return err_set(err, REASON_CONFIG, "BOOTSTRAP_ADMIN_USERNAME",
			"there is no operator yet: set BOOTSTRAP_ADMIN_USERNAME and "
			"BOOTSTRAP_ADMIN_PASSWORD for the first start");
	r = bootstrap_in(db, username, hash, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	return r < 0 ? r : 1;
}

int store_operator_by_name(struct db *db, const char *username, struct operator_row *ret_row,
	struct arena *arena, struct err *err)
{
	return db_one(db, CONSOLE_OPERATOR_BY_USERNAME, DB_ARGS(DB_ARG("username", username)),
		&store_operator_row_type, ret_row, arena, err);
}

int store_operator_row(struct db *db, const struct uuid *id, struct operator_row *ret_row,
	struct arena *arena, struct err *err)
{
	int r = db_one(db, CONSOLE_OPERATOR_BY_ID, DB_ARGS(DB_ARG("id", *id)),
		&store_operator_row_type, ret_row, arena, err);

	return r == -ERR_NOT_FOUND
		? err_set(err, REASON_OPERATOR_NOT_FOUND, NULL, "there is no operator with this id")
		: r;
}

int store_set_password(struct db *db, const struct actor *actor, const char *hash,
	const struct session_new *fresh, struct uuid *ret_session, struct arena *arena,
	struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = { .action = AUDIT_OPERATOR_PASSWORD, .outcome = OUTCOME_OK,
		.target = TARGET_OPERATOR, .target_id = actor->operator };
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_OPERATOR_SET_PASSWORD,
			DB_ARGS(DB_ARG("id", actor->operator), DB_ARG("password_hash", hash)), NULL,
			err);
	if (r >= 0)
		r = db_exec(db, CONSOLE_SESSION_END_ALL,
			DB_ARGS(DB_ARG("operator_id", actor->operator)), NULL, err);
	if (r >= 0)
		r = store_session_insert(db, actor, fresh, ret_session, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}
