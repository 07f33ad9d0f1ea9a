/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "db/internal.h"

int db_open(const struct db_conf *conf, struct db **ret_db, struct err *err)
{
	scoped(db_closep) struct db *db = calloc(1, sizeof *db);
	int r;

	if (!db)
		return err_nomem(err);
	db->conf = *conf;
	db->claim_fd = -1;
	db->prepared = calloc(conf->n_queries + 1, sizeof *db->prepared);
	if (!db->prepared)
		return err_nomem(err);
	if (sqlite_engine.serves(conf->url))
		db->engine = &sqlite_engine;
	else if (conf->postgres && conf->postgres->serves(conf->url))
		db->engine = conf->postgres;
	if (!db->engine)
		return err_set(err, REASON_CONFIG, NULL,
			"this kind of database is not known; use file:/path/to/file.db");
	r = db->engine->open(&db->conf, &db->handle, err);
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
	closep(&db->claim_fd);
	free(db->prepared);
	free(db);
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
	if (reset->stmt)
		reset->engine->reset(reset->stmt);
}

int db_prepare(struct db *db, struct prepared *p, const char *text, struct err *err)
{
	return p->stmt ? 0 : db->engine->prepare(db->handle, text, &p->stmt, err);
}

/* Binds what is prepared; whatever comes of it, `*ret_reset` undoes it. */
static int start(struct db *db, struct prepared *p, const struct query *query, struct db_in in,
	struct reset *ret_reset, struct err *err)
{
	int r;

	*ret_reset = (struct reset){ db->engine, p->stmt };
	r = bind_all(db, p, query, in, err);
	if (r >= 0)
		note_write(db, query);
	return r;
}

static int start_query(struct db *db, unsigned id, struct db_in in, struct prepared **ret_prepared,
	struct reset *ret_reset, struct err *err)
{
	const struct query *query = &db->conf.queries[id];
	int r = db_ready(db, err);

	assert(id < db->conf.n_queries);
	*ret_prepared = &db->prepared[id];
	if (r >= 0)
		r = db_prepare(db, *ret_prepared,
			db->engine->text_of(query->sqlite, query->postgres), err);
	return r < 0 ? r : start(db, *ret_prepared, query, in, ret_reset, err);
}

/* A statement that fails in a transaction ends it, on either engine. */
static int step(struct db *db, struct prepared *p, struct err *err)
{
	int r = db->engine->step(p->stmt, err);

	if (r < 0)
		db->failed = db->in_transaction;
	return db->in_transaction ? r : db_told(db, r, err);
}

int db_exec(struct db *db, unsigned id, struct db_in in, int64_t *ret_changes, struct err *err)
{
	scoped(resetp) struct reset reset = { 0 };
	struct prepared *p;
	int r = start_query(db, id, in, &p, &reset, err);

	if (r >= 0)
		r = step(db, p, err);
	if (r < 0)
		return r;
	if (ret_changes)
		*ret_changes = db->engine->changes(db->handle);
	return 0;
}

struct many {
	struct db *db;
	struct prepared *prepared;
	const struct query *query;
	const struct type *type;
	const struct list *objects;
};

static int bind_nth(void *ctx, size_t i, struct err *err)
{
	const struct many *many = ctx;
	const char *object = (const char *)many->objects->at + i * many->type->size;

	return bind_all(many->db, many->prepared, many->query, DB_OBJECT(many->type, object), err);
}

static int run_many(struct many *many, struct err *err)
{
	const struct db_engine *engine = many->db->engine;
	size_t n = many->objects->n;
	int r = 0;

	if (engine->run_many)
		return engine->run_many(many->prepared->stmt, n, bind_nth, many, err);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		engine->reset(many->prepared->stmt);
		r = bind_nth(many, i, err);
		if (r >= 0)
			r = engine->step(many->prepared->stmt, err);
	}
	return r < 0 ? r : 0;
}

int db_exec_all(struct db *db, unsigned id, const struct type *type, const struct list *objects,
	struct err *err)
{
	scoped(resetp) struct reset reset = { 0 };
	struct many many = {
		.db = db, .query = &db->conf.queries[id], .type = type, .objects = objects
	};
	int r;

	if (objects->n == 0)
		return 0;
	r = start_query(db, id, DB_OBJECT(type, objects->at), &many.prepared, &reset, err);
	if (r < 0)
		return r;
	r = run_many(&many, err);
	if (r < 0)
		db->failed = db->in_transaction;
	return db->in_transaction ? r : db_told(db, r, err);
}

int db_has_row(struct db *db, unsigned id, struct db_in in, struct err *err)
{
	scoped(resetp) struct reset reset = { 0 };
	struct prepared *p;
	int r = start_query(db, id, in, &p, &reset, err);

	return r < 0 ? r : step(db, p, err);
}

int db_one(struct db *db, unsigned id, struct db_in in, const struct type *type, void *object,
	struct arena *arena, struct err *err)
{
	scoped(resetp) struct reset reset = { 0 };
	struct prepared *p;
	int r = start_query(db, id, in, &p, &reset, err);

	if (r >= 0)
		r = step(db, p, err);
	if (r == 0)
		return err_set(err, REASON_NOT_FOUND, NULL, "no such row");
	return r < 0 ? r : load_row(db, p, type, object, arena, err);
}

/* While rows are coming the connection is theirs. */
static void stop_streaming(struct db **db)
{
	(*db)->streaming = false;
}

int db_each(struct db *db, unsigned id, struct db_in in, const struct type *type, void *object,
	int (*row)(void *ctx, void *object, struct err *err), void *ctx, struct err *err)
{
	scoped(resetp) struct reset reset = { 0 };
	struct prepared *p;
	int r = start_query(db, id, in, &p, &reset, err);

	if (r < 0)
		return r;
	if (db->engine->stream)
		db->engine->stream(p->stmt);
	scoped(stop_streaming) struct db *streaming = db;
	db->streaming = true;
	while ((r = step(db, p, err)) > 0) {
		r = load_row(db, p, type, object, NULL, err);
		if (r >= 0)
			r = row(ctx, object, err);
		if (r < 0)
			break;
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

	while ((r = step(db, p, err)) > 0) {
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
	scoped(resetp) struct reset reset = { 0 };
	int r = start(db, p, query, in, &reset, err);

	return r < 0 ? r : db_collect(db, p, type, ret_list, arena, err);
}

int db_all(struct db *db, unsigned id, struct db_in in, const struct type *type,
	struct list *ret_list, struct arena *arena, struct err *err)
{
	scoped(resetp) struct reset reset = { 0 };
	struct prepared *p;
	int r = start_query(db, id, in, &p, &reset, err);

	return r < 0 ? r : db_collect(db, p, type, ret_list, arena, err);
}

bool db_is_broken(const struct err *err)
{
	return err->reason == REASON_STORE || err->reason == REASON_STORE_CORRUPT;
}
