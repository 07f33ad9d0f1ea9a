/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The database: named statements in, described structs out.
 *
 * A handle is one connection, for one thread at a time. Parameters and columns
 * are matched to field tables by name; text that comes back is copied into the
 * caller's arena. Statements are prepared on first use and kept. A column named
 * "person__name" goes into the member `name` of the member `person`.
 *
 * In an audited database every transaction that writes also writes an audit
 * entry; committing one that does not is a bug and ends the program.
 */

#include "base/arena.h"
#include "base/field.h"
#include "db/query.h"

struct db;        /* opaque */
struct db_engine; /* db/engine.h */

/** PostgreSQL, for struct db_conf: a program that names it links libpq. */
extern const struct db_engine db_postgres;

/** Where it is, and what may be said to it. */
struct db_conf {
	/* file:/path; file::memory: lives as long as the handle; postgres://… where `postgres` is set.
	 * It must outlive the handle, and is never shown: it may hold a password. */
	const char *url;
	const struct db_engine *postgres; /* &db_postgres, or NULL: SQLite only */
	const struct query *queries;
	size_t n_queries;
	const struct migration *migrations;
	uint32_t application_id; /* tells our database from another program's */
	bool audited;
	bool exclusive; /* nobody else opens the file meanwhile */
	bool scoped;    /* lists leave out what whoever the handle works for may not see */
};

/** A parameter that is not part of an object. */
struct db_arg {
	const char *name;
	enum field_kind kind;
	const void *at; /* NULL: none */
};

/** What a statement's parameters are taken from: `args` first, then the members of `object`. */
struct db_in {
	const struct type *type;
	const void *object;
	const struct db_arg *args; /* ends with a row without a name */
};

#define DB_ARG(name_, variable)                                                             \
	{                                                                                   \
		.name = (name_), .kind = FIELD_KIND_OF(variable), .at = &(variable)         \
	}
#define DB_ARGS(...)                                                                        \
	((struct db_in){ .args = (const struct db_arg[]){ __VA_ARGS__, { 0 } } })
#define DB_OBJECT(type_, object_) ((struct db_in){ .type = (type_), .object = (object_) })
#define DB_BOTH(type_, object_, ...)                                                        \
	((struct db_in){ .type = (type_), .object = (object_),                              \
		.args = (const struct db_arg[]){ __VA_ARGS__, { 0 } } })
#define DB_NONE ((struct db_in){ 0 })

/** Opens, or makes, the database; nothing is migrated yet. REASON_FOREIGN: a file or a schema that is not
 * ours, left untouched; REASON_CONFIG: the URL, or the server, will not do; REASON_STORE_CORRUPT;
 * REASON_STORE: cannot be opened (the message says why); REASON_BUSY: `exclusive`, and another process
 * has it. */
int db_open(const struct db_conf *conf, struct db **ret_db, struct err *err) must_check;

void db_close(struct db *db);
DEFINE_FREEP(struct db, db_close);

/** Brings the schema up to date, each step in a transaction of its own; any number of processes may do so
 * at the same time. REASON_STORE_NEWER: a later version has been here; REASON_STORE_CORRUPT: a step that
 * was taken is not the one we know. */
int db_migrate(struct db *db, struct err *err) must_check;

/** 1: db_migrate() has nothing to do; 0: it has. Errors as db_migrate(). */
int db_is_current(struct db *db, struct err *err) must_check;

/** What about the database weakens what we promise: the `i`-th sentence with its remedy, or NULL. */
const char *db_advice(struct db *db, unsigned i);

/** Why the server could not be reached when that was tried last, for the log only: it names hosts and
 * users. NULL: it could. */
const char *db_why(struct db *db);

/** Says that this handle's process works the database: 1, held until it is given back or the handle is
 * closed (a connection that was lost loses it); 0: a living process has said so already. Repeating it is
 * harmless. */
int db_claim(struct db *db, struct err *err) must_check;
void db_unclaim(struct db *db);

enum db_mode { DB_READ, DB_WRITE };

/** Begins; transactions do not nest. DB_READ sees one state of the database to its end. DB_WRITE is alone:
 * it waits for other writers of all processes, at most 5 s (REASON_BUSY). A connection that was lost is
 * made anew here, never inside a transaction (REASON_STORE: it is still away). */
