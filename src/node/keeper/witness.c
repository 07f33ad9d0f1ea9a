/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/keeper/witness.h"

#include <stdio.h>
#include <string.h>

#include "crypto/merkle.h"
#include "json/write.h"
#include "log/log.h"
#include "node/keeper/keeper.h"

enum { LOGS_SHOWN = 16, HELD_PER_CHUNK = (IPC_MAX - sizeof(struct ipc_meta)) / sizeof(struct ipc_held) };

/*
 * At start
 */

static int load_log(void *ctx, const struct witness_log *log, struct err *err)
{
	struct witness *witness = ctx;

	(void)err;
	witness->log = *log; /* the last one stays */
	return 0;
}

static int load_checkpoint(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err)
{
	struct witness *witness = ctx;

	(void)err;
	if (log == witness->log.number && !witness->held.note[0])
		witness->held = *checkpoint; /* the first one is the largest */
	return 0;
}

int witness_open(struct keeper *k, struct err *err)
{
	int r = store_witness_each(k->store, load_log, load_checkpoint, &k->witness, err);

	k->committed_witness = k->witness;
	return r;
}

static int write_log(struct keeper *k, const struct witness_log *log, struct err *err)
{
	int r = store_log_put(k->store, &k->witness.log, log, err);

	if (r >= 0)
		k->witness.log = *log;
	return r;
}

int witness_release(struct keeper *k, struct err *err)
{
	struct witness_log log = k->witness.log;

	if (!log.number || log.released)
		return 0;
	log.released = true;
	return write_log(k, &log, err);
}

/*
 * What contradicts
 */

/* Loud, for this is what witnesses are for. */
static void sound(const char *what, const struct checkpoint *held, const struct checkpoint *shown)
{
	log_error(what, LOG_STR("log", shown->origin), LOG_INT("held_size", held->size),
		LOG_INT("shown_size", shown->size));
}

/* Two signatures of one log that cannot both be true: the second is kept as the proof, and refused. */
static int fork_found(struct keeper *k, const char *note, const struct checkpoint *shown, struct op *op,
	struct err *err)
{
	struct witness_log log = k->witness.log;
	int r = 0;

	sound("the audit log has forked: it has signed two histories",
		&k->witness.held.checkpoint, shown);
	op->r = err_set(&op->err, REASON_CHECKPOINT_FORK, "checkpoint",
		"size %llu was signed with another root before; the log has two histories",
		(unsigned long long)shown->size);
	if (log.fork[0]) {
		*err = op->err;
		return op->r;
	}
	snprintf(log.fork, sizeof log.fork, "%s", note);
	r = write_log(k, &log, err);
	op->off_device = true;
	return r;
}

struct same_size {
	int64_t log;
	const struct checkpoint *shown;
	bool differs;
};

static int compare_size(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err)
{
	struct same_size *same = ctx;

	(void)err;
	if (log == same->log && checkpoint->checkpoint.size == same->shown->size)
		same->differs = !digest_equal(&checkpoint->checkpoint.root, &same->shown->root);
	return 0;
}

/* A smaller one is an old one, unless one of that size is held and says otherwise. */
static int smaller(struct keeper *k, const char *note, const struct checkpoint *shown, struct op *op,
	struct err *err)
{
	struct same_size same = { k->witness.log.number, shown, false };
	const struct checkpoint *held = &k->witness.held.checkpoint;
	int r = store_witness_each(k->store, NULL, compare_size, &same, err);

	if (r < 0)
		return r;
	if (same.differs)
		return fork_found(k, note, shown, op, err);
	sound("the audit log shows a smaller checkpoint than it has signed", held, shown);
	return err_set(err, REASON_CHECKPOINT_BACK, "checkpoint",
		"this node holds size %llu of this log", (unsigned long long)held->size);
}

/*
 * The same log, larger
 */

static int reply(struct keeper *k, struct op *op, struct err *err)
{
	const struct witness_checkpoint *held = &k->witness.held;
	struct ipc_held record;

	memset(&record, 0, sizeof record);
	record.kind = 2;
	record.checkpoint = held->checkpoint;
	record.at_us = held->received_at.us;
	memcpy(record.note, held->note, sizeof record.note);
	op->off_device = true;
	return change_reply(op, &record, sizeof record, err);
}

static void take(struct witness_checkpoint *held, const struct ipc_checkpoint *in,
	const struct checkpoint *shown)
{
	*held = (struct witness_checkpoint){ .checkpoint = *shown, .received_at = time_now() };
	memcpy(held->note, in->note, sizeof held->note);
}

static int check_growth(const struct checkpoint *held, const struct checkpoint *shown,
	const struct ipc_checkpoint *in, struct err *err)
{
	if (in->old_size != held->size)
		return err_set(err, REASON_CHECKPOINT_SIZE, "oldSize",
			"this node holds size %llu of this log; prove from there",
			(unsigned long long)held->size);
	if (merkle_consistency_ok(held->size, &held->root, shown->size, &shown->root, in->proof,
		    in->n_proof))
		return 0;
	sound("the audit log shows a checkpoint that does not follow from the one held", held, shown);
	return err_set(err, REASON_CHECKPOINT_FORK, "proof",
		"the proof does not lead from the checkpoint held (size %llu) to this one",
		(unsigned long long)held->size);
}

