/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "db/db.h"
#include "db_test_sql.h"

struct thing {
	struct uuid id;
	const char *name;
	int color;
	int64_t size;
	struct timestamp made_at;
	struct wgkey public_key;
	const char *extra;
};

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
/* clang-format on */
static const struct type type = TYPE(struct thing, "thing", fields);

struct row {
	struct uuid id;
	const char *name, *cursor_key;
	int64_t size;
};

static const struct field row_fields[] = {
	FIELD(struct row, id),
	FIELD(struct row, name),
	FIELD(struct row, size),
	FIELD(struct row, cursor_key),
	{ 0 },
};
static const struct type row_type = TYPE(struct row, "row", row_fields);

static struct arena *arena;
static char path[] = "/tmp/wgkeeper-db-test-XXXXXX";

static struct db_conf conf_of(const char *url)
{
	return (struct db_conf){ .url = url, .queries = test_queries, .n_queries = TEST_N_QUERIES,
		.migrations = test_migrations, .application_id = 0x54455354, .audited = true };
}

static struct db *fresh(void)
{
	struct db_conf conf = conf_of("file::memory:");
	struct db *db = NULL;
	struct err err;

	assert_ok(db_open(&conf, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	return db;
}

static int note(struct db *db, struct err *err)
{
	const char *text = "changed";

	return db_exec(db, TEST_NOTE_INSERT, DB_ARGS(DB_ARG("text", text)), NULL, err);
}

static int insert(struct db *db, const struct thing *thing, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, TEST_THING_INSERT, DB_OBJECT(&type, thing), NULL, err);
	if (r >= 0)
		r = note(db, err);
	return r < 0 ? r : db_commit(tx, err);
}

TEST(an_object_comes_back_as_it_went_in)
{
	scoped(db_closep) struct db *db = fresh();
	struct thing in = { .id = { { 1 } }, .name = "Zürich", .color = 2, .size = -5,
		.made_at = { 123456789 }, .public_key = { { 9, 8, 7 } } };
	struct thing out;
	struct err err;

	assert_ok(insert(db, &in, &err), &err);
	assert_ok(db_one(db, TEST_THING_BY_ID, DB_ARGS(DB_ARG("id", in.id)), &type, &out, arena,
			  &err),
		&err);
	assert_string_equal(out.name, in.name);
	assert_int_equal(out.color, 2);
	assert_int_equal(out.size, -5);
	assert_int_equal(out.made_at.us, in.made_at.us);
	assert_true(wgkey_equal(&out.public_key, &in.public_key));
	assert_null(out.extra);
	assert_fails(db_one(db, TEST_THING_BY_ID, DB_ARGS(DB_ARG("id", ((struct uuid){ { 2 } }))),
			     &type, &out, arena, &err),
		&err, REASON_NOT_FOUND);
}

TEST(parameters_go_by_name_not_by_place)
{
	scoped(db_closep) struct db *db = fresh();
	const char *first = "1st", *second = "2nd";
	struct thing out;
	struct err err;

	assert_ok(db_one(db, TEST_SWAP, DB_ARGS(DB_ARG("first", first), DB_ARG("second", second)),
			  &type, &out, arena, &err),
		&err);
	assert_string_equal(out.name, "2nd");
	assert_string_equal(out.extra, "1st");
}

TEST(a_taken_value_names_its_column)
{
	scoped(db_closep) struct db *db = fresh();
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;

	assert_ok(insert(db, &in, &err), &err);
	in.id.bytes[0] = 2;
	assert_fails(insert(db, &in, &err), &err, REASON_EXISTS);
	assert_string_equal(err.field, "name");
}

TEST(leaving_without_commit_changes_nothing)
{
	scoped(db_closep) struct db *db = fresh();
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct list all;
	struct err err;

	{
		scoped(db_rollbackp) struct db *tx = db;

		assert_ok(db_begin(tx, DB_WRITE, &err), &err);
		assert_ok(db_exec(db, TEST_THING_INSERT, DB_OBJECT(&type, &in), NULL, &err), &err);
	}
	assert_ok(db_all(db, TEST_THING_ALL, DB_NONE, &type, &all, arena, &err), &err);
	assert_int_equal(all.n, 0);
	assert_ok(insert(db, &in, &err), &err);
	assert_ok(db_all(db, TEST_THING_ALL, DB_NONE, &type, &all, arena, &err), &err);
	assert_int_equal(all.n, 1);
}

static void commit_without_entry(struct db *db)
{
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };

