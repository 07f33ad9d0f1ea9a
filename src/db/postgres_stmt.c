/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "db/internal.h"
#include "db/postgres.h"

/*
 * Statements of the PostgreSQL engine. Parameters go in binary form, with the types that
 * their fields have: the server is never asked to guess one. Rows come as text, which has
 * one form for every type a count or a sum may have.
 */

/* pg_type.dat: these numbers never change */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25 };
enum { BINARY = 1 };

struct param {
	Oid type;
	const void *at; /* NULL: null */
	int len;
	int64_t number;            /* in network order */
	char text[CIDR_TEXT_SIZE]; /* of an address */
};

struct stmt {
	struct pg *pg;
	char *text;
	unsigned connection; /* the one it is prepared on, or 0 */
	unsigned name, n_params;
	struct param *params;
	Oid types[PARAMS_MAX]; /* it is prepared with these */
	PGresult *result;
	int row, n_rows;
	bool running, streaming;
	void *blobs[COLUMNS_MAX]; /* bytes of a row whose caller gave no arena */
};

/*
 * Parameters
 */

static unsigned highest_param(const char *text)
{
	unsigned highest = 0;

	for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$')) {
		uint64_t number;

		if (parse_u64((struct span){ at + 1, strspn(at + 1, "0123456789") }, PARAMS_MAX,
			    &number) &&
			number > highest)
			highest = (unsigned)number;
	}
	return highest;
}

static void free_stmt(struct stmt **stmt)
{
	if (!*stmt)
		return;
	for (unsigned i = 0; i < COLUMNS_MAX; i++)
		free((*stmt)->blobs[i]);
	PQclear((*stmt)->result);
	free((*stmt)->params);
	free((*stmt)->text);
	free(*stmt);
}

/* Nothing is sent: the parameters' types come with the first values. */
int pg_prepare(void *handle, const char *text, struct stmt **ret_stmt, struct err *err)
{
	scoped(free_stmt) struct stmt *stmt = calloc(1, sizeof *stmt);

	if (!stmt)
		return err_nomem(err);
	stmt->pg = handle;
	stmt->text = strdup(text);
	stmt->n_params = highest_param(text);
	stmt->params = calloc(stmt->n_params + 1, sizeof *stmt->params);
	if (!stmt->text || !stmt->params)
		return err_nomem(err);
	*ret_stmt = TAKE(stmt);
	return 0;
}

/* The server is told with the next statement that is prepared. */
static void forget_name(struct stmt *stmt)
{
	if (stmt->connection == stmt->pg->connections)
		stmt->pg->unused = stmt->name;
	stmt->connection = 0;
}

void pg_finish(struct stmt *stmt)
{
	forget_name(stmt);
	free_stmt(&stmt);
}

static void put(struct param *param, Oid type, const void *at, size_t len)
{
	param->type = type;
	param->at = at;
	param->len = (int)len;
}

static void put_number(struct param *param, int64_t number)
{
	param->number = (int64_t)htobe64((uint64_t)number);
	put(param, OID_INT8, &param->number, sizeof param->number);
}

static void put_text(struct param *param, const char *text)
{
	put(param, OID_TEXT, text, text ? strlen(text) : 0);
}

static void put_cidr(struct param *param, const struct field *field, const struct cidr *cidr)
{
	if (field->flags & F_HOST)
		cidr_format_address(param->text, cidr);
	else
		cidr_format(param->text, cidr);
	put_text(param, param->text);
}

static int put_value(
	struct param *param, const struct field *field, const void *at, struct err *err)
{
	const struct secret *secret = at;
	const struct blob *blob = at;

