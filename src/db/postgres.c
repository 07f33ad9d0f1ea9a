/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "db/postgres.h"
#include "log/log.h"

/* The PostgreSQL engine: what is said, answers, errors. Connecting is in postgres_connect.c, statements
 * with parameters are in postgres_stmt.c. */

enum { ANSWER_MS = 60000 };

/* Advisory locks (https://www.postgresql.org/docs/15/explicit-locking.html#ADVISORY-LOCKS) are pairs of
 * numbers of a whole database: "WGKW" and "WGKC", and the schema, which may be one of several. */
#define LOCK_WRITER "1464290135, hashtext(current_schema())"
#define LOCK_CLAIM  "1464290115, hashtext(current_schema())"

void pg_clearp(PGresult **result)
{
	PQclear(*result);
}

void pg_lose(struct pg *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
}

/*
 * Answers
 */

static bool is_lost(const struct pg *pg)
{
	return !pg->conn || PQstatus(pg->conn) != CONNECTION_OK;
}

PGresult *pg_next(struct pg *pg)
{
	while (pg->conn && PQisBusy(pg->conn)) {
		struct pollfd wait = { .fd = PQsocket(pg->conn), .events = POLLIN };

		if (poll(&wait, 1, pg->patient ? -1 : ANSWER_MS) == 0) {
			log_debug("the database does not answer");
			pg_lose(pg);
			return NULL;
		}
		if (!PQconsumeInput(pg->conn))
			break; /* PQgetResult says what came last */
	}
	return pg->conn ? PQgetResult(pg->conn) : NULL;
}

PGresult *pg_answer(struct pg *pg)
{
	PGresult *last = NULL, *next;

	while ((next = pg_next(pg))) {
		PQclear(last);
		last = next;
		if (is_lost(pg))
			break;
	}
	return last;
}

static bool is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

int pg_say(struct pg *pg, const char *text, PGresult **ret_result, struct err *err)
{
	scoped(pg_clearp) PGresult *result = NULL;

	if (!is_lost(pg) && PQsendQuery(pg->conn, text))
		result = pg_answer(pg);
	if (!is_good(result))
		return pg_raise(pg, result, err);
	if (ret_result)
		*ret_result = TAKE(result);
	return 0;
}

/*
 * Errors: https://www.postgresql.org/docs/15/errcodes-appendix.html
 */

static const struct {
	const char *state; /* or how it begins */
	enum err_reason reason;
	bool replace; /* the next transaction needs another connection */
	const char *text;
} states[] = {
	{ "23505", REASON_EXISTS, false, "a value is taken" },
	{ "40", REASON_BUSY, false, "another change came in between; try again" },
	{ "55P03", REASON_BUSY, false, "another process holds the database" },
	{ "57014", REASON_BUSY, false, "the database ended the statement; try again" },
	{ "53100", REASON_STORE_FULL, false,
		"the database's disk is full; make room, then try again" },
	{ "53", REASON_STORE, false, "the database has run out of memory or connections" },
	{ "25006", REASON_STORE, true, "the database is read-only: this server is a standby now" },
	{ "25P03", REASON_STORE, true, "the database ended a transaction that stood idle" },
	{ "57P", REASON_STORE, true, "the database is going down, or coming up; try again" },
	{ "08", REASON_STORE, true, "the connection to the database was lost; try again" },
	{ "58", REASON_STORE, true, "the database cannot use its disk" },
	{ "XX001", REASON_STORE_CORRUPT, false, "the database is damaged" },
	{ "XX002", REASON_STORE_CORRUPT, false, "an index of the database is damaged; REINDEX it" },
	{ "28", REASON_STORE, true, "the database does not let this user in any more" },
	{ "3F000", REASON_CONFIG, false,
		"there is no schema to make tables in; CREATE SCHEMA for the user of DATABASE_URL" },
	{ "42501", REASON_CONFIG, false,
		"the user of DATABASE_URL may not do this; make it the owner of the database" },
	{ 0 },
};

/* "Key (person_id, node_id, name)=(…) already exists.", in any language: the last column. Of an index on
 * an expression there is none to name, as with SQLite. */
static const char *unique_column(const PGresult *result, char buf[64])
{
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *end = detail ? strstr(detail, ")=(") : NULL, *at = end;

	while (at && at > detail && at[-1] != '(' && at[-1] != ' ')
		at--;
	if (!at || at == end || end[-1] == ')' || (size_t)(end - at) >= 64)
		return NULL;
	memcpy(buf, at, (size_t)(end - at));
	buf[end - at] = '\0';
	return buf;
}

static int raise_unique(const PGresult *result, struct err *err)
{
	char buf[64];
	const char *column = unique_column(result, buf);

	return err_set(err, REASON_EXISTS, column, "'%s' is taken", column ?: "a value");
}

int pg_raise(struct pg *pg, const PGresult *result, struct err *err)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

	if (is_lost(pg))
		pg_lose(pg);
	if (!state)
		return err_set(err, REASON_STORE, NULL,
			"the connection to the database was lost; try again");
	for (unsigned i = 0; states[i].state; i++) {
		if (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
			continue;
		pg->stale = pg->stale || states[i].replace;
		return states[i].reason == REASON_EXISTS
			       ? raise_unique(result, err)
			       : err_set(err, states[i].reason, NULL, "%s (%s)", states[i].text,
					 state);
	}
	return err_set(err, REASON_INTERNAL, NULL, "database: %s (%s)",
		PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), state);
}

/*
 * The engine
 */

static bool pg_serves(const char *url)
{
	return !strncmp(url, "postgres://", 11) || !strncmp(url, "postgresql://", 13);
}

