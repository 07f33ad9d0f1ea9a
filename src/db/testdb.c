/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "db/testdb.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum testdb_engine testdb_engine;

static void finish(PGconn **conn)
{
	PQfinish(*conn);
}

static void clear(PGresult **result)
{
	PQclear(*result);
}

static void say_postgres(const char *url, const char *text)
{
	scoped(finish) PGconn *conn = PQconnectdb(url);
	scoped(clear) PGresult *result = NULL;

	PQclear(PQexec(conn, "SET client_min_messages = warning"));
	result = PQexec(conn, text);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(conn));
}

static void say_sqlite(const char *url, const char *text)
{
	sqlite3 *sq = NULL;

	assert_int_equal(sqlite3_open(url + 5, &sq), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sq, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(sq);
}

void testdb_say(const struct testdb *testdb, const char *text)
{
	if (testdb->engine == TESTDB_POSTGRES)
		say_postgres(testdb->url, text);
	else
		say_sqlite(testdb->url, text);
}

struct testdb testdb_make(void)
{
	static unsigned count;
	struct testdb made = { .engine = testdb_engine };
	const char *base = getenv("TEST_PG");
	char text[80];

	if (made.engine == TESTDB_SQLITE) {
		snprintf(made.name, sizeof made.name, "/tmp/wgkeeper-test-XXXXXX");
		assert_non_null(mkdtemp(made.name));
		snprintf(made.url, sizeof made.url, "file:%s/db", made.name);
		return made;
	}
	snprintf(made.name, sizeof made.name, "test_%d_%u", getpid(), ++count);
	snprintf(text, sizeof text, "CREATE SCHEMA %s", made.name);
	say_postgres(base, text);
	snprintf(made.url, sizeof made.url, "%s%coptions=-csearch_path%%3D%s", base,
		strchr(base, '?') ? '&' : '?', made.name);
	return made;
}

void testdb_drop(struct testdb *testdb)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", "-instance" };
	char text[256];

	if (testdb->engine == TESTDB_POSTGRES) {
		snprintf(text, sizeof text, "DROP SCHEMA %s CASCADE", testdb->name);
		testdb_say(testdb, text);
		return;
	}
	for (unsigned i = 0; i < N_ELEMENTS(suffixes); i++) {
		snprintf(text, sizeof text, "%s/db%s", testdb->name, suffixes[i]);
		unlink(text);
	}
	rmdir(testdb->name);
}

int testdb_groups(const char *name, const struct CMUnitTest *tests, size_t n_tests,
	CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
	char title[64];
	int failed = 0;

	for (int engine = TESTDB_SQLITE; engine <= TESTDB_POSTGRES; engine++) {
		if (engine == TESTDB_POSTGRES && !getenv("TEST_PG"))
			break;
		testdb_engine = (enum testdb_engine)engine;
		snprintf(title, sizeof title, "%s on %s", name,
			engine == TESTDB_SQLITE ? "SQLite" : "PostgreSQL");
		print_message("%s\n", title);
		failed += _cmocka_run_group_tests(title, tests, n_tests, set_up, tear_down);
	}
	return failed;
}
