/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/testdata/things.h"
#include "db_test_sql.h"

/* What holds on either engine. */

TEST(an_object_comes_back_as_it_went_in)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "Zürich", .color = 2, .size = -5,
		.made_at = { 123456789 }, .public_key = { { 9, 8, 7 } } };
	struct thing out;
	struct err err;

	assert_ok(things_insert(db, &in, &err), &err);
	assert_ok(db_one(db, TEST_THING_BY_ID, DB_ARGS(DB_ARG("id", in.id)), &thing_type, &out,
			  things_arena, &err),
		&err);
	assert_string_equal(out.name, in.name);
	assert_int_equal(out.color, 2);
	assert_int_equal(out.size, -5);
	assert_int_equal(out.made_at.us, in.made_at.us);
	assert_true(wgkey_equal(&out.public_key, &in.public_key));
	assert_null(out.extra);
	assert_fails(db_one(db, TEST_THING_BY_ID, DB_ARGS(DB_ARG("id", ((struct uuid){ { 2 } }))),
			     &thing_type, &out, things_arena, &err),
		&err, REASON_NOT_FOUND);
}

TEST(parameters_go_by_name_not_by_place)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	const char *first = "1st", *second = "2nd";
	struct thing out;
	struct err err;

	assert_ok(db_one(db, TEST_SWAP, DB_ARGS(DB_ARG("first", first), DB_ARG("second", second)),
			  &thing_type, &out, things_arena, &err),
		&err);
	assert_string_equal(out.name, "2nd");
	assert_string_equal(out.extra, "1st");
}

TEST(a_taken_value_names_its_column)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;

	assert_ok(things_insert(db, &in, &err), &err);
	in.id.bytes[0] = 2;
	assert_fails(things_insert(db, &in, &err), &err, REASON_EXISTS);
	assert_string_equal(err.field, "name");
}

TEST(leaving_without_commit_changes_nothing)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct list all;
	struct err err;

	{
		scoped(db_rollbackp) struct db *tx = db;

		assert_ok(db_begin(tx, DB_WRITE, &err), &err);
		assert_ok(db_exec(db, TEST_THING_INSERT, DB_OBJECT(&thing_type, &in), NULL, &err),
			&err);
	}
	assert_ok(db_all(db, TEST_THING_ALL, DB_NONE, &thing_type, &all, things_arena, &err), &err);
	assert_int_equal(all.n, 0);
	assert_ok(things_insert(db, &in, &err), &err);
	assert_ok(db_all(db, TEST_THING_ALL, DB_NONE, &thing_type, &all, things_arena, &err), &err);
	assert_int_equal(all.n, 1);
}

static void commit_without_entry(struct db *db)
{
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };

	if (db_begin(db, DB_WRITE, NULL) == 0 &&
		db_exec(db, TEST_THING_INSERT, DB_OBJECT(&thing_type, &in), NULL, NULL) == 0 &&
		db_commit(db, NULL) == 0)
		_exit(0);
	_exit(1);
}

TEST(a_change_without_an_audit_entry_ends_the_program)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		fclose(stderr);
		commit_without_entry(db);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

TEST(unaudited_writes_need_no_entry)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1, .size = 1 }, out;
	int64_t changes;
	struct err err;

	assert_ok(things_insert(db, &in, &err), &err);
	assert_ok(db_exec(db, TEST_THING_TOUCH, DB_ARGS(DB_ARG("id", in.id)), &changes, &err), &err);
	assert_int_equal(changes, 1);
	assert_ok(db_one(db, TEST_THING_BY_ID, DB_ARGS(DB_ARG("id", in.id)), &thing_type, &out,
			  things_arena, &err),
		&err);
	assert_int_equal(out.size, 2);
}

static void fill(struct db *db, int n)
{
	struct err err;

	for (int i = 0; i < n; i++) {
		char name[16];
		struct thing thing = { .id = { { (uint8_t)i, 1 } }, .name = name,
			.color = 1 + i % 2, .size = i / 3 };

		snprintf(name, sizeof name, "n%02d", i);
		assert_ok(things_insert(db, &thing, &err), &err);
	}
}

struct want {
	const char *sort;
	bool descending;
	int color;
};

