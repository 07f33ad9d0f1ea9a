/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Bytes that went through the interface since the keeper began, summed from readings
 * of its peers.
 *
 * The totals never fall: a peer that goes takes nothing along, one whose counters
 * began anew adds what it has since, and what a peer had when it was first seen is the
 * past, unless it was put there by us. Peers that are not ours count too; a bounded
 * number of them is remembered.
 */

#include "node/keeper/peers.h"

struct wgdev_peer;

struct traffic {
	uint64_t rx_bytes, tx_bytes;
	struct map strangers; /* of struct stranger */
	uint64_t reading;     /* the number of the running one */
	size_t n_seen;        /* strangers in it */
};

enum { TRAFFIC_STRANGERS_MAX = 4096 };

void traffic_init(struct traffic *traffic);

/** A reading begins, or begins anew. */
void traffic_begin(struct traffic *traffic);

/** A peer of ours is in it. `peer` has the counters of the reading before. */
void traffic_peer(struct traffic *traffic, const struct peer *peer, const struct wgdev_peer *seen);

/** One that is not ours. */
void traffic_stranger(struct traffic *traffic, const struct wgdev_peer *seen);

/** The reading was complete: strangers that were not in it are forgotten. */
void traffic_end(struct traffic *traffic);

void traffic_done(struct traffic *traffic);
