/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The fleet thread: sees to it that every node is asked in time, and that what was
 * asked of nodes comes about. The work itself is done in the node pool.
 */

#include "console/store/store.h"

enum { FLEET_POLL_S = 10, FLEET_RETRY_S = 2 };

struct console;
struct fleet; /* opaque */

int fleet_new(struct console *console, struct fleet **ret_fleet, struct err *err) must_check;

/** Asks this node now. */
void fleet_wake(struct fleet *fleet, const struct uuid *node_id);

/** Tells browsers that an object has changed: "node", "peer" or "person"; and where the log ends. */
void fleet_tell(struct fleet *fleet, struct db *db, const char *what, const struct uuid *id);

/** Starts nothing new; what is under way in the pool goes on, and must end before fleet_free(). NULL is
 * fine. */
void fleet_stop(struct fleet *fleet);

void fleet_free(struct fleet *fleet);
DEFINE_FREEP(struct fleet, fleet_free);