static void pg_close(void *handle)
{
	struct pg *pg = handle;

	PQfinish(pg->conn);
	free(pg);
}

static void close_pg(struct pg **pg)
{
	if (*pg)
		pg_close(*pg);
}

static int pg_open(const struct db_conf *conf, void **ret_handle, struct err *err)
{
	scoped(close_pg) struct pg *pg = calloc(1, sizeof *pg);
	int r;

	if (!pg)
		return err_nomem(err);
	pg->conf = conf;
	r = pg_connect(pg, err);
	if (r < 0)
		return r;
	*ret_handle = TAKE(pg);
	return 0;
}

/* A server that went away while we were silent has left its farewell, or the end, in the socket. */
static bool is_quiet(struct pg *pg)
{
	struct pollfd news = { .fd = PQsocket(pg->conn), .events = POLLIN };

	for (unsigned i = 0; i < 8 && poll(&news, 1, 0) > 0; i++)
		if (!PQconsumeInput(pg->conn) || PQisBusy(pg->conn))
			return false;
	return PQtransactionStatus(pg->conn) == PQTRANS_IDLE;
}

static int pg_ready(void *handle, struct err *err)
{
	struct pg *pg = handle;

	struct err why;
	int r;

	if (!is_lost(pg) && !pg->stale && is_quiet(pg))
		return 0;
	pg_lose(pg);
	if (time_monotonic_us() >= pg->retry_at_us) {
		r = pg_connect(pg, &why);
		snprintf(pg->why, sizeof pg->why, "%s", r < 0 ? why.msg : "");
		if (r >= 0)
			return 0;
	}
	return err_set(err, REASON_STORE, NULL, "the database cannot be reached; try again");
}

static const char *pg_why(void *handle)
{
	const struct pg *pg = handle;

	return *pg->why ? pg->why : NULL;
}

static const char *pg_text(const char *sqlite, const char *postgres)
{
	(void)sqlite;
	return postgres;
}

static int pg_run(void *handle, const char *text, struct err *err)
{
	return pg_say(handle, text, NULL, err);
}

static int pg_commit(void *handle, struct err *err)
{
	scoped(pg_clearp) PGresult *result = NULL;
	struct pg *pg = handle;
	int r;

	if (is_lost(pg))
		return pg_raise(pg, NULL, err);
	r = pg_say(pg, "COMMIT", &result, err);
	if (r < 0 && (!pg->conn || pg->stale)) {
		pg_lose(pg);
		return err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
			"the connection to the database broke before it said whether the change is "
			"kept; look, then try again");
	}
	/* to the COMMIT of a transaction that has failed the server says that it rolled back */
	if (r >= 0 && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		return err_set(err, REASON_INTERNAL, NULL, "the transaction had failed");
	return r;
}

static int pg_patience(void *handle, bool patient, struct err *err)
{
	struct pg *pg = handle;

	pg->patient = patient;
	return pg_run(pg, patient ? "SET lock_timeout = 0" : "SET lock_timeout = '5s'", err);
}

static int pg_make_log(void *handle, struct err *err)
{
	struct pg *pg = handle;
	char text[256];
	int r;

	r = pg_run(pg,
		"CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, "
		"name TEXT NOT NULL, checksum TEXT NOT NULL)",
		err);
	snprintf(text, sizeof text, "COMMENT ON TABLE schema_migrations IS 'wgkeeper %08x'",
		pg->conf->application_id);
	return r < 0 ? r : pg_run(pg, text, err);
}

/* The lock is the connection's; it goes with it, and with the process. */
static int pg_claim(void *handle, int *ret_fd, struct err *err)
{
	scoped(pg_clearp) PGresult *result = NULL;
	struct pg *pg = handle;
	int r;

	(void)ret_fd;
	if (pg->claimed == pg->connections)
		return 1;
	r = pg_say(pg, "SELECT pg_try_advisory_lock(" LOCK_CLAIM ")", &result, err);
	if (r < 0)
		return r;
	if (strcmp(PQgetvalue(result, 0, 0), "t") != 0)
		return 0;
	pg->claimed = pg->connections;
	return 1;
}

static void pg_unclaim(void *handle)
{
	struct pg *pg = handle;

	if (pg->claimed == pg->connections)
		(void)pg_run(pg, "SELECT pg_advisory_unlock(" LOCK_CLAIM ")", NULL);
	pg->claimed = 0;
}

static const char *pg_advice(void *handle, unsigned i)
{
	const struct pg *pg = handle;

	return i < N_ELEMENTS(pg->advice) ? pg->advice[i] : NULL;
}

static int64_t pg_changes(void *handle)
{
	return ((const struct pg *)handle)->changes;
}

const struct db_engine db_postgres = {
	.serves = pg_serves,
	.open = pg_open,
	.close = pg_close,
	.text_of = pg_text,
	.mark = '$',
	.ready = pg_ready,
	.run = pg_run,
	.commit = pg_commit,
	.patience = pg_patience,
	.make_log = pg_make_log,
	.claim = pg_claim,
	.unclaim = pg_unclaim,
	.advice = pg_advice,
	.why = pg_why,
	.prepare = pg_prepare,
	.finish = pg_finish,
	.bind = pg_bind,
	.step = pg_step,
	.run_many = pg_run_many,
	.stream = pg_stream,
	.n_columns = pg_n_columns,
	.column = pg_column,
	.load = pg_load,
	.reset = pg_reset,
	.changes = pg_changes,
	.begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	/* one writer at a time, as SQLite has it; see docs/decisions/0012-postgresql.md */
	.begin_write = "BEGIN; SELECT pg_advisory_xact_lock(" LOCK_WRITER ")",
};
