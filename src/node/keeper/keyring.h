/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The keys of the API that are in force: two at most, so that one can follow the other.
 *
 * The key of the configuration (`auth.api_key`) is one of them until it is retired; then
 * the configuration no longer counts. Who calls is decided here, for every request: the
 * gate is not believed. What changes belongs to the open batch like any other change.
 */

#include "model/node_api.h"
#include "node/keeper/store.h"

struct keeper;
struct op;
struct ipc_head;
struct ipc_api_key_add;
struct ipc_number;

struct keyring {
	struct api_key at[NODE_KEYS_LIVE_MAX]; /* not retired; perhaps expired */
	unsigned n;
};

/** Uses that the store does not know of yet. */
struct key_uses {
	bool unwritten;
	int64_t written_us; /* monotonic */
};

/** Reads the keys, and makes the configuration's one of them unless it was retired; another one than before
 * takes the former one's place, and frees the node for another audit log. REASON_CONFIG: no key is in
 * force. */
int keyring_open(struct keeper *k, struct err *err) must_check;

/** Whether both have the same keys, whatever their use. */
bool keyring_same(const struct keyring *a, const struct keyring *b);

/** The key that a request shows, or NULL: unknown, retired, expired, or not from there. Takes the same time
 * whichever it is, and remembers the use. */
const struct api_key *keyring_use(struct keeper *k, const struct ipc_head *head);

/** Writes last uses into the store, when that is due or `now`, into the open batch or one of its own.
 * Failure only costs the dates. */
void keyring_write_uses(struct keeper *k, bool now);

/** Who a request's changes are put down to. */
struct author keyring_author(const struct api_key *key, const struct ipc_head *head);

/** Requests. Errors leave everything as it was. */
int keyring_add(struct keeper *k, const struct ipc_api_key_add *in, struct op *op, struct err *err)
	must_check;
int keyring_end(struct keeper *k, const struct ipc_number *in, struct op *op, struct err *err) must_check;

/** Answers with all keys. */
void keyring_list(struct keeper *k, uint64_t id, int64_t current);
