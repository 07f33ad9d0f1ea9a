/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "db/internal.h"

static const struct db_engine *const engines[] = { &sqlite_engine };

int db_open(const struct db_conf *conf, struct db **ret_db, struct err *err)
{
	scoped(db_closep) struct db *db = calloc(1, sizeof *db);
	int r;

	if (!db)
		return err_nomem(err);
	db->conf = *conf;
	db->prepared = calloc(conf->n_queries + 1, sizeof *db->prepared);
	if (!db->prepared)
		return err_nomem(err);
	for (size_t i = 0; i < N_ELEMENTS(engines) && !db->engine; i++)
		if (engines[i]->serves(conf->url))
			db->engine = engines[i];
	if (!db->engine)
		return err_set(err, REASON_CONFIG, NULL,
			"this kind of database is not known; use file:/path/to/file.db");
	r = db->engine->open(conf, &db->handle, err);
	if (r < 0)
		return r;
	*ret_db = TAKE(db);
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; db->prepared && i < db->conf.n_queries; i++)
		if (db->prepared[i].stmt)
			db->engine->finish(db->prepared[i].stmt);
	for (size_t i = 0; i < LIST_CACHE; i++)
		if (db->lists[i].prepared.stmt)
			db->engine->finish(db->lists[i].prepared.stmt);
	if (db->handle)
		db->engine->close(db->handle);
	free(db->prepared);
	free(db);
}

/*
 * Transactions
 */

int db_begin(struct db *db, enum db_mode mode, struct err *err)
{
	const char *text = mode == DB_WRITE ? db->engine->begin_write : db->engine->begin_read;
	int r;

	assert(!db->in_transaction);
	r = db->engine->run(db->handle, text, err);
	if (r < 0)
		return r;
	db->in_transaction = true;
	db->writing = mode == DB_WRITE;
	db->wrote = db->audited = false;
	return 0;
}

int db_commit(struct db *db, struct err *err)
{
	int r;

	assert(db->in_transaction);
	/* promise 5: a change without an audit entry does not happen */
	assert(!db->conf.audited || !db->wrote || db->audited);
	r = db->engine->run(db->handle, "COMMIT", err);
	if (r == 0)
		db->in_transaction = false;
	return r;
}

void db_rollbackp(struct db **dbp)
{
	struct db *db = *dbp;

	if (!db || !db->in_transaction)
		return;
	/* a failed COMMIT may have ended the transaction; the engine then refuses, rightly */
	(void)db->engine->run(db->handle, "ROLLBACK", NULL);
	db->in_transaction = false;
}

static void note_write(struct db *db, const struct query *query)
{
	if (!(query->flags & QUERY_WRITES))
		return;
	if (query->flags & QUERY_AUDIT)
		db->audited = true;
	else if (!(query->flags & QUERY_UNAUDITED))
		db->wrote = true;
	/* outside of a transaction a statement is its own; it could not have its entry */
	assert(!db->conf.audited || db->in_transaction || (query->flags & QUERY_UNAUDITED));
	assert(!db->in_transaction || db->writing);
}

/*
 * Statements
 */

static const struct db_arg *arg_of(const struct db_in *in, const char *name)
{
	for (const struct db_arg *arg = in->args; arg && arg->name; arg++)
		if (!strcmp(arg->name, name))
			return arg;
	return NULL;
}

static void match_params(struct prepared *p, const struct query *query, const struct type *type)
{
	assert(query->n_params <= PARAMS_MAX);
	for (unsigned i = 0; i < query->n_params; i++)
		p->params[i] = type ? field_by_sql(type->fields, query->params[i]) : NULL;
	p->in = type;
}

