/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/sbuf.h"
#include "db/internal.h"

/* The schema's numbered steps. What is applied is never changed: a checksum tells. */

struct applied {
	int64_t number;
	const char *checksum;
};

static const struct field applied_fields[] = {
	FIELD(struct applied, number),
	FIELD(struct applied, checksum),
	{ 0 },
};
static const struct type applied_type = TYPE(struct applied, "applied", applied_fields);

static const char applied_list[] = "SELECT number, checksum FROM schema_migrations ORDER BY number";

static int read_applied(struct db *db, struct list *ret_list, struct arena *arena, struct err *err)
{
	struct prepared p = { 0 };
	int r = db_prepare(db, &p, applied_list, err);

	if (r < 0)
		return r;
	r = db_collect(db, &p, &applied_type, ret_list, arena, err);
	db->engine->finish(p.stmt);
	return r;
}

static int check_applied(struct db *db, const struct list *done, struct err *err)
{
	const struct applied *applied = done->at;
	const struct migration *m = db->conf.migrations;

	for (size_t i = 0; i < done->n; i++, m++) {
		if (!m->number)
			return err_set(err, REASON_STORE_NEWER, NULL,
				"the database is at version %zu, this program knows %zu; "
				"use the newer program",
				done->n, i);
		if (applied[i].number != m->number || strcmp(applied[i].checksum, m->checksum) != 0)
			return err_set(err, REASON_STORE_CORRUPT, NULL,
				"migration %d of the database is not the one this program knows",
				m->number);
	}
	return 0;
}

static int apply(struct db *db, const struct migration *m, struct err *err)
{
	scoped(sbuf_done) struct sbuf note = SBUF_INIT(1024);
	int r;

	sbuf_printf(&note,
		"INSERT INTO schema_migrations (number, name, checksum) VALUES (%d, '%s', '%s')",
		m->number, m->name, m->checksum);
	r = sbuf_finish(&note, err);
	if (r >= 0)
		r = db->engine->run(db->handle, db->engine->text_of(m->sqlite, m->postgres), err);
	if (r >= 0)
		r = db->engine->run(db->handle, note.data, err);
	return r < 0 ? err_context(err, r, "migration %d (%s)", m->number, m->name) : r;
}

/* What was applied is read again for each step, inside its transaction: another process may be doing the
 * same, and each step is one's or the other's. 1: a step was taken; 0: there is none left. */
static int take_step(struct db *db, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(1 << 20);
	scoped(db_rollbackp) struct db *tx = db;
	const struct migration *next;
	struct list done;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_begin(db, DB_WRITE, err);
	if (r >= 0)
		r = db->engine->make_log(db->handle, err);
	if (r >= 0)
		r = read_applied(db, &done, arena, err);
	if (r >= 0)
		r = check_applied(db, &done, err);
	if (r < 0)
		return r;
	next = db->conf.migrations + done.n;
	if (!next->number)
		return 0;
	r = apply(db, next, err);
	if (r >= 0)
		r = db_commit(tx, err);
	return r < 0 ? r : 1;
}

/* It takes no lock to see. An empty database has no table to read. */
int db_is_current(struct db *db, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(1 << 20);
	struct list done;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_ready(db, err);
	if (r < 0)
		return r;
	if (read_applied(db, &done, arena, NULL) < 0)
		return 0;
	r = check_applied(db, &done, err);
	return r < 0 ? r : !db->conf.migrations[done.n].number;
}

int db_migrate(struct db *db, struct err *err)
{
	int r = db_is_current(db, err);

	if (r != 0)
		return r < 0 ? r : 0;
	/* another process's step may take minutes */
	r = db->engine->patience(db->handle, true, err);
	if (r < 0)
		return r;
	do
		r = take_step(db, err);
	while (r > 0);
	if (r < 0) {
		(void)db->engine->patience(db->handle, false, NULL);
		return r;
	}
	return db->engine->patience(db->handle, false, err);
}
