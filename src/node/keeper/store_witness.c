/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "node/keeper/store_rows.h"
#include "node_sql.h"

enum { ROWS_ARENA = 16384 };

static const int64_t day_us = INT64_C(86400) * USEC_PER_SEC;

/*
 * Logs
 */

int store_log_put(struct store *store, const struct witness_log *before, const struct witness_log *log,
	struct err *err)
{
	struct log_row row = { .number = log->number, .origin = log->key.name,
		.public_key = { log->key.bytes, NOTE_KEY_SIZE }, .bound_at = log->bound_at,
		.released = log->released,
		.predecessor = log->predecessor[0] ? log->predecessor : NULL,
		.fork = log->fork[0] ? log->fork : NULL };
	struct sum digest;

	if (before) {
		digest = digest_of_log(before);
		sum_sub(&store->sum, &digest);
	}
	digest = digest_of_log(log);
	sum_add(&store->sum, &digest);
	store->revision++;
	row.digest = (struct blob){ digest.bytes, ROW_DIGEST_SIZE };
	return db_exec(store->db, NODE_LOG_PUT, DB_OBJECT(&store_log_type, &row), NULL, err);
}

static bool fits(const char *text, size_t size)
{
	return !text || strlen(text) < size;
}

int log_from_row(const struct log_row *row, struct witness_log *ret_log, struct err *err)
{
	struct witness_log log = { .number = row->number, .bound_at = row->bound_at,
		.released = row->released };

	if (row->public_key.len != NOTE_KEY_SIZE || !fits(row->predecessor, sizeof log.predecessor) ||
		!fits(row->fork, sizeof log.fork) ||
		note_key_make(row->origin ?: "", row->public_key.at, &log.key, NULL) < 0)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "an audit log's row is malformed");
	snprintf(log.predecessor, sizeof log.predecessor, "%s", row->predecessor ?: "");
	snprintf(log.fork, sizeof log.fork, "%s", row->fork ?: "");
	*ret_log = log;
	return 0;
}

/*
 * Checkpoints
 */

static void take_out(struct store *store, const struct checkpoint_row *row)
{
	struct sum digest =
		digest_of_checkpoint(row->log, row->day, row->note, row->received_at);

	sum_sub(&store->sum, &digest);
}

/* What a day has already goes out of the sum. */
static int replace_day(struct store *store, int64_t log, int64_t day, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(ROWS_ARENA);
	struct checkpoint_row row;
	struct err ignored;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_one(store->db, NODE_CHECKPOINT_GET, DB_ARGS(DB_ARG("log", log), DB_ARG("day", day)),
		&store_checkpoint_type, &row, arena, &ignored);
	if (r == -ERR_NOT_FOUND)
		return 0;
	if (r < 0)
		return err_set(err, ignored.reason, NULL, "%s", ignored.msg);
	take_out(store, &row);
	return 0;
}

/* Rows of one log behind the first `keep`, which are the largest. */
struct surplus {
	struct store *store;
	int64_t log, keep, days[WITNESS_DAYS + 2];
	unsigned n;
};

static int find_surplus(void *ctx, void *object, struct err *err)
{
	const struct checkpoint_row *row = object;
	struct surplus *surplus = ctx;

	(void)err;
	if (row->log != surplus->log || surplus->keep-- > 0 || surplus->n == N_ELEMENTS(surplus->days))
		return 0;
	take_out(surplus->store, row);
	surplus->days[surplus->n++] = row->day;
	return 0;
}

static int keep_only(struct store *store, int64_t log, int64_t keep, struct err *err)
{
	struct surplus surplus = { .store = store, .log = log, .keep = keep };
	struct checkpoint_row row;
	int r = db_each(store->db, NODE_CHECKPOINT_ALL, DB_NONE, &store_checkpoint_type, &row,
		find_surplus, &surplus, err);

	for (unsigned i = 0; i < surplus.n && r >= 0; i++)
		r = db_exec(store->db, NODE_CHECKPOINT_DELETE,
			DB_ARGS(DB_ARG("log", log), DB_ARG("day", surplus.days[i])), NULL, err);
	return r;
}

int store_checkpoint_put(struct store *store, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err)
{
	struct checkpoint_row row = { .log = log, .day = checkpoint->received_at.us / day_us,
		.size = (int64_t)checkpoint->checkpoint.size, .note = checkpoint->note,
		.received_at = checkpoint->received_at };
	struct sum digest =
		digest_of_checkpoint(log, row.day, checkpoint->note, checkpoint->received_at);
	int r = replace_day(store, log, row.day, err);

	if (r < 0)
		return r;
	sum_add(&store->sum, &digest);
	store->revision++;
	row.digest = (struct blob){ digest.bytes, ROW_DIGEST_SIZE };
	r = db_exec(store->db, NODE_CHECKPOINT_PUT, DB_OBJECT(&store_checkpoint_type, &row), NULL, err);
	return r < 0 ? r : keep_only(store, log, WITNESS_DAYS, err);
}

int store_log_retire(struct store *store, int64_t log, struct err *err)
{
	return keep_only(store, log, 1, err);
}

/* A note's text is all that stands above its last empty line; who signed was checked when it came. */
int checkpoint_from_row(const struct checkpoint_row *row, struct witness_checkpoint *ret_checkpoint,
	struct err *err)
{
	struct span note = span_of(row->note ?: ""), text = note;

	while (text.len >= 2 && (text.at[text.len - 1] != '\n' || text.at[text.len - 2] != '\n'))
		text.len--;
	text.len -= text.len > 0;
	if (note.len >= sizeof ret_checkpoint->note ||
		checkpoint_parse(text, &ret_checkpoint->checkpoint, NULL) < 0 ||
		(int64_t)ret_checkpoint->checkpoint.size != row->size)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "a checkpoint's row is malformed");
	ret_checkpoint->received_at = row->received_at;
	snprintf(ret_checkpoint->note, sizeof ret_checkpoint->note, "%s", row->note);
	return 0;
}

/*
 * Reading
 */

struct witness_reader {
	int (*log)(void *ctx, const struct witness_log *log, struct err *err);
	int (*checkpoint)(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
		struct err *err);
	void *ctx;
};

static int read_log(void *ctx, void *object, struct err *err)
{
	struct witness_reader *reader = ctx;
	struct witness_log log;
	int r = log_from_row(object, &log, err);

	return r < 0 ? r : reader->log(reader->ctx, &log, err);
}

static int read_checkpoint(void *ctx, void *object, struct err *err)
{
	const struct checkpoint_row *row = object;
	struct witness_reader *reader = ctx;
	struct witness_checkpoint checkpoint;
	int r = checkpoint_from_row(row, &checkpoint, err);

	return r < 0 ? r : reader->checkpoint(reader->ctx, row->log, &checkpoint, err);
}

int store_witness_each(struct store *store,
	int (*log)(void *ctx, const struct witness_log *log, struct err *err),
	int (*checkpoint)(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
		struct err *err),
	void *ctx, struct err *err)
{
	struct witness_reader reader = { log, checkpoint, ctx };
	struct checkpoint_row checkpoint_row;
	struct log_row log_row;
	int r = 0;

	if (log)
		r = db_each(store->db, NODE_LOG_ALL, DB_NONE, &store_log_type, &log_row, read_log,
			&reader, err);
	if (r >= 0 && checkpoint)
		r = db_each(store->db, NODE_CHECKPOINT_ALL, DB_NONE, &store_checkpoint_type,
			&checkpoint_row, read_checkpoint, &reader, err);
	return r;
}
