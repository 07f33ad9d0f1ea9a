/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The peer store: state_dir/store.db.
 *
 * Every change belongs to a batch, and a batch is one transaction: after
 * store_commit() it is on disk. Rows carry a digest, and the store the sum of them
 * all, so a row that was altered, lost or put back is noticed at the next start.
 * Nothing is remembered here but the sum and the revision.
 */

#include "base/arena.h"
#include "crypto/checkpoint.h"
#include "crypto/digest.h"
#include "node/keeper/peers.h"

struct store; /* opaque */

/** A peer that ended, or an id that was ended before it came (no key then). */
struct tombstone {
	struct uuid id;
	struct wgkey public_key;
	struct cidr address[2];
	struct timestamp created_at, ended_at;
	int end_reason; /* enum node_peer_end */
	int64_t generation, revision;
	struct author author;
};

/** Opens or makes it, and takes the lock that keeps a second keeper out (REASON_BUSY). Other errors as
 * db_open() and db_migrate(). */
int store_open(const char *path, struct store **ret_store, struct err *err) must_check;

/** Calls `peer` for each live one (which then owns it) and `resting` for those that ended after `since`;
 * then compares the sum. REASON_STORE_CORRUPT: the file is damaged; nothing may be done with it. */
int store_load(struct store *store, struct timestamp since,
	int (*peer)(void *ctx, struct peer *peer, struct err *err),
	int (*resting)(void *ctx, const struct tombstone *tombstone, struct err *err), void *ctx,
	struct err *err) must_check;

const struct uuid *store_id(const struct store *store);
const struct uuid *store_epoch(const struct store *store);

/** The revision; inside a batch the next change gets the one after it. */
int64_t store_revision(const struct store *store);

/** The revision that is on disk. */
int64_t store_committed_revision(const struct store *store);

/** Tombstones there are, those of the open batch included. */
int64_t store_ended(const struct store *store);

/** Begins a batch unless one is open. */
int store_begin(struct store *store, struct err *err) must_check;

/** Takes what is stored of a peer out of the sum; to be called before it is changed in memory and then
 * put. */
void store_outdate(struct store *store, const struct peer *peer);

/** Writes what a peer is now. Sets its revision. */
int store_put(struct store *store, struct peer *peer, struct err *err) must_check;

/** Ends a live peer: its row goes, its tombstone comes, its key is never given again. */
int store_end(struct store *store, const struct peer *peer, struct tombstone *tombstone,
	struct err *err) must_check;

/** Takes a peer back out as if it had never come (its device refused it). */
int store_undo(struct store *store, const struct peer *peer, struct err *err) must_check;

/** Writes a tombstone for an id without a peer, or one of a higher generation. */
int store_bury(struct store *store, const struct tombstone *before, struct tombstone *tombstone,
	struct err *err) must_check;

/** Removes a tombstone, because its id lives again under another key. */
int store_exhume(struct store *store, const struct tombstone *tombstone, struct err *err) must_check;

/** Remembers a key that its peer no longer has. */
int store_retire_key(struct store *store, const struct wgkey *key, const struct uuid *id,
	struct err *err) must_check;

/** Makes the batch durable. Without an open one it does nothing. On failure nothing of it is kept, here
 * either: REASON_STORE_FULL may be tried again, after REASON_STORE the process must end. */
int store_commit(struct store *store, struct err *err) must_check;

/** Forgets the open batch. */
void store_rollback(struct store *store);

/** The tombstone of an id. REASON_NOT_FOUND. */
int store_tombstone(struct store *store, const struct uuid *id, struct tombstone *ret_tombstone,
	struct err *err) must_check;

/** Whose a key was that nobody has now. REASON_NOT_FOUND. */
int store_used_key(struct store *store, const struct wgkey *key, struct uuid *ret_id, struct err *err)
	must_check;

/** The newest revision that a tombstone may have. */
int64_t store_last_ended(const struct store *store);

/** Calls `ended` for at most `limit` tombstones behind revision `after`, in order. */
int store_ended_after(struct store *store, int64_t after, int64_t limit,
	void (*ended)(void *ctx, const struct tombstone *tombstone), void *ctx, struct err *err)
	must_check;