static int bind_all(struct db *db, struct prepared *p, const struct query *query, struct db_in in,
	struct err *err)
{
	if (p->in != in.type || !in.type)
		match_params(p, query, in.type);
	for (unsigned i = 0; i < query->n_params; i++) {
		const struct db_arg *arg = arg_of(&in, query->params[i]);
		const struct field *field = p->params[i];
		struct field loose = { .name = query->params[i] };
		const void *at = NULL;
		int r;

		if (arg) {
			loose.kind = arg->kind;
			field = &loose;
			at = arg->at;
		} else if (field) {
			at = field_of(field, in.object);
			if ((field->flags & F_NULLABLE) && field_is_none(field, at))
				at = NULL;
		} else {
			/* list statements number the parameters of all their parts */
			assert(query->mode == QUERY_LIST);
			loose.kind = FIELD_TEXT;
			field = &loose;
		}
		r = db->engine->bind(p->stmt, i, field, at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "person__name" is the member `name` of the row's member `person`. */
static const struct field *match_column(const struct type *type, const char *name, size_t *ret_base)
{
	const char *inner = strstr(name, "__");

	*ret_base = 0;
	for (const struct field *f = type->fields; inner && f->name; f++)
		if (f->kind == FIELD_OBJECT && strlen(f->name) == (size_t)(inner - name) &&
			!strncmp(f->name, name, (size_t)(inner - name))) {
			*ret_base = f->offset;
			return field_by_sql(f->type->fields, inner + 2);
		}
	return field_by_sql(type->fields, name);
}

static void match_columns(struct db *db, struct prepared *p, const struct type *type)
{
	unsigned n = db->engine->n_columns(p->stmt);

	assert(n <= COLUMNS_MAX);
	for (unsigned i = 0; i < n; i++) {
		p->columns[i] = match_column(
			type, db->engine->column(p->stmt, i), &p->column_base[i]);
		assert(p->columns[i]); /* a column nobody reads is a mistake in the query */
	}
	p->out = type;
}

static int load_row(struct db *db, struct prepared *p, const struct type *type, void *object,
	struct arena *arena, struct err *err)
{
	unsigned n = db->engine->n_columns(p->stmt);

	if (p->out != type)
		match_columns(db, p, type);
	memset(object, 0, type->size);
	for (unsigned i = 0; i < n; i++) {
		const struct field *field = p->columns[i];
		int r = db->engine->load(
			p->stmt, i, field, field_at(field, (char *)object + p->column_base[i]),
			arena, err);

		if (r < 0)
			return err_context(err, r, "column '%s'", field->name);
	}
	return 0;
}

struct reset {
	const struct db_engine *engine;
	struct stmt *stmt;
};

static void resetp(struct reset *reset)
{
	reset->engine->reset(reset->stmt);
}

int db_prepare(struct db *db, struct prepared *p, const char *text, struct err *err)
{
	return p->stmt ? 0 : db->engine->prepare(db->handle, text, &p->stmt, err);
}

static int prepare_query(
	struct db *db, unsigned id, struct prepared **ret_prepared, struct err *err)
{
	const struct query *query = &db->conf.queries[id];

	assert(id < db->conf.n_queries);
	*ret_prepared = &db->prepared[id];
	return db_prepare(db, *ret_prepared, db->engine->text_of(query->sqlite, query->postgres), err);
}

int db_exec(struct db *db, unsigned id, struct db_in in, int64_t *ret_changes, struct err *err)
{
	const struct query *query = &db->conf.queries[id];
	struct prepared *p;
	int r = prepare_query(db, id, &p, err);

	if (r < 0)
		return r;
	scoped(resetp) struct reset reset = { db->engine, p->stmt };
	r = bind_all(db, p, query, in, err);
	if (r < 0)
		return r;
	note_write(db, query);
	r = db->engine->step(p->stmt, err);
	if (r < 0)
		return r;
	if (ret_changes)
		*ret_changes = db->engine->changes(db->handle);
	return 0;
}

int db_one(struct db *db, unsigned id, struct db_in in, const struct type *type, void *object,
	struct arena *arena, struct err *err)
{
	const struct query *query = &db->conf.queries[id];
	struct prepared *p;
	int r = prepare_query(db, id, &p, err);

	if (r < 0)
		return r;
	scoped(resetp) struct reset reset = { db->engine, p->stmt };
	r = bind_all(db, p, query, in, err);
	if (r < 0)
		return r;
	note_write(db, query);
	r = db->engine->step(p->stmt, err);
	if (r == 0)
		return err_set(err, REASON_NOT_FOUND, NULL, "no such row");
	return r < 0 ? r : load_row(db, p, type, object, arena, err);
}

int db_each(struct db *db, unsigned id, struct db_in in, const struct type *type, void *object,
	int (*row)(void *ctx, void *object, struct err *err), void *ctx, struct err *err)
{
	struct prepared *p;
	int r = prepare_query(db, id, &p, err);

	if (r < 0)
		return r;
	scoped(resetp) struct reset reset = { db->engine, p->stmt };
	r = bind_all(db, p, &db->conf.queries[id], in, err);
	while (r >= 0) {
		r = db->engine->step(p->stmt, err);
		if (r <= 0)
			return r;
		r = load_row(db, p, type, object, NULL, err);
		if (r >= 0)
			r = row(ctx, object, err);
	}
	return r;
}

/* The arena cannot grow an array, so it is doubled beside it. */
int db_collect(struct db *db, struct prepared *p, const struct type *type,
	struct list *ret_list, struct arena *arena, struct err *err)
{
	scoped(freep) char *rows = NULL;
	size_t n = 0, room = 0;
	int r;

	while ((r = db->engine->step(p->stmt, err)) > 0) {
		if (n == room) {
			char *more = reallocarray(rows, room ? room * 2 : 16, type->size);

			if (!more)
				return err_nomem(err);
			rows = more;
			room = room ? room * 2 : 16;
		}
		r = load_row(db, p, type, rows + n * type->size, arena, err);
		if (r < 0)
			return r;
		n++;
	}
	if (r < 0)
		return r;
	*ret_list = (struct list){ arena_alloc(arena, n * type->size + 1), n };
	if (!ret_list->at)
		return arena_full(arena, err);
	if (n)
		memcpy(ret_list->at, rows, n * type->size);
	return 0;
}

int db_all_of(struct db *db, struct prepared *p, const struct query *query, struct db_in in,
	const struct type *type, struct list *ret_list, struct arena *arena, struct err *err)
{
	scoped(resetp) struct reset reset = { db->engine, p->stmt };
	int r = bind_all(db, p, query, in, err);

	if (r < 0)
		return r;
	note_write(db, query);
	return db_collect(db, p, type, ret_list, arena, err);
}

int db_all(struct db *db, unsigned id, struct db_in in, const struct type *type,
	struct list *ret_list, struct arena *arena, struct err *err)
{
	struct prepared *p;
	int r = prepare_query(db, id, &p, err);

	return r < 0 ? r : db_all_of(db, p, &db->conf.queries[id], in, type, ret_list, arena, err);
}

bool db_is_broken(const struct err *err)
{
	return err->reason == REASON_STORE || err->reason == REASON_STORE_CORRUPT;
}