	switch (field->kind) {
	case FIELD_BOOL: put_number(param, *(const bool *)at); return 0;
	case FIELD_WORD: put_number(param, *(const int *)at); return 0;
	case FIELD_INT: put_number(param, *(const int64_t *)at); return 0;
	case FIELD_TIME: put_number(param, ((const struct timestamp *)at)->us); return 0;
	case FIELD_TEXT: put_text(param, *(const char *const *)at); return 0;
	case FIELD_JSON: put_text(param, ((const struct json_text *)at)->text); return 0;
	case FIELD_SECRET: put(param, OID_TEXT, secret->at, secret->len); return 0;
	case FIELD_KEY: put(param, OID_BYTEA, at, sizeof(struct wgkey)); return 0;
	case FIELD_UUID: put(param, OID_BYTEA, at, sizeof(struct uuid)); return 0;
	case FIELD_BLOB: put(param, OID_BYTEA, blob->at ?: (const void *)"", blob->len); return 0;
	case FIELD_CIDR: put_cidr(param, field, at); return 0;
	case FIELD_LIST:
	case FIELD_OBJECT: break;
	}
	return err_set(err, REASON_INTERNAL, NULL, "a parameter cannot be %s",
		field_kind_name(field->kind));
}

static Oid type_of(const struct field *field)
{
	switch (field->kind) {
	case FIELD_BOOL:
	case FIELD_WORD:
	case FIELD_INT:
	case FIELD_TIME: return OID_INT8;
	case FIELD_KEY:
	case FIELD_UUID:
	case FIELD_BLOB: return OID_BYTEA;
	case FIELD_TEXT:
	case FIELD_JSON:
	case FIELD_SECRET:
	case FIELD_CIDR:
	case FIELD_LIST:
	case FIELD_OBJECT: break;
	}
	return OID_TEXT;
}

int pg_bind(
	struct stmt *stmt, unsigned i, const struct field *field, const void *at, struct err *err)
{
	if (i >= stmt->n_params)
		return 0; /* a list statement may not use every number of its block */
	if (at)
		return put_value(&stmt->params[i], field, at, err);
	put(&stmt->params[i], type_of(field), NULL, 0);
	return 0;
}

/*
 * Running
 */

static int forget_unused(struct pg *pg, struct err *err)
{
	char text[40];

	if (!pg->unused)
		return 0;
	snprintf(text, sizeof text, "DEALLOCATE s%u", pg->unused);
	pg->unused = 0;
	return pg_say(pg, text, NULL, err);
}

static bool is_prepared(const struct stmt *stmt)
{
	if (stmt->connection != stmt->pg->connections)
		return false;
	for (unsigned i = 0; i < stmt->n_params; i++)
		if (stmt->types[i] != stmt->params[i].type)
			return false;
	return true;
}

static int ensure_prepared(struct stmt *stmt, struct err *err)
{
	scoped(pg_clearp) PGresult *result = NULL;
	struct pg *pg = stmt->pg;
	char name[16];
	int r;

	if (is_prepared(stmt))
		return 0;
	forget_name(stmt);
	r = forget_unused(pg, err);
	if (r < 0)
		return r;
	stmt->name = ++pg->next_name;
	for (unsigned i = 0; i < stmt->n_params; i++)
		stmt->types[i] = stmt->params[i].type;
	snprintf(name, sizeof name, "s%u", stmt->name);
	if (pg->conn && PQsendPrepare(pg->conn, name, stmt->text, (int)stmt->n_params, stmt->types))
		result = pg_answer(pg);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return pg_raise(pg, result, err);
	stmt->connection = pg->connections;
	return 0;
}

static bool send_values(struct stmt *stmt)
{
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX], formats[PARAMS_MAX];
	char name[16];

	for (unsigned i = 0; i < stmt->n_params; i++) {
		values[i] = stmt->params[i].at;
		lengths[i] = stmt->params[i].len;
		formats[i] = BINARY;
	}
	snprintf(name, sizeof name, "s%u", stmt->name);
	return stmt->pg->conn && PQsendQueryPrepared(stmt->pg->conn, name, (int)stmt->n_params,
					 values, lengths, formats, 0);
}

/* Takes the next result of those that come; the last one has no rows. */
static int take_result(struct stmt *stmt, PGresult *result, struct err *err)
{
	ExecStatusType status = PQresultStatus(result);
	uint64_t changes;

	PQclear(stmt->result);
	stmt->result = result;
	stmt->row = -1;
	stmt->n_rows = PQntuples(result);
	if (status == PGRES_SINGLE_TUPLE)
		return 0;
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return pg_raise(stmt->pg, result, err);
	stmt->streaming = false;
	if (parse_u64(span_of(PQcmdTuples(result)), INT64_MAX, &changes))
		stmt->pg->changes = (int64_t)changes;
	return 0;
}

