/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What the files of the PostgreSQL engine share. Nobody else includes this.
 *
 * A connection that broke is closed at once (`conn` is NULL) and made anew before the
 * next transaction; a statement prepared on an older one is prepared again. Every wait
 * for an answer ends, so that a server that hangs takes no thread for ever.
 */

#include <postgresql/libpq-fe.h>

#include "db/engine.h"

struct pg {
	const struct db_conf *conf;
	PGconn *conn;         /* NULL: lost */
	unsigned connections; /* so many were made; statements remember theirs */
	unsigned next_name;   /* of a prepared statement */
	unsigned unused;      /* one that is to be forgotten by the server, or 0 */
	unsigned claimed;     /* the connection that holds the claim, or 0 */
	int64_t retry_at_us;  /* not before this is connecting tried again */
	int64_t changes;
	bool stale; /* to be replaced before the next transaction: it speaks to a standby, or so */
	bool patient;          /* as db_engine.patience */
	const char *advice[4]; /* then NULL */
	char why[256];         /* it is lost, or "" */
};

/** Closes the connection: what was under way is over. */
void pg_lose(struct pg *pg);

/** Waits for the next result: NULL behind the last one, and when the connection broke (it is then
 * closed). */
PGresult *pg_next(struct pg *pg);

/** Waits for all of a statement's results and gives the last one; NULL: the connection broke. */
PGresult *pg_answer(struct pg *pg);

/** Says `text` (any number of statements without parameters) and gives the last result. REASON_*: as
 * pg_raise(). */
int pg_say(struct pg *pg, const char *text, PGresult **ret_result, struct err *err) must_check;

/** Raises what the server said; NULL: that the connection is lost. */
int pg_raise(struct pg *pg, const PGresult *result, struct err *err);

void pg_clearp(PGresult **result);

/** Brings `pg->conn` about, and what every session of ours has in common. */
int pg_connect(struct pg *pg, struct err *err) must_check;

/** For struct db_engine; the rest of it is in postgres.c. */
int pg_prepare(void *handle, const char *text, struct stmt **ret_stmt, struct err *err);
void pg_finish(struct stmt *stmt);
int pg_bind(
	struct stmt *stmt, unsigned i, const struct field *field, const void *at, struct err *err);
int pg_step(struct stmt *stmt, struct err *err);
int pg_run_many(struct stmt *stmt, size_t n, int (*bind)(void *ctx, size_t i, struct err *err),
	void *ctx, struct err *err);
void pg_stream(struct stmt *stmt);
unsigned pg_n_columns(const struct stmt *stmt);
const char *pg_column(const struct stmt *stmt, unsigned i);
int pg_load(struct stmt *stmt, unsigned i, const struct field *field, void *at, struct arena *arena,
	struct err *err);
void pg_reset(struct stmt *stmt);
