/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "db/testdata/things.h"
#include "db_test_sql.h"

/* What is PostgreSQL's alone: connections that break, and databases of others. */

/* Ends every other session of the test's schema; they are told apart by their search_path. */
static void end_sessions(const struct testdb *testdb)
{
	testdb_say(testdb, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
			   "WHERE application_name = 'wgkeeper' AND pid <> pg_backend_pid()");
	usleep(50000);
}

TEST(a_lost_connection_is_made_anew_between_transactions)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;

	assert_ok(things_insert(db, &in, &err), &err);
	end_sessions(&testdb);
	in = (struct thing){ .id = { { 2 } }, .name = "b", .color = 1 };
	assert_ok(things_insert(db, &in, &err), &err); /* with statements prepared before */
	end_sessions(&testdb);
	assert_int_equal(things_count(db), 2);
}

TEST(a_transaction_is_never_continued_on_another_connection)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;

	{
		scoped(db_rollbackp) struct db *tx = db;

		assert_ok(db_begin(db, DB_WRITE, &err), &err);
		assert_ok(db_exec(db, TEST_THING_INSERT, DB_OBJECT(&thing_type, &in), NULL, &err),
			&err);
		end_sessions(&testdb);
		assert_fails(things_note(db, &err), &err, REASON_STORE);
		assert_fails(things_note(db, &err), &err, REASON_INTERNAL);
		assert_true(db_commit(tx, &err) < 0);
	}
	assert_int_equal(things_count(db), 0);
	assert_ok(things_insert(db, &in, &err), &err);
}

/* A trigger that sleeps makes the COMMIT take its time. */
static void *end_sessions_soon(void *arg)
{
	usleep(300000);
	end_sessions(arg);
	return NULL;
}

TEST(a_commit_without_an_answer_is_an_unknown_outcome)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;
	pthread_t thread;

	testdb_say(&testdb,
		"CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS "
		"'BEGIN PERFORM pg_sleep(1); RETURN NULL; END'; "
		"CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED "
		"FOR EACH ROW EXECUTE FUNCTION doze()");
	assert_int_equal(pthread_create(&thread, NULL, end_sessions_soon, &testdb), 0);
	assert_fails(things_insert(db, &in, &err), &err, REASON_OUTCOME_UNKNOWN);
	pthread_join(thread, NULL);
	assert_int_equal(things_count(db), 0); /* this time; it could have been one */
}

TEST(another_programs_tables_are_left_alone)
{
	static const char *const others[] = { "CREATE TABLE theirs (i int)",
		"CREATE TABLE schema_migrations (version text)", /* as Rails has it */
		"CREATE TABLE schema_migrations (number bigint, name text, checksum text)" };

	for (size_t i = 0; i < N_ELEMENTS(others); i++) {
		scoped(testdb_drop) struct testdb testdb = testdb_make();
		struct db_conf conf = things_conf(testdb.url);
		struct db *db = NULL;
		struct err err;

		testdb_say(&testdb, others[i]);
		assert_fails(db_open(&conf, &db, &err), &err, REASON_FOREIGN);
		assert_string_equal(err.field, "DATABASE_URL");
		testdb_say(&testdb,
			"DO 'BEGIN IF (SELECT count(*) FROM pg_class WHERE relkind = ''r'' AND "
			"relnamespace = current_schema()::regnamespace) <> 1 THEN RAISE "
			"EXCEPTION ''written to''; END IF; END'");
	}
}

TEST(urls_are_refused_without_showing_a_password)
{
	static const char *const urls[] = { "postgres://u:se@cret@/db", "postgres://u:sec/ret@/db",
		"postgres://u:secret", "postgres://u:se cret@/db", "postgres://u:sec%ret@h/db",
		"postgres://u:secret@127.0.0.1:1/db", "postgres://u:sec?ret@h/db",
		"postgres://u@/db?password=secret&host=%2Fnowhere",
		"postgres://u:secret@h:80a/db" };

	for (size_t i = 0; i < N_ELEMENTS(urls); i++) {
		struct db_conf conf = things_conf(urls[i]);
		struct db *db = NULL;
		struct err err;

		assert_true(db_open(&conf, &db, &err) < 0);
		assert_null(strstr(err.msg, "ret"));
		assert_true(err.reason == REASON_CONFIG || err.reason == REASON_STORE);
	}
}

TEST(a_taken_value_names_the_last_of_several_columns)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	scoped(db_closep) struct db *db = things_open(&testdb);
	struct thing in = { .id = { { 1 } }, .name = "a)=(b", .color = 1 };
	struct err err;

	testdb_say(&testdb, "ALTER TABLE things DROP CONSTRAINT things_name_key; "
			    "CREATE UNIQUE INDEX both_ ON things (color, name)");
	assert_ok(things_insert(db, &in, &err), &err);
	in.id.bytes[0] = 2;
	assert_fails(things_insert(db, &in, &err), &err, REASON_EXISTS);
	assert_string_equal(err.field, "name");
	testdb_say(&testdb, "DROP INDEX both_; CREATE UNIQUE INDEX lower_ ON things (lower(name))");
	assert_fails(things_insert(db, &in, &err), &err, REASON_EXISTS);
	assert_string_equal(err.field, "");
}

static bool is_advised(struct db *db, const char *word)
{
	for (unsigned i = 0; db_advice(db, i); i++)
		if (strstr(db_advice(db, i), word))
			return true;
	return false;
}

TEST(a_commit_waits_for_the_disk_whatever_the_database_says)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db_conf conf = things_conf(testdb.url);
	scoped(db_closep) struct db *db = NULL;
	char url[600];
	struct err err;

	snprintf(url, sizeof url, "%s%%20-csynchronous_commit%%3Doff", testdb.url);
	conf.url = url;
	assert_ok(db_open(&conf, &db, &err), &err);
	assert_true(is_advised(db, "synchronous_commit"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_connection_is_made_anew_between_transactions),
		cmocka_unit_test(a_transaction_is_never_continued_on_another_connection),
		cmocka_unit_test(a_commit_without_an_answer_is_an_unknown_outcome),
		cmocka_unit_test(another_programs_tables_are_left_alone),
		cmocka_unit_test(a_taken_value_names_the_last_of_several_columns),
		cmocka_unit_test(a_commit_waits_for_the_disk_whatever_the_database_says),
	};
	const struct CMUnitTest serverless[] = {
		cmocka_unit_test(urls_are_refused_without_showing_a_password),
	};
	int failed = cmocka_run_group_tests(serverless, NULL, NULL);

	testdb_engine = TESTDB_POSTGRES;
	if (getenv("TEST_PG"))
		failed += cmocka_run_group_tests(tests, things_set_up, things_tear_down);
	return failed;
}
