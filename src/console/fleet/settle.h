/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Bringing about what a peer's row says. Repeating it is harmless. */

#include "console/fleet/nodecall.h"

struct console;

enum { SETTLE_ABANDON_S = 30 };

/** Works on one peer's unconfirmed intent: 1 confirmed, 0 nothing to do. Negative: not yet (the reason
 * why), and it stays to be done. */
int settle_peer(struct console *console, struct db *db, const struct node_target *target,
	const struct peer_row *row, struct arena *arena, struct err *err) must_check;

/** The same for a request that wants it done at once, unless its node is known to be away. Whatever is
 * left is the fleet thread's. */
void settle_now(struct console *console, struct db *db, const struct uuid *peer_id,
	struct arena *arena);

/** Asks a node how it is and writes that down: what a poll and "check now" do first. */
int settle_node(struct console *console, struct db *db, struct node_target *target,
	struct arena *arena, struct err *err) must_check;

/** A whole poll: the node, its unconfirmed intents, its changes, its counters. */
int settle_poll(struct console *console, struct db *db, const struct uuid *node_id,
	struct arena *arena, bool *ret_unsettled, struct err *err) must_check;
