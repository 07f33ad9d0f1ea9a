/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * A bbolt file, read only: what published nodes keep their peers in.
 *
 * Pure functions over the file's bytes. Every offset, count and page number is checked against
 * them, keys must ascend, and no walk visits more pages than the file has: a damaged or hostile
 * file ends in an error, in time and memory that its size bounds.
 */

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct bbolt {
	struct span file;
	uint32_t page_size;
	uint64_t root;    /* page of the root bucket */
	uint64_t n_pages; /* pages in use end before this one */
	uint64_t txid;    /* of the state that is read */
};

/** Chooses the newer of the two states that the file holds. REASON_FOREIGN: no bbolt file, or another
 * version of it; REASON_STORE_CORRUPT: neither state is whole, or the file was cut. */
int bbolt_open(struct span file, struct bbolt *ret_db, struct err *err) must_check;

/** A key and its value, which point into the file. A negative answer ends the walk and is returned. */
typedef int bbolt_each(void *ctx, struct span key, struct span value, struct err *err);

/** Calls `each` for everything in the bucket `name`, in the order of its keys. 1; or 0 when the file has
 * nothing at all in it. REASON_FOREIGN: it has, but no such bucket; REASON_STORE_CORRUPT (what was told
 * before counts for nothing); or what `each` answered. */
int bbolt_bucket(const struct bbolt *db, const char *name, bbolt_each *each, void *ctx,
	struct err *err) must_check;
