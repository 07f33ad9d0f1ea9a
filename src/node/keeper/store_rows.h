/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The store's rows as the database sees them, and their digests. Shared by store.c and
 * store_load.c.
 *
 * The sum of all rows' digests is additive, so a row comes and goes in constant time and
 * the order does not matter.
 */

#include "db/db.h"
#include "node/keeper/store.h"

enum { SUM_SIZE = 32, ROW_DIGEST_SIZE = 16 };

struct node_row {
	struct uuid id, epoch;
	int64_t revision;
	struct blob set_digest;
};

struct peer_row {
	struct uuid id;
	struct wgkey public_key, preshared_key;
	struct cidr address4, address6;
	struct timestamp created_at, expires_at;
	bool suspended;
	int64_t keepalive, generation, revision, author_key;
	struct cidr author_source;
	const char *label;
	int quarantine;
	struct blob digest;
};

struct tombstone_row {
	struct uuid id;
	struct wgkey public_key;
	struct cidr address4, address6;
	struct timestamp created_at, ended_at;
	int end_reason;
	int64_t generation, revision, author_key;
	struct cidr author_source;
	struct blob digest;
};

struct import_row {
	const char *source, *path;
	struct blob sha256, digest;
	int64_t size, n_peers;
	struct timestamp modified_at, imported_at;
};

struct used_key_row {
	struct wgkey public_key;
	struct uuid id;
};

struct api_key_row {
	int64_t number;
	struct blob key_digest;
	int origin;
	struct cidr source, last_used_from;
	struct timestamp created_at, expires_at, retired_at, last_used_at;
	struct blob digest;
};

struct log_row {
	int64_t number;
	const char *origin;
	struct blob public_key;
	struct timestamp bound_at;
	bool released;
	const char *predecessor, *fork;
	struct blob digest;
};

struct checkpoint_row {
	int64_t log, day, size;
	const char *note;
	struct timestamp received_at;
	struct blob digest;
};

extern const struct type store_node_type, store_peer_type, store_tombstone_type, store_used_key_type,
	store_api_key_type, store_log_type, store_checkpoint_type,
	store_import_type;

/** A number modulo 2^256, little endian. */
struct sum {
	uint8_t bytes[SUM_SIZE];
};

void sum_add(struct sum *sum, const struct sum *digest);
void sum_sub(struct sum *sum, const struct sum *digest);

struct sum digest_of_peer(const struct peer *peer);
struct sum digest_of_tombstone(const struct tombstone *tombstone);
struct sum digest_of_used_key(const struct wgkey *key, const struct uuid *id);
struct sum digest_of_api_key(const struct api_key *key); /* without its use */
struct sum digest_of_log(const struct witness_log *log);
struct sum digest_of_checkpoint(int64_t log, int64_t day, const char *note, struct timestamp received_at);
struct sum digest_of_import(const struct import_row *row);

/** Whether a row's stored digest is this one's beginning. */
bool row_digest_ok(const struct blob *stored, const struct sum *digest);

void tombstone_from_row(const struct tombstone_row *row, struct tombstone *ret_tombstone);

/** These believe nothing: REASON_STORE_CORRUPT for a row that cannot be one of ours. */
int api_key_from_row(const struct api_key_row *row, struct api_key *ret_key, struct err *err) must_check;
int log_from_row(const struct log_row *row, struct witness_log *ret_log, struct err *err) must_check;
int checkpoint_from_row(const struct checkpoint_row *row, struct witness_checkpoint *ret_checkpoint,
	struct err *err) must_check;

struct store {
	struct db *db;
	struct uuid id, epoch;
	int64_t revision, committed_revision;
	int64_t n_ended, committed_n_ended;   /* tombstones */
	int64_t last_ended; /* revision of the newest, or of one that was taken back */
	int64_t last_key, committed_last_key; /* numbers of API keys given so far */
	struct sum sum, committed_sum;
	bool in_batch;
};