static int extend(struct keeper *k, const struct ipc_checkpoint *in, const struct checkpoint *shown,
	struct op *op, struct err *err)
{
	const struct checkpoint *held = &k->witness.held.checkpoint;
	struct witness_log log = k->witness.log;
	bool same = checkpoint_equal(held, shown);
	struct witness_checkpoint next;
	int r = 0;

	if (shown->size == held->size && !same)
		return fork_found(k, in->note, shown, op, err);
	if (shown->size < held->size)
		return smaller(k, in->note, shown, op, err);
	if (!same)
		r = check_growth(held, shown, in, err);
	if (r >= 0 && log.released) {
		log.released = false; /* it is the Console's log still */
		r = write_log(k, &log, err);
	}
	if (r >= 0 && !same) {
		take(&next, in, shown);
		r = store_checkpoint_put(k->store, log.number, &next, err);
		k->witness.held = next;
	}
	return r < 0 ? r : reply(k, op, err);
}

/*
 * Another log
 */

/* Whether the entry has this text as a JSON string. */
static int check_naming(const struct ipc_checkpoint *in, struct err *err)
{
	scoped(sbuf_done) struct sbuf quoted = SBUF_INIT(4096);

	json_string(&quoted, in->predecessor);
	if (sbuf_finish(&quoted, err) < 0)
		return -ERR_INTERNAL;
	if (!memmem(in->entry, in->entry_len, quoted.data, quoted.len))
		return err_set(err, REASON_INVALID_CHECKPOINT, "succession.entry",
			"the first entry does not name that checkpoint");
	return 0;
}

/* The log before has signed this too, and the first entry of the new one names its last checkpoint. */
static int check_succession(struct keeper *k, const struct ipc_checkpoint *in,
	const struct checkpoint *shown, struct err *err)
{
	const struct checkpoint *held = &k->witness.held.checkpoint;
	struct digest leaf = merkle_leaf((struct span){ in->entry, in->entry_len });
	struct checkpoint named;
	struct span text;
	int r;

	if (!in->succeeds)
		return err_set(err, REASON_LOG_UNKNOWN, "checkpoint",
			"this node is bound to the log '%s'; a log that follows it needs 'succession'",
			k->witness.log.key.name);
	r = note_open(span_of(in->note), &k->witness.log.key, &text, err);
	if (r >= 0)
		r = checkpoint_parse(span_of(in->predecessor), &named, err);
	if (r >= 0 && strcmp(named.origin, k->witness.log.key.name) != 0)
		r = err_set(err, REASON_LOG_UNKNOWN, "succession.predecessor",
			"this node is bound to the log '%s'", k->witness.log.key.name);
	if (r >= 0 && named.size == held->size && !checkpoint_equal(&named, held))
		r = err_set(err, REASON_CHECKPOINT_FORK, "succession.predecessor",
			"size %llu of that log was signed with another root",
			(unsigned long long)held->size);
	if (r >= 0 && !merkle_inclusion_ok(0, shown->size, &leaf, in->entry_proof, in->n_entry_proof,
			      &shown->root))
		r = err_set(err, REASON_INVALID_CHECKPOINT, "succession.proof",
			"the proof does not show the entry as the log's first");
	if (r >= 0)
		r = check_naming(in, err);
	if (r >= 0 && named.size < held->size)
		sound("the new audit log forgets entries that the former one has signed; the last "
		      "checkpoint of that one is kept",
			held, &named);
	return r;
}

/* The last checkpoint of a log that was bound before, if it was. */
struct former {
	const struct note_key *key;
	int64_t number;
	bool found;
	struct witness_checkpoint last;
};

static int find_log(void *ctx, const struct witness_log *log, struct err *err)
{
	struct former *former = ctx;

	(void)err;
	if (note_key_equal(&log->key, former->key))
		former->number = log->number;
	return 0;
}

static int find_last(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err)
{
	struct former *former = ctx;

	(void)err;
	if (log == former->number && !former->found) {
		former->last = *checkpoint;
		former->found = true;
	}
	return 0;
}

/* What a log has signed before binds it, also after another one was in between. */
static int check_former(struct keeper *k, const struct note_key *key, const struct ipc_checkpoint *in,
	const struct checkpoint *shown, struct err *err)
{
	struct former former = { .key = key };
	const struct checkpoint *last = &former.last.checkpoint;
	int r = store_witness_each(k->store, find_log, find_last, &former, err);

	if (r < 0)
		return r;
	if (!former.found && (in->old_size || in->n_proof))
		return err_set(err, REASON_CHECKPOINT_SIZE, "oldSize",
			"this node holds nothing of this log yet; 'oldSize' is 0 then");
	if (!former.found)
		return 0;
	if (shown->size < last->size)
		return err_set(err, REASON_CHECKPOINT_BACK, "checkpoint",
			"this node holds size %llu of this log", (unsigned long long)last->size);
	return check_growth(last, shown, in, err);
}