	if (db_begin(db, DB_WRITE, NULL) == 0 &&
		db_exec(db, TEST_THING_INSERT, DB_OBJECT(&type, &in), NULL, NULL) == 0 &&
		db_commit(db, NULL) == 0)
		_exit(0);
	_exit(1);
}

TEST(a_change_without_an_audit_entry_ends_the_program)
{
	scoped(db_closep) struct db *db = fresh();
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
	scoped(db_closep) struct db *db = fresh();
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1, .size = 1 }, out;
	int64_t changes;
	struct err err;

	assert_ok(insert(db, &in, &err), &err);
	assert_ok(db_exec(db, TEST_THING_TOUCH, DB_ARGS(DB_ARG("id", in.id)), &changes, &err), &err);
	assert_int_equal(changes, 1);
	assert_ok(db_one(db, TEST_THING_BY_ID, DB_ARGS(DB_ARG("id", in.id)), &type, &out, arena,
			  &err),
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
		assert_ok(insert(db, &thing, &err), &err);
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
	struct db_list list = { .filters = db_filters(db, TEST_THING_LIST, &type, &filter),
		.sort = want->sort, .descending = want->descending };
	bool text = db_sort(db, TEST_THING_LIST, want->sort)->text_key;
	struct row last = { 0 };
	int n = 0;

	for (;;) {
		struct list page;
		struct err err;
		struct db_arg key = { "after_key", text ? FIELD_TEXT : FIELD_INT,
			text ? (const void *)&last.cursor_key : (const void *)&size_key };
		const struct db_arg args[] = { DB_ARG("limit", limit), DB_ARG("offset", offset), key,
			DB_ARG("after_id", last.id), DB_ARG("color", filter.color), { 0 } };

		assert_ok(db_list(db, TEST_THING_LIST, &list, (struct db_in){ .args = args },
				  &row_type, &page, arena, &err),
			&err);
		if (page.n == 0)
			return n;
		n += (int)page.n;
		last = ((struct row *)page.at)[page.n - 1];
		size_key = last.size;
		list.after = true;
	}
}

TEST(lists_page_behind_the_last_row)
{
	scoped(db_closep) struct db *db = fresh();
	static const struct want wants[] = { { "name", false, 0 }, { "name", true, 0 },
		{ "size", false, 0 }, { "size", true, 0 }, { "size", true, 2 } };

	fill(db, 22);
	for (size_t i = 0; i < N_ELEMENTS(wants); i++)
		assert_int_equal(walk(db, &wants[i]), wants[i].color ? 11 : 22);
}

TEST(filters_follow_the_members_given)
{
	scoped(db_closep) struct db *db = fresh();
	struct thing none = { 0 }, both = { .color = 1, .name = "x" };
	struct db_list list = { .filters = db_filters(db, TEST_THING_COUNT, &type, &both) };
	struct list rows;
	struct err err;

	fill(db, 3);
	assert_int_equal(db_filters(db, TEST_THING_LIST, &type, &none), 0);
	assert_int_equal(list.filters, 3);
	assert_ok(db_list(db, TEST_THING_COUNT, &list, DB_OBJECT(&type, &both), &row_type, &rows,
			  arena, &err),
		&err);
	assert_int_equal(((struct row *)rows.at)->size, 0);
	assert_null(db_sort(db, TEST_THING_LIST, "color; DROP TABLE things"));
}

TEST(foreign_files_are_left_alone)
{
	struct db_conf conf;
	char url[64];
	struct db *db = NULL;
	struct stat before, after;
	struct err err;
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, "this is a diary, not a database", 31), 31);
	assert_int_equal(fstat(fd, &before), 0);
	close(fd);
	snprintf(url, sizeof url, "file:%s", path);
	conf = conf_of(url);
	assert_fails(db_open(&conf, &db, &err), &err, REASON_FOREIGN);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