/* Walks the whole list in pages of 4 behind the last row, and counts. */
static int walk(struct db *db, const struct want *want)
{
	struct thing filter = { .color = want->color };
	int64_t limit = 4, offset = 0, size_key = 0;
	struct db_list list = { .filters = db_filters(db, TEST_THING_LIST, &thing_type, &filter),
		.sort = want->sort,
		.descending = want->descending };
	bool text = db_sort(db, TEST_THING_LIST, want->sort)->text_key;
	struct thing_row last = { 0 };
	int n = 0;

	for (;;) {
		struct list page;
		struct err err;
		struct db_arg key = { "after_key", text ? FIELD_TEXT : FIELD_INT,
			text ? (const void *)&last.cursor_key : (const void *)&size_key };
		const struct db_arg args[] = { DB_ARG("limit", limit), DB_ARG("offset", offset), key,
			DB_ARG("after_id", last.id), DB_ARG("color", filter.color), { 0 } };

		assert_ok(db_list(db, TEST_THING_LIST, &list, (struct db_in){ .args = args },
				  &thing_row_type, &page, things_arena, &err),
			&err);
		if (page.n == 0)
			return n;
		n += (int)page.n;
		last = ((struct thing_row *)page.at)[page.n - 1];
		size_key = last.size;
		list.after = true;
	}
}

TEST(lists_page_behind_the_last_row)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	static const struct want wants[] = { { "name", false, 0 }, { "name", true, 0 },
		{ "size", false, 0 }, { "size", true, 0 }, { "size", true, 2 } };

	fill(db, 22);
	for (size_t i = 0; i < N_ELEMENTS(wants); i++)
		assert_int_equal(walk(db, &wants[i]), wants[i].color ? 11 : 22);
}

TEST(filters_follow_the_members_given)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing none = { 0 }, both = { .color = 1, .name = "x" };
	struct db_list list = { .filters = db_filters(db, TEST_THING_COUNT, &thing_type, &both) };
	struct list rows;
	struct err err;

	fill(db, 3);
	assert_int_equal(db_filters(db, TEST_THING_LIST, &thing_type, &none), 0);
	assert_int_equal(list.filters, 3);
	assert_ok(db_list(db, TEST_THING_COUNT, &list, DB_OBJECT(&thing_type, &both),
			  &thing_row_type, &rows, things_arena, &err),
		&err);
	assert_int_equal(((struct thing_row *)rows.at)->size, 0);
	assert_null(db_sort(db, TEST_THING_LIST, "color; DROP TABLE things"));
}

/* The letters of ASCII, in either case, and the bytes of everything else. */
TEST(texts_are_found_and_sorted_the_same_way)
{
	static const struct {
		const char *pattern;
		int64_t found;
	} cases[] = { { "a%", 2 }, { "A%", 2 }, { "\xc3\x84%", 1 }, { "\xc3\xa4%", 1 },
		{ "%B%", 1 }, { "_", 2 } };
	static const char *const names[] = { "Zoe", "ab", "A", "\xc3\x84rger", "\xc3\xa4", "zoe" };
	static const char *const sorted[] = { "A", "Zoe", "ab", "zoe", "\xc3\x84rger", "\xc3\xa4" };
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct list all;
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		struct thing thing = {
			.id = { { (uint8_t)(i + 1) } }, .name = names[i], .color = 1
		};

		assert_ok(things_insert(db, &thing, &err), &err);
	}
	assert_ok(db_all(db, TEST_THING_ALL, DB_NONE, &thing_type, &all, things_arena, &err), &err);
	for (size_t i = 0; i < N_ELEMENTS(sorted); i++)
		assert_string_equal(((const struct thing *)all.at)[i].name, sorted[i]);
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct thing filter = { .name = cases[i].pattern };
		struct db_list list = { .filters = db_filters(
						db, TEST_THING_COUNT, &thing_type, &filter) };
		struct list rows;

		assert_ok(db_list(db, TEST_THING_COUNT, &list, DB_OBJECT(&thing_type, &filter),
				  &thing_row_type, &rows, things_arena, &err),
			&err);
		assert_int_equal(((const struct thing_row *)rows.at)->size, cases[i].found);
	}
}