static int bind_log(struct keeper *k, const struct note_key *key, const struct ipc_checkpoint *in,
	const struct checkpoint *shown, struct op *op, struct err *err)
{
	struct witness next = { .log = { .number = k->witness.log.number + 1, .key = *key,
					 .bound_at = time_now() } };
	char text[NOTE_VKEY_SIZE];
	int r = 0;

	if (k->witness.log.number && !k->witness.log.released) {
		r = check_succession(k, in, shown, err);
		memcpy(next.log.predecessor, in->predecessor, sizeof next.log.predecessor);
	}
	if (r >= 0)
		r = check_former(k, key, in, shown, err);
	if (r < 0)
		return r;
	take(&next.held, in, shown);
	if (k->witness.log.number)
		r = store_log_retire(k->store, k->witness.log.number, err);
	if (r >= 0)
		r = store_log_put(k->store, NULL, &next.log, err);
	if (r >= 0)
		r = store_checkpoint_put(k->store, next.log.number, &next.held, err);
	if (r < 0)
		return r;
	k->witness = next;
	log_notice("this node is a witness of an audit log from now on",
		LOG_STR("log_key", note_key_format(text, key)), LOG_INT("size", shown->size));
	return reply(k, op, err);
}

int witness_put(struct keeper *k, const struct ipc_checkpoint *in, struct op *op, struct err *err)
{
	const struct witness_log *log = &k->witness.log;
	struct note_key key = log->key;
	struct checkpoint shown;
	int r = 0;

	if (in->log_key[0])
		r = note_key_parse(span_of(in->log_key), &key, err);
	else if (!log->number)
		r = err_set(err, REASON_MISSING_FIELD, "logKey",
			"the node knows no audit log yet; 'logKey' is needed");
	if (r < 0) {
		snprintf(err->field, sizeof err->field, "logKey");
		return r;
	}
	r = checkpoint_open(span_of(in->note), &key, &shown, err);
	if (r >= 0 && strcmp(shown.origin, key.name) != 0)
		r = err_set(err, REASON_INVALID_CHECKPOINT, NULL,
			"the log's key must have the name of its origin");
	if (r < 0) {
		snprintf(err->field, sizeof err->field, "checkpoint");
		return r;
	}
	if (log->number && note_key_equal(&key, &log->key))
		return extend(k, in, &shown, op, err);
	return bind_log(k, &key, in, &shown, op, err);
}

/*
 * Reading
 */

struct witness_list {
	struct keeper *k;
	uint64_t id;
	struct witness_log logs[LOGS_SHOWN];
	size_t n_logs, n;
	int64_t number;
	struct ipc_held records[HELD_PER_CHUNK];
};

static void send_records(struct witness_list *list, bool more)
{
	struct ipc_meta meta = answer_meta(list->k);

	meta.n_records = (uint32_t)list->n;
	answer(list->k, list->id, more ? IPC_MORE : 0, &meta, sizeof meta, list->records,
		list->n * sizeof *list->records);
	list->n = 0;
}

static struct ipc_held *next_record(struct witness_list *list)
{
	if (list->n == HELD_PER_CHUNK)
		send_records(list, true);
	memset(&list->records[list->n], 0, sizeof *list->records);
	return &list->records[list->n++];
}

/* Keeps the newest ones, in their order. */
static int collect_log(void *ctx, const struct witness_log *log, struct err *err)
{
	struct witness_list *list = ctx;

	(void)err;
	if (list->n_logs == LOGS_SHOWN)
		memmove(list->logs, list->logs + 1, --list->n_logs * sizeof *list->logs);
	list->logs[list->n_logs++] = *log;
	return 0;
}

static int put_checkpoint(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err)
{
	struct witness_list *list = ctx;
	struct ipc_held *record;

	(void)err;
	if (log != list->number)
		return 0;
	record = next_record(list);
	record->kind = 2;
	record->checkpoint = checkpoint->checkpoint;
	record->at_us = checkpoint->received_at.us;
	memcpy(record->note, checkpoint->note, sizeof record->note);
	return 0;
}

static void put_log(struct witness_list *list, const struct witness_log *log)
{
	struct ipc_held *record = next_record(list);

	record->kind = 1;
	memcpy(record->checkpoint.origin, log->key.name, sizeof log->key.name);
	record->at_us = log->bound_at.us;
	memcpy(record->note, log->fork, sizeof record->note);
	note_key_format(record->log_key, &log->key);
	memcpy(record->predecessor, log->predecessor, sizeof record->predecessor);
}

void witness_list(struct keeper *k, uint64_t id)
{
	static struct witness_list list; /* 130 kB; one thread */
	struct err err;
	int r;

	memset(&list, 0, sizeof list);
	list.k = k;
	list.id = id;
	r = store_witness_each(k->store, collect_log, NULL, &list, &err);
	for (size_t i = list.n_logs; i-- > 0 && r >= 0;) {
		list.number = list.logs[i].number;
		put_log(&list, &list.logs[i]);
		r = store_witness_each(k->store, NULL, put_checkpoint, &list, &err);
	}
	if (r < 0)
		answer_error(k, id, &err);
	else
		send_records(&list, false);
}
