/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "db/db.h"
#include "db/testdb.h"

/* Two things, of two owners, and lists of them with and without a part that asks whose they are. */

enum { PUT, LIST, OPEN_LIST, N_QUERIES };

#define BOTH(text) .sqlite = text, .postgres = text

static const char *const put_params[] = { "id", "owner", NULL };
static const char *const list_params[] = { "word", "scope", "after_key", "after_id", NULL };
static const struct query_part parts[] = {
	{ .name = "word", .kind = QUERY_FILTER, .sqlite = "t.id <> ?1", .postgres = "t.id <> $1" },
	{ .name = "scope", .kind = QUERY_FILTER, .sqlite = "t.owner = ?2", .postgres = "t.owner = $2" },
	{ 0 },
};
static const struct query queries[N_QUERIES] = {
	[PUT] = { "put", QUERY_EXEC, QUERY_WRITES, 2, put_params, NULL,
		"INSERT INTO things (id, owner) VALUES (?1, ?2)",
		"INSERT INTO things (id, owner) VALUES ($1, $2)" },
	[LIST] = { "list", QUERY_LIST, 0, 4, list_params, parts,
		BOTH("SELECT t.id, t.owner FROM things t WHERE {where}") },
	[OPEN_LIST] = { "open_list", QUERY_LIST, 0, 4, list_params, &parts[2],
		BOTH("SELECT t.id, t.owner FROM things t WHERE {where}") },
};
static const struct migration migrations[] = {
	{ 1, "things", "x", "CREATE TABLE things (id BLOB PRIMARY KEY, owner BLOB NOT NULL);",
		"CREATE TABLE things (id BYTEA PRIMARY KEY, owner BYTEA NOT NULL);" },
	{ 0 },
};

struct thing {
	struct uuid id, owner;
};

static const struct field fields[] = { FIELD(struct thing, id), FIELD(struct thing, owner), { 0 } };
static const struct type type = TYPE(struct thing, "thing", fields);

static const struct uuid ada = { { 1 } }, bob = { { 2 } };
static struct arena *arena;
static struct err err;

static struct db *open_things(const struct testdb *testdb, bool scoped)
{
	const struct db_conf conf = { .url = testdb->url, .postgres = &db_postgres, .queries = queries, .n_queries = N_QUERIES,
		.migrations = migrations, .scoped = scoped };
	struct thing hers = { { { 8 } }, ada }, his = { { { 9 } }, bob };
	struct db *db = NULL;

	assert_ok(db_open(&conf, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	assert_ok(db_exec(db, PUT, DB_OBJECT(&type, &hers), NULL, &err), &err);
	assert_ok(db_exec(db, PUT, DB_OBJECT(&type, &his), NULL, &err), &err);
	return db;
}

static int count(struct db *db, unsigned query, uint32_t filters, const struct uuid *but)
{
	const struct db_arg args[] = { { "word", FIELD_UUID, but }, { 0 } };
	const struct db_list how = { .filters = filters };
	struct list rows;
	int r = db_list(db, query, &how, (struct db_in){ .args = args }, &type, &rows, arena, &err);

	return r < 0 ? r : (int)rows.n;
}

TEST(a_list_leaves_out_what_its_reader_may_not_see)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = open_things(&testdb, true);
	const struct db_scope everything = { .all = true }, hers = { .value = ada };
	const struct uuid her_thing = { { 8 } };

	arena = arena_new(100000);
	assert_int_equal(count(db, LIST, 0, NULL), -ERR_DENIED);
	assert_int_equal(err.reason, REASON_FORBIDDEN);
	db_work_for(db, &everything);
	assert_int_equal(count(db, LIST, 0, NULL), 2);
	db_work_for(db, &hers);
	assert_ptr_equal(db_works_for(db), &hers);
	assert_int_equal(count(db, LIST, 0, NULL), 1);
	assert_int_equal(count(db, LIST, 1, &her_thing), 0); /* beside a filter of its own */
	db_work_for(db, NULL);
	assert_int_equal(count(db, LIST, 0, NULL), -ERR_DENIED);
	arena_free(arena);
}

TEST(a_list_without_the_part_is_refused)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = open_things(&testdb, true);
	const struct db_scope everything = { .all = true }, hers = { .value = ada };

	arena = arena_new(100000);
	db_work_for(db, &everything);
	assert_int_equal(count(db, OPEN_LIST, 0, NULL), 2);
	db_work_for(db, &hers);
	assert_int_equal(count(db, OPEN_LIST, 0, NULL), -ERR_DENIED);
	arena_free(arena);
	assert_fails(db_check_scopes(queries, N_QUERIES, &err), &err, REASON_INTERNAL);
	assert_non_null(strstr(err.msg, "'open_list'"));
	assert_ok(db_check_scopes(queries, OPEN_LIST, &err), &err);
}

TEST(a_database_without_scopes_asks_for_none)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = open_things(&testdb, false);

	arena = arena_new(100000);
	assert_int_equal(count(db, LIST, 0, NULL), 2);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_leaves_out_what_its_reader_may_not_see),
		cmocka_unit_test(a_list_without_the_part_is_refused),
		cmocka_unit_test(a_database_without_scopes_asks_for_none),
	};
	return testdb_groups("scope", tests, N_ELEMENTS(tests), NULL, NULL);
}