TEST(a_statement_that_failed_is_the_end_of_its_transaction)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;

	assert_ok(things_insert(db, &in, &err), &err);
	{
		scoped(db_rollbackp) struct db *tx = db;

		assert_ok(db_begin(db, DB_WRITE, &err), &err);
		assert_ok(things_note(db, &err), &err);
		assert_fails(
			db_exec(db, TEST_THING_INSERT, DB_OBJECT(&thing_type, &in), NULL, &err),
			&err, REASON_EXISTS);
		assert_fails(things_note(db, &err), &err, REASON_INTERNAL);
		assert_fails(db_commit(tx, &err), &err, REASON_INTERNAL);
	}
	in.id.bytes[0] = 2;
	in.name = "b";
	assert_ok(things_insert(db, &in, &err), &err);
	assert_int_equal(things_count(db), 2);
}

TEST(one_writer_at_a_time_and_readers_see_one_state)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb), *other = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	int64_t began = time_monotonic_us();
	struct err err;

	{
		scoped(db_rollbackp) struct db *tx = db;

		assert_ok(db_begin(db, DB_WRITE, &err), &err);
		assert_fails(db_begin(other, DB_WRITE, &err), &err, REASON_BUSY);
		assert_in_range(time_monotonic_us() - began, 4000000, 8000000);
	}
	scoped(db_rollbackp) struct db *reading = other;
	assert_ok(db_begin(other, DB_READ, &err), &err);
	assert_int_equal(things_count(other), 0);
	assert_ok(things_insert(db, &in, &err), &err);
	assert_int_equal(things_count(other), 0);
	db_rollbackp(&reading);
	assert_int_equal(things_count(other), 1);
}

static int ask_meanwhile(void *ctx, void *object, struct err *err)
{
	(void)object;
	assert_fails(things_note(ctx, err), err, REASON_INTERNAL);
	return -ERR_CONFLICT;
}

TEST(many_objects_take_one_trip)
{
	enum { MANY = 1001 };
	static char names[MANY][16];
	static struct thing things[MANY];
	const struct list list = { things, MANY };
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct err err;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "n%04u", i);
		things[i] = (struct thing){ .id = { { (uint8_t)i, (uint8_t)(i >> 8), 1 } },
			.name = names[i],
			.color = 1,
			.extra = i % 2 ? names[i] : NULL };
	}
	things[700].name = things[699].name;
	for (unsigned round = 0; round < 2; round++) {
		scoped(db_rollbackp) struct db *tx = db;

		assert_ok(db_begin(db, DB_WRITE, &err), &err);
		assert_ok(things_note(db, &err), &err);
		if (round == 0) {
			assert_fails(db_exec_all(db, TEST_THING_INSERT, &thing_type, &list, &err),
				&err, REASON_EXISTS);
			assert_string_equal(err.field, "name");
			things[700].name = names[700];
		} else {
			assert_ok(
				db_exec_all(db, TEST_THING_INSERT, &thing_type, &list, &err), &err);
			assert_ok(db_commit(tx, &err), &err);
		}
	}
	assert_int_equal(things_count(db), MANY);
}

TEST(rows_come_one_by_one_and_may_be_left)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing row;
	struct err err;

	fill(db, 22);
	assert_int_equal(
		db_each(db, TEST_THING_ALL, DB_NONE, &thing_type, &row, ask_meanwhile, db, &err),
		-ERR_CONFLICT);
	assert_int_equal(things_count(db), 22);
}

TEST(a_guard_is_asked_before_each_change)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1, .size = 7 };
	struct err err;

	assert_ok(things_insert(db, &in, &err), &err);
	in = (struct thing){ .id = { { 2 } }, .name = "b", .color = 1 };
	db_guard(db, TEST_THING_OF_SIZE, 8);
	assert_fails(things_insert(db, &in, &err), &err, REASON_LEASE);
	assert_int_equal(things_count(db), 1);
	db_guard(db, TEST_THING_OF_SIZE, 7);
	assert_ok(things_insert(db, &in, &err), &err);
}