TEST(another_programs_database_is_refused)
{
	char url[64];
	struct db_conf conf;
	struct db *db = NULL;
	struct err err;

	assert_int_equal(truncate(path, 0), 0);
	snprintf(url, sizeof url, "file:%s", path);
	conf = conf_of(url);
	assert_ok(db_open(&conf, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	db_close(db);
	db = NULL;
	conf.application_id = 1;
	assert_fails(db_open(&conf, &db, &err), &err, REASON_FOREIGN);
}

/* Nothing of what was committed need be in the file itself yet. */
TEST(a_new_database_is_ours_after_a_kill)
{
	char url[64];
	struct db_conf conf;
	struct db *db = NULL;
	struct err err;
	pid_t pid;

	assert_int_equal(truncate(path, 0), 0);
	snprintf(url, sizeof url, "file:%s", path);
	conf = conf_of(url);
	conf.exclusive = true;
	pid = fork();
	if (pid == 0) {
		if (db_open(&conf, &db, &err) < 0 || db_migrate(db, &err) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(db_open(&conf, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	db_close(db);
}

/* Another process, forked before this one has SQLite open: with each byte sent it opens the database,
 * counts, and closes it. */
struct other {
	pid_t pid;
	int ask, answer;
};

static int count_things(const struct db_conf *conf)
{
	scoped(db_closep) struct db *db = NULL;
	struct list all;

	if (db_open(conf, &db, NULL) < 0 ||
		db_all(db, TEST_THING_ALL, DB_NONE, &type, &all, arena, NULL) < 0)
		return 99;
	return (int)all.n;
}

static struct other start_other(const struct db_conf *conf)
{
	int ask[2], answer[2];
	struct other other;
	char byte;

	assert_int_equal(pipe(ask) + pipe(answer), 0);
	other = (struct other){ fork(), ask[1], answer[0] };
	if (other.pid == 0) {
		close(ask[1]);
		while (read(ask[0], &byte, 1) == 1) {
			byte = (char)count_things(conf);
			if (write(answer[1], &byte, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	return other;
}

static int counted_by(const struct other *other)
{
	char n = 0;

	assert_int_equal(write(other->ask, &n, 1), 1);
	assert_int_equal(read(other->answer, &n, 1), 1);
	return n;
}

static void end_other(struct other *other)
{
	close(other->ask);
	close(other->answer);
	waitpid(other->pid, NULL, 0);
}

/* The second handle of a process must not cost the first one its locks: another process that closes
 * the database would then take the WAL away under both, with what is committed after it. */
TEST(another_process_that_closes_takes_nothing_away)
{
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	char url[64];
	struct db_conf conf;
	struct err err;

	assert_int_equal(truncate(path, 0), 0);
	snprintf(url, sizeof url, "file:%s", path);
	conf = conf_of(url);
	scoped(end_other) struct other other = start_other(&conf);
	scoped(db_closep) struct db *first = NULL, *second = NULL;
	assert_ok(db_open(&conf, &first, &err), &err);
	assert_ok(db_migrate(first, &err), &err);
	assert_ok(db_open(&conf, &second, &err), &err);
	assert_int_equal(counted_by(&other), 0);
	assert_ok(insert(first, &in, &err), &err);
	assert_int_equal(counted_by(&other), 1);
}

TEST(a_newer_schema_is_refused)
{
	char url[64];
	struct db_conf conf;
	struct migration only_first[] = { test_migrations[0], { 0 } };
	struct err err;

	snprintf(url, sizeof url, "file:%s", path);
	conf = conf_of(url);
	{
		scoped(db_closep) struct db *db = NULL;

		assert_ok(db_open(&conf, &db, &err), &err);
		assert_ok(db_migrate(db, &err), &err); /* again: nothing to do */
	}
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

static int set_up(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	arena = arena_new(1 << 20);
	if (fd < 0 || !arena)
		return -1;
	close(fd);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	unlink(path);
	return 0;
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
		cmocka_unit_test(foreign_files_are_left_alone),
		cmocka_unit_test(a_new_database_is_ours_after_a_kill),
		cmocka_unit_test(another_programs_database_is_refused),
		cmocka_unit_test(another_process_that_closes_takes_nothing_away),
		cmocka_unit_test(a_newer_schema_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
