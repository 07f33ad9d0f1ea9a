/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The peers in a published node's store: a bbolt file with a JSON document for each.
 *
 * Each record is checked for itself here; what only the node's own store and configuration can tell
 * (ids and keys given twice, subnets) is the caller's.
 */

#include "base/err.h"
#include "base/span.h"
#include "node/keeper/peers.h"

enum { PUBLISHED_BYTES_MAX = 256 * 1024 * 1024, PUBLISHED_RECORD_MAX = 4096 };

struct published_events {
	/** A peer, in the order of ids; the callee owns it. `record` is its key as the file has it. A
	 * negative answer ends the reading and is returned. */
	int (*peer)(void *ctx, struct span record, struct peer *peer, struct err *err);
	/** A record that is no peer; the reading goes on, for the next ones' faults. */
	void (*fault)(void *ctx, struct span record, const struct err *fault);
};

/** Reads the file's bytes. An empty file has no peers. Errors: bbolt_open()'s and bbolt_bucket()'s,
 * REASON_NO_MEMORY, or what `peer` answered. */
int published_read(struct span file, const struct published_events *events, void *ctx,
	struct err *err) must_check;