TEST(a_claim_is_one_process_s)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db *db = things_open(&testdb);
	scoped(db_closep) struct db *other = things_open(&testdb);
	struct err err;

	assert_int_equal(db_claim(db, &err), 1);
	assert_int_equal(db_claim(db, &err), 1);
	assert_int_equal(db_claim(other, &err), 0);
	db_unclaim(db);
	assert_int_equal(db_claim(other, &err), 1);
	db_unclaim(other);
	assert_int_equal(db_claim(db, &err), 1);
	db_close(db);
	for (unsigned i = 0; i < 100 && db_claim(other, &err) == 0; i++)
		usleep(20000); /* the server sees the end of a connection a little later */
	assert_int_equal(db_claim(other, &err), 1);
}

/* Each child opens and migrates when the pipe closes, all at the same moment. */
static pid_t start_migrating(const struct testdb *testdb, int go[2])
{
	struct db_conf conf = things_conf(testdb->url);
	pid_t pid = fork();

	if (pid == 0) {
		struct db *db = NULL;
		struct err err = { 0 };
		char byte;
		int r;

		close(go[1]);
		r = (int)read(go[0], &byte, 1);
		if (r == 0)
			r = db_open(&conf, &db, &err);
		if (r >= 0)
			r = db_migrate(db, &err);
		if (r < 0)
			fprintf(stderr, "%s: %s\n", err_slug(err.reason), err.msg);
		db_close(db);
		_exit(r < 0);
	}
	return pid;
}

TEST(any_number_of_processes_may_migrate_at_once)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	int go[2], status, bad = 0;
	pid_t pids[6];

	assert_int_equal(pipe(go), 0);
	for (unsigned i = 0; i < N_ELEMENTS(pids); i++)
		pids[i] = start_migrating(&testdb, go);
	close(go[0]);
	close(go[1]);
	for (unsigned i = 0; i < N_ELEMENTS(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	assert_int_equal(bad, 0);
	scoped(db_closep) struct db *db = things_open(&testdb);
	assert_int_equal(things_count(db), 0);
}

TEST(a_newer_schema_is_refused)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db_conf conf = things_conf(testdb.url);
	struct migration only_first[] = { test_migrations[0], { 0 } };
	struct err err;

	db_close(things_open(&testdb));
	db_close(things_open(&testdb)); /* again: nothing to do */
	conf.migrations = only_first;
	{
		scoped(db_closep) struct db *db = NULL;

		assert_ok(db_open(&conf, &db, &err), &err);
		assert_fails(db_migrate(db, &err), &err, REASON_STORE_NEWER);
	}
	only_first[0].checksum = "another";
	{
		scoped(db_closep) struct db *db = NULL;

		assert_ok(db_open(&conf, &db, &err), &err);
		assert_fails(db_migrate(db, &err), &err, REASON_STORE_CORRUPT);
	}
}

TEST(another_programs_database_is_refused)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db_conf conf = things_conf(testdb.url);
	struct db *db = NULL;
	struct err err;

	db_close(things_open(&testdb));
	conf.application_id = 1;
	assert_fails(db_open(&conf, &db, &err), &err, REASON_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_comes_back_as_it_went_in),
		cmocka_unit_test(parameters_go_by_name_not_by_place),
		cmocka_unit_test(a_taken_value_names_its_column),
		cmocka_unit_test(leaving_without_commit_changes_nothing),
		cmocka_unit_test(a_change_without_an_audit_entry_ends_the_program),
		cmocka_unit_test(unaudited_writes_need_no_entry),
		cmocka_unit_test(lists_page_behind_the_last_row),
		cmocka_unit_test(filters_follow_the_members_given),
		cmocka_unit_test(texts_are_found_and_sorted_the_same_way),
		cmocka_unit_test(a_statement_that_failed_is_the_end_of_its_transaction),
		cmocka_unit_test(one_writer_at_a_time_and_readers_see_one_state),
		cmocka_unit_test(many_objects_take_one_trip),
		cmocka_unit_test(rows_come_one_by_one_and_may_be_left),
		cmocka_unit_test(a_guard_is_asked_before_each_change),
		cmocka_unit_test(a_claim_is_one_process_s),
		cmocka_unit_test(any_number_of_processes_may_migrate_at_once),
		cmocka_unit_test(a_newer_schema_is_refused),
		cmocka_unit_test(another_programs_database_is_refused),
	};
	return testdb_groups("db", tests, N_ELEMENTS(tests), things_set_up, things_tear_down);
}
