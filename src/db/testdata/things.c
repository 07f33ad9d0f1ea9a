/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "db/testdata/things.h"
#include "db_test_sql.h"

static const struct word colors[] = { { 1, "red" }, { 2, "green" }, { 0 } };

/* clang-format off */
static const struct field fields[] = {
	FIELD(struct thing, id),
	FIELD(struct thing, name),
	FIELD(struct thing, color, .words = colors),
	FIELD(struct thing, size),
	FIELD(struct thing, made_at, .flags = F_NULLABLE),
	FIELD(struct thing, public_key, .flags = F_NULLABLE),
	FIELD(struct thing, extra, .flags = F_NULLABLE),
	{ 0 },
};
static const struct field row_fields[] = {
	FIELD(struct thing_row, id),
	FIELD(struct thing_row, name),
	FIELD(struct thing_row, size),
	FIELD(struct thing_row, cursor_key),
	{ 0 },
};
/* clang-format on */
const struct type thing_type = TYPE(struct thing, "thing", fields);
const struct type thing_row_type = TYPE(struct thing_row, "row", row_fields);

struct arena *things_arena;

struct db_conf things_conf(const char *url)
{
	return (struct db_conf){ .url = url,
		.postgres = &db_postgres,
		.queries = test_queries,
		.n_queries = TEST_N_QUERIES,
		.migrations = test_migrations,
		.application_id = THINGS_ID,
		.audited = true };
}

struct db *things_open(const struct testdb *testdb)
{
	struct db_conf conf = things_conf(testdb->url);
	struct db *db = NULL;
	struct err err;

	assert_ok(db_open(&conf, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	return db;
}

int things_note(struct db *db, struct err *err)
{
	const char *text = "changed";

	return db_exec(db, TEST_NOTE_INSERT, DB_ARGS(DB_ARG("text", text)), NULL, err);
}

int things_insert(struct db *db, const struct thing *thing, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, TEST_THING_INSERT, DB_OBJECT(&thing_type, thing), NULL, err);
	if (r >= 0)
		r = things_note(db, err);
	return r < 0 ? r : db_commit(tx, err);
}

int64_t things_count(struct db *db)
{
	struct db_list all = { 0 };
	struct list rows;
	struct err err;

	assert_ok(db_list(db, TEST_THING_COUNT, &all, DB_NONE, &thing_row_type, &rows, things_arena,
			  &err),
		&err);
	return ((const struct thing_row *)rows.at)->size;
}

int things_set_up(void **state)
{
	(void)state;
	things_arena = arena_new(16 << 20);
	return things_arena ? 0 : -1;
}

int things_tear_down(void **state)
{
	(void)state;
	arena_free(things_arena);
	return 0;
}
