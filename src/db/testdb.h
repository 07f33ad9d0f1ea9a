/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * For unit tests that need a database: an empty one of their own, of either engine.
 *
 * SQLite always; PostgreSQL when TEST_PG is the URL of a database in which schemas may
 * be made (tests/lib/pg.py starts one; tools/run-tests.py always does). A test calls
 * testdb_groups() from main and testdb_make() where it would have written a URL.
 */

#include "base/test.h"

enum testdb_engine { TESTDB_SQLITE, TESTDB_POSTGRES };

struct testdb {
	char url[512];
	enum testdb_engine engine;
	char name[48]; /* of the folder, or of the schema */
};

/** The engine that tests run on now. */
extern enum testdb_engine testdb_engine;

/** Makes it, or fails the test. */
struct testdb testdb_make(void);

/** For scoped(): removes it. */
void testdb_drop(struct testdb *testdb);

/** Runs the statements beside all handles: what another program would do to the database. */
void testdb_say(const struct testdb *testdb, const char *text);

/** Runs the group once on each engine there is, and gives the number of failures. */
int testdb_groups(const char *name, const struct CMUnitTest *tests, size_t n_tests,
	CMFixtureFunction set_up, CMFixtureFunction tear_down);
