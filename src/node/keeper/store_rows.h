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
	int64_t keepalive, generation, revision;
	const char *label;
	struct blob digest;
};

struct tombstone_row {
	struct uuid id;
	struct wgkey public_key;
	struct cidr address4, address6;
	struct timestamp created_at, ended_at;
	int end_reason;
	int64_t generation, revision;
	struct blob digest;
};

struct used_key_row {
	struct wgkey public_key;
	struct uuid id;
};

extern const struct type store_node_type, store_peer_type, store_tombstone_type, store_used_key_type,
	store_change_type;

/** A number modulo 2^256, little endian. */
struct sum {
	uint8_t bytes[SUM_SIZE];
};

void sum_add(struct sum *sum, const struct sum *digest);
void sum_sub(struct sum *sum, const struct sum *digest);

struct sum digest_of_peer(const struct peer *peer);
struct sum digest_of_tombstone(const struct tombstone *tombstone);
struct sum digest_of_used_key(const struct wgkey *key, const struct uuid *id);

/** Whether a row's stored digest is this one's beginning. */
bool row_digest_ok(const struct blob *stored, const struct sum *digest);

void tombstone_from_row(const struct tombstone_row *row, struct tombstone *ret_tombstone);

struct store {
	struct db *db;
	struct uuid id, epoch;
	int64_t revision, committed_revision;
	int64_t n_ended, committed_n_ended; /* tombstones */
	struct sum sum, committed_sum;
	bool in_batch;
};