int db_begin(struct db *db, enum db_mode mode, struct err *err) must_check;

/** REASON_STORE, REASON_STORE_FULL, REASON_BUSY, REASON_INTERNAL (a statement had failed): nothing of the
 * transaction is kept. REASON_OUTCOME_UNKNOWN: the connection broke before the answer; all of it is kept,
 * or nothing. */
int db_commit(struct db *db, struct err *err) must_check;

/** Begins a piece of work, a request or a poll: each DB_WRITE transaction of this handle begins with
 * `query`, whose one parameter :guard is `value`, and fails with REASON_LEASE unless that gives a row. Once
 * something was committed, a database that goes away is REASON_OUTCOME_UNKNOWN instead of REASON_STORE:
 * who is told to try again would do it twice. */
void db_guard(struct db *db, unsigned query, int64_t value);

/** For scoped(): rolls back unless committed. NULL is fine. */
void db_rollbackp(struct db **db);

/* After a statement has failed inside a transaction there is nothing left but to leave it. */

/** Runs a statement. `ret_changes` (may be NULL) gets the number of rows it touched. REASON_EXISTS: a
 * unique column, named in err->field, has the value already. */
int db_exec(struct db *db, unsigned query, struct db_in in, int64_t *ret_changes, struct err *err)
	must_check;

/** db_exec() for each object of the list, as one trip to the server where there is one. */
int db_exec_all(struct db *db, unsigned query, const struct type *type, const struct list *objects,
	struct err *err) must_check;

/** The first row into `object` (zeroed here, of `type`). REASON_NOT_FOUND: no row. */
int db_one(struct db *db, unsigned query, struct db_in in, const struct type *type, void *object,
	struct arena *arena, struct err *err) must_check;

/** All rows, side by side in the arena. */
int db_all(struct db *db, unsigned query, struct db_in in, const struct type *type,
	struct list *ret_list, struct arena *arena, struct err *err) must_check;

/** Calls `row` with each row in `object`, whose texts are valid during the call; however many rows there
 * are, memory is bounded. `row` must say nothing to the same handle. A negative answer of `row` ends it
 * and is returned. */
int db_each(struct db *db, unsigned query, struct db_in in, const struct type *type, void *object,
	int (*row)(void *ctx, void *object, struct err *err), void *ctx, struct err *err) must_check;

/** Which parts of a list statement count. */
struct db_list {
	uint32_t filters; /* bit i: the i-th part, which is a filter */
	const char *sort; /* name of a sort part; NULL: the first */
	bool descending;
	bool after; /* begin behind the row with :after_key and :after_id */
};

/** The parts of `query` that `object` has values for, by the names of its members (SQL names); flags
 * are filters on BOOL members that are true. */
uint32_t db_filters(const struct db *db, unsigned query, const struct type *type,
	const void *object);

/** The sort named `sort`, or NULL. */
const struct query_part *db_sort(const struct db *db, unsigned query, const char *sort);

/** As db_all, for a list statement. */
int db_list(struct db *db, unsigned query, const struct db_list *list, struct db_in in,
	const struct type *type, struct list *ret_list, struct arena *arena, struct err *err)
	must_check;

/** Whether the error is one after which nothing may be acknowledged and no write tried again: the state
 * of the file on disk is not known (SQLite). */
bool db_is_broken(const struct err *err);

/*
 * What is left out of lists. In a `scoped` database each list statement has a filter part named "scope",
 * and db_list() adds it unless whoever the handle works for sees everything.
 */

struct db_scope {
	bool all;
	struct uuid value; /* the part's parameter :scope */
};

/** Says for whom `db` works from now on; NULL: nobody, for whom nothing is listed (REASON_FORBIDDEN).
 * `scope` must live that long. */
void db_work_for(struct db *db, const struct db_scope *scope);

/** For whom it works. */
const struct db_scope *db_works_for(const struct db *db);

/** Every list statement of the table must have the part. REASON_INTERNAL names one that has none. */
int db_check_scopes(const struct query *queries, size_t n, struct err *err) must_check;
