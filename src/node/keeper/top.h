/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The few of many that rank highest, in memory for the few.
 *
 * By what they moved, most first; of equals the one with the smaller id.
 */

#include "node/keeper/peers.h"

struct ranked {
	uint64_t moved;
	const struct peer *peer;
};

struct top {
	struct ranked *at; /* a heap: the last in rank is the first in place */
	size_t n, max;
	size_t left_out;
};

/** For at most `max`. REASON_NO_MEMORY. */
int top_init(struct top *top, size_t max, struct err *err) must_check;

void top_add(struct top *top, uint64_t moved, const struct peer *peer);

/** Puts what was kept into the order of ids. Nothing may be added any more. */
void top_sort(struct top *top);

void top_done(struct top *top);