static int run(struct stmt *stmt, struct err *err)
{
	int r = ensure_prepared(stmt, err);

	if (r < 0)
		return r;
	stmt->running = true;
	if (!send_values(stmt))
		return pg_raise(stmt->pg, NULL, err);
	if (stmt->streaming)
		PQsetSingleRowMode(stmt->pg->conn);
	return take_result(stmt, stmt->streaming ? pg_next(stmt->pg) : pg_answer(stmt->pg), err);
}

/* The answers to what was sent down the pipeline, up to its mark. Gives the first that is an error. */
static PGresult *take_answers(struct pg *pg)
{
	PGresult *bad = NULL;
	bool marked = false;

	while (!marked && pg->conn && PQstatus(pg->conn) == CONNECTION_OK) {
		PGresult *result = pg_next(pg); /* NULL behind each statement's */
		ExecStatusType status = PQresultStatus(result);

		marked = result && status == PGRES_PIPELINE_SYNC;
		if (result && !bad && !marked && status != PGRES_COMMAND_OK)
			bad = result;
		else
			PQclear(result);
	}
	return bad;
}

/* So many are sent before answers are read that neither side ever waits with a full socket. */
static int run_some(struct stmt *stmt, size_t from, size_t to,
	int (*bind)(void *ctx, size_t i, struct err *err), void *ctx, struct err *err)
{
	scoped(pg_clearp) PGresult *bad = NULL;
	struct pg *pg = stmt->pg;
	bool sent = pg->conn && PQenterPipelineMode(pg->conn);
	int r = 0;

	for (size_t i = from; r >= 0 && sent && i < to; i++) {
		r = bind(ctx, i, err);
		sent = r < 0 || send_values(stmt);
	}
	if (!sent || !PQpipelineSync(pg->conn))
		return pg_raise(pg, NULL, err);
	bad = take_answers(pg);
	if (bad || !pg->conn || !PQexitPipelineMode(pg->conn))
		r = pg_raise(pg, bad, err);
	if (bad && pg->conn)
		PQexitPipelineMode(pg->conn);
	return r;
}

/* https://www.postgresql.org/docs/15/libpq-pipeline-mode.html */
int pg_run_many(struct stmt *stmt, size_t n, int (*bind)(void *ctx, size_t i, struct err *err),
	void *ctx, struct err *err)
{
	enum { SOME = 200 };
	int r = bind(ctx, 0, err);

	if (r >= 0)
		r = ensure_prepared(stmt, err);
	for (size_t i = 0; r >= 0 && i < n; i += SOME)
		r = run_some(stmt, i, i + SOME < n ? i + SOME : n, bind, ctx, err);
	return r;
}

void pg_stream(struct stmt *stmt)
{
	stmt->streaming = true;
}

int pg_step(struct stmt *stmt, struct err *err)
{
	int r = 0;

	if (!stmt->running)
		r = run(stmt, err);
	if (r >= 0 && stmt->row + 1 >= stmt->n_rows && stmt->streaming)
		r = take_result(stmt, pg_next(stmt->pg), err);
	if (r < 0)
		return r;
	return ++stmt->row < stmt->n_rows;
}

void pg_reset(struct stmt *stmt)
{
	PGresult *rest;

	while (stmt->running && (rest = pg_next(stmt->pg)))
		PQclear(rest);
	PQclear(stmt->result);
	stmt->result = NULL;
	stmt->running = stmt->streaming = false;
	stmt->row = stmt->n_rows = 0;
	for (unsigned i = 0; i < stmt->n_params; i++)
		explicit_bzero(&stmt->params[i], sizeof stmt->params[i]);
}

/*
 * Rows
 */

unsigned pg_n_columns(const struct stmt *stmt)
{
	return (unsigned)PQnfields(stmt->result);
}

