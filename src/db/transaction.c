/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>

#include "db/internal.h"

/* When statements may be said: transactions, and who else is at the database. */

const char *db_advice(struct db *db, unsigned i)
{
	return db->engine->advice ? db->engine->advice(db->handle, i) : NULL;
}

const char *db_why(struct db *db)
{
	return db->engine->why ? db->engine->why(db->handle) : NULL;
}

int db_claim(struct db *db, struct err *err)
{
	int r = db_ready(db, err);

	if (r < 0)
		return r;
	return db->claim_fd >= 0 ? 1 : db->engine->claim(db->handle, &db->claim_fd, err);
}

void db_unclaim(struct db *db)
{
	closep(&db->claim_fd);
	db->claim_fd = -1;
	if (db->engine->unclaim)
		db->engine->unclaim(db->handle);
}

int db_ready(struct db *db, struct err *err)
{
	if (db->streaming)
		return err_set(err, REASON_INTERNAL, NULL, "a statement while rows are coming");
	if (db->failed)
		return err_set(err, REASON_INTERNAL, NULL, "the transaction has failed already");
	if (db->in_transaction || !db->engine->ready)
		return 0;
	return db_told(db, db->engine->ready(db->handle, err), err);
}

int db_told(struct db *db, int r, struct err *err)
{
	if (r >= 0 || !db->kept || !err || err->reason != REASON_STORE)
		return r;
	return err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
		"the change is made, but the database went away before the answer; look, do not try again");
}

static int check_guard(struct db *db, struct err *err)
{
	int r = db_has_row(db, db->guard, DB_ARGS(DB_ARG("guard", db->guard_value)), err);

	return r == 0 ? err_set(err, REASON_LEASE, NULL,
				"another instance has taken over; nothing was written")
		      : r;
}

int db_begin(struct db *db, enum db_mode mode, struct err *err)
{
	const char *text = mode == DB_WRITE ? db->engine->begin_write : db->engine->begin_read;
	scoped(db_rollbackp) struct db *tx = NULL;
	int r;

	assert(!db->in_transaction);
	r = db_ready(db, err);
	if (r < 0)
		return r;
	r = db->engine->run(db->handle, text, err);
	if (r < 0) {
		/* it may have begun, and then not got the writers' lock */
		(void)db->engine->run(db->handle, "ROLLBACK", NULL);
		return db_told(db, r, err);
	}
	db->in_transaction = true;
	db->writing = mode == DB_WRITE;
	db->wrote = db->audited = false;
	if (!db->guarded || mode != DB_WRITE)
		return 0;
	tx = db;
	r = check_guard(db, err);
	if (r > 0)
		tx = NULL;
	return r < 0 ? r : 0;
}

int db_commit(struct db *db, struct err *err)
{
	int r;

	assert(db->in_transaction);
	/* promise 5: a change without an audit entry does not happen */
	assert(!db->conf.audited || !db->wrote || db->audited);
	r = db_ready(db, err);
	if (r >= 0)
		r = db->engine->commit(db->handle, err);
	if (r < 0)
		return r;
	db->in_transaction = false;
	db->kept = db->guarded && (db->kept || db->wrote);
	return 0;
}

void db_rollbackp(struct db **dbp)
{
	struct db *db = *dbp;

	if (!db || !db->in_transaction)
		return;
	/* a failed COMMIT may have ended the transaction; the engine then refuses, rightly */
	(void)db->engine->run(db->handle, "ROLLBACK", NULL);
	db->in_transaction = db->failed = false;
}

void db_guard(struct db *db, unsigned query, int64_t value)
{
	db->guard = query;
	db->guard_value = value;
	db->guarded = true;
	db->kept = false;
}