/*
 * store_keys.c: keys of the API. They belong to batches as everything does.
 */

/** Never changes but for `retired_at`, and what is lazily written of its use. */
struct api_key {
	int64_t number;
	struct digest digest; /* SHA-256 of the key's text */
	int origin;           /* enum node_key_origin */
	struct cidr source;   /* from where it may be used; IP_NONE: from anywhere */
	struct timestamp created_at, expires_at, retired_at; /* 0: never */
	struct timestamp last_used_at;                       /* 0: not yet */
	struct cidr last_used_from;
};

/** Adds a key and gives it its number. */
int store_key_add(struct store *store, struct api_key *key, struct err *err) must_check;

/** Retires a key for ever. */
int store_key_retire(struct store *store, struct api_key *key, struct timestamp at, struct err *err)
	must_check;

/** Writes when and from where a key was last used. Changes neither sum nor revision: it is an observation.
 * Outside of a batch it is a transaction of its own. */
int store_key_used(struct store *store, const struct api_key *key, struct err *err) must_check;

/** The key with this number, or of this digest. REASON_NOT_FOUND. */
int store_key_get(struct store *store, int64_t number, struct api_key *ret_key, struct err *err)
	must_check;
int store_key_by_digest(struct store *store, const struct digest *digest, struct api_key *ret_key,
	struct err *err) must_check;

/** Calls `key` for at most `limit` keys: those not retired, then the latest retired ones. */
int store_key_each(struct store *store, int64_t limit,
	int (*key)(void *ctx, const struct api_key *key, struct err *err), void *ctx, struct err *err)
	must_check;

/*
 * store_witness.c: audit logs and their checkpoints
 */

enum { WITNESS_NOTE_MAX = 2048, WITNESS_DAYS = 90 };

/** A log whose checkpoints the node keeps. */
struct witness_log {
	int64_t number;      /* 1, 2 …; the highest is the present log */
	struct note_key key; /* its name is the log's origin */
	struct timestamp bound_at;
	bool released; /* the node was enrolled anew since: another log may take its place */
	char predecessor[256]; /* what its first entry names, as a checkpoint's text; "" when it was bound */
	char fork[WITNESS_NOTE_MAX]; /* a signed checkpoint that contradicts one that was held, or "" */
};

struct witness_checkpoint {
	struct checkpoint checkpoint;
	struct timestamp received_at;
	char note[WITNESS_NOTE_MAX];
};

/** Adds a log, or writes what changed of one (`before` is what is stored). */
int store_log_put(struct store *store, const struct witness_log *before, const struct witness_log *log,
	struct err *err) must_check;

/** Keeps a checkpoint of a log in the place of that of the same day, and only the last WITNESS_DAYS. */
int store_checkpoint_put(struct store *store, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err) must_check;

/** Keeps nothing of a log but its last checkpoint. */
int store_log_retire(struct store *store, int64_t log, struct err *err) must_check;

/** Calls `log` for each log in the order of their numbers, `checkpoint` for each checkpoint: of the last
 * log first, the largest first. Either may be NULL. The objects are valid during the call. */
int store_witness_each(struct store *store,
	int (*log)(void *ctx, const struct witness_log *log, struct err *err),
	int (*checkpoint)(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
		struct err *err),
	void *ctx, struct err *err) must_check;

/*
 * store_import.c: what was taken over
 */

/** A file of another program that was taken over. */
struct store_import {
	const char *path;
	struct digest sha256;
	int64_t size, n_peers;
	struct timestamp modified_at, imported_at;
};

/** Notes in the open batch that the file of `source` was taken over; once for each source. */
int store_import_put(struct store *store, const char *source, const struct store_import *import,
	struct err *err) must_check;

/** What was noted of a source; the path is in `arena`. REASON_NOT_FOUND. */
int store_import_get(struct store *store, const char *source, struct store_import *ret_import,
	struct arena *arena, struct err *err) must_check;

void store_close(struct store *store);
DEFINE_FREEP(struct store, store_close);