const char *pg_column(const struct stmt *stmt, unsigned i)
{
	return PQfname(stmt->result, (int)i);
}

static int damaged(const char *what, struct err *err)
{
	return err_set(err, REASON_STORE_CORRUPT, NULL, "%s expected", what);
}

static int load_number(struct span text, int64_t *ret, struct err *err)
{
	if (span_is(text, "t") || span_is(text, "f")) {
		*ret = span_is(text, "t");
		return 0;
	}
	return parse_i64(text, INT64_MIN, INT64_MAX, ret) ? 0 : damaged("a number", err);
}

static int load_text(struct span text, const char **at, struct arena *arena, struct err *err)
{
	*at = arena ? arena_strndup(arena, text) : text.at;
	return *at ? 0 : arena_full(arena, err);
}

static int load_secret(
	struct span text, struct secret *secret, struct arena *arena, struct err *err)
{
	secret->at = arena ? arena_secret(arena, text) : text.at;
	secret->len = text.len;
	return secret->at ? 0 : arena_full(arena, err);
}

/* "\x0123": https://www.postgresql.org/docs/15/datatype-binary.html */
static struct span hex_of(struct span text)
{
	return span_starts(text, "\\x") ? (struct span){ text.at + 2, text.len - 2 }
					: (struct span){ "?", 1 };
}

static int load_fixed(struct span text, void *at, size_t size, struct err *err)
{
	return parse_hex(hex_of(text), at, size) ? 0 : damaged("bytes of a certain number", err);
}

static int load_blob(struct stmt *stmt, unsigned i, struct span text, struct blob *blob,
	struct arena *arena, struct err *err)
{
	struct span hex = hex_of(text);
	size_t len = hex.len / 2;
	uint8_t *bytes;

	if (arena) {
		bytes = arena_alloc(arena, len + 1);
		if (!bytes)
			return arena_full(arena, err);
	} else {
		free(stmt->blobs[i]);
		bytes = stmt->blobs[i] = malloc(len + 1);
		if (!bytes)
			return err_nomem(err);
	}
	if (len * 2 != hex.len || !parse_hex(hex, bytes, len))
		return damaged("bytes", err);
	*blob = (struct blob){ bytes, len };
	return 0;
}

int pg_load(struct stmt *stmt, unsigned column, const struct field *field, void *at,
	struct arena *arena, struct err *err)
{
	int i = (int)column, r;
	int64_t number = 0;
	struct span text;

	if (PQgetisnull(stmt->result, stmt->row, i)) {
		if (field->kind == FIELD_INT)
			*(int64_t *)at = INT_NONE;
		return 0; /* the row was zeroed, which is "none" */
	}
	text = (struct span){ PQgetvalue(stmt->result, stmt->row, i),
		(size_t)PQgetlength(stmt->result, stmt->row, i) };
	switch (field->kind) {
	case FIELD_TEXT: return load_text(text, at, arena, err);
	case FIELD_JSON: return load_text(text, &((struct json_text *)at)->text, arena, err);
	case FIELD_SECRET: return load_secret(text, at, arena, err);
	case FIELD_KEY: return load_fixed(text, at, sizeof(struct wgkey), err);
	case FIELD_UUID: return load_fixed(text, at, sizeof(struct uuid), err);
	case FIELD_BLOB: return load_blob(stmt, column, text, at, arena, err);
	case FIELD_CIDR: return cidr_parse_any(text, at) ? 0 : damaged("an address", err);
	case FIELD_BOOL:
	case FIELD_WORD:
	case FIELD_INT:
	case FIELD_TIME: break;
	case FIELD_LIST:
	case FIELD_OBJECT:
		return err_set(err, REASON_INTERNAL, NULL, "a column cannot be %s",
			field_kind_name(field->kind));
	}
	r = load_number(text, &number, err);
	if (field->kind == FIELD_BOOL)
		*(bool *)at = number != 0;
	else if (field->kind == FIELD_WORD)
		*(int *)at = (int)number;
	else if (field->kind == FIELD_INT)
		*(int64_t *)at = number;
	else
		((struct timestamp *)at)->us = number;
	return r;
}
