/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The peers in the order they were changed last, for those who ask what is new.
 *
 * An array by revision, in which a peer that changes leaves a hole and goes to the
 * end; when half of it is holes it is closed up. What cannot be kept for want of
 * memory, or was taken back, makes it stale: it is then built anew when somebody
 * asks. It owns no peers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct peer;

struct recent_slot {
	int64_t revision;
	struct peer *peer; /* NULL: a hole */
};

struct recent {
	struct recent_slot *slots;
	size_t n, room, holes;
	bool fresh; /* false at first: nothing is in it, and nothing is kept */
};

/** A peer's revision is another one now, the highest so far or near it. */
void recent_note(struct recent *recent, struct peer *peer);

/** A peer goes. It need not be in. */
void recent_drop(struct recent *recent, struct peer *peer);

/** What it has does not count any more. */
void recent_forget(struct recent *recent);

/** Makes sure that it is fresh, from all peers there are. REASON_NO_MEMORY */
int recent_build(struct recent *recent, struct peer *const *peers, size_t n, struct err *err)
	must_check;

/** The place of the first slot behind `revision`. */
size_t recent_after(const struct recent *recent, int64_t revision);

void recent_done(struct recent *recent);
