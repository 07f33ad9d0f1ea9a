/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The live peers, in memory: found by id, by key, by place in the order they came.
 *
 * A peer here is one row of the store; what the device says of it stands beside. The
 * set owns its peers.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/map.h"
#include "base/time.h"
#include "base/uuid.h"
#include "node/keeper/recent.h"

/** Who changed something last: the number of the API key, and the address it was used from. Key 0: the node
 * itself. */
struct author {
	uint32_t key;
	struct cidr source;
};

struct peer {
	/* the row */
	struct uuid id;
	struct wgkey public_key, preshared_key; /* the latter all zero: none */
	struct cidr address[2];                 /* IPv4, IPv6; family IP_NONE: has none */
	struct timestamp created_at, expires_at; /* 0: never */
	int64_t generation, revision;
	int64_t keepalive;
	bool suspended;
	char *label; /* or NULL; owned */
	struct author author;
	int quarantine; /* enum node_quarantine: kept off the device; 0: it is not */

	/* the device */
	uint64_t seen_dump;  /* number of the last dump that had it */
	uint64_t moved_dump; /* … in which handshake or counters were new */
	uint64_t rx_bytes, tx_bytes;   /* never less than before, see peer_count() */
	uint64_t rx_device, tx_device; /* as the device counted them last */
	uint64_t scraped_bytes; /* both together, at the last scrape with series per peer */
	struct timestamp last_handshake;
	struct cidr endpoint;
	uint16_t endpoint_port;
	uint8_t altered; /* in what the device has it otherwise: a bit of each enum node_drift_what */
	bool on_device;    /* the device has confirmed it */
	int64_t placed_us; /* … at this moment (monotonic); INT64_MAX: something about it is under way */

	size_t heap_at;   /* place in the expiry heap, from 1; 0: not in it */
	size_t recent_at; /* place in the order of changes, likewise */
};

struct peers {
	struct map by_id, by_key;
	struct peer **order; /* by created_at, then id */
	size_t n, order_room;
	struct peer **heap; /* by expires_at */
	size_t n_heap, heap_room;
	struct recent recent; /* by revision, as far as it is durable */
};

void peers_init(struct peers *peers);

struct peer *peers_by_id(const struct peers *peers, const struct uuid *id);
struct peer *peers_by_key(const struct peers *peers, const struct wgkey *key);

/** Adds; the set owns it from then on. REASON_NO_MEMORY: it stays the caller's. */
int peers_add(struct peers *peers, struct peer *peer, struct err *err) must_check;

/** Takes out; it is the caller's again. */
void peers_remove(struct peers *peers, struct peer *peer);

/** Gives a peer that is in another public key. REASON_NO_MEMORY: nothing changed. */
int peers_rekey(struct peers *peers, struct peer *peer, const struct wgkey *key, struct err *err)
	must_check;

/** To be called after `expires_at` of a peer that is in was changed. REASON_NO_MEMORY: it will not be
 * noticed when due. */
int peers_rearm(struct peers *peers, struct peer *peer, struct err *err) must_check;

/** To be called when a new revision of a peer is durable: those who ask for changes see it from then on. */
void peers_changed(struct peers *peers, struct peer *peer);

/** The peer that expires first, or NULL. */
struct peer *peers_next_due(const struct peers *peers);

/** The place in `order` of the first peer behind (created_at, id). */
size_t peers_after(const struct peers *peers, struct timestamp created_at, const struct uuid *id);

/** Adds what the device has counted since the last time. A device that was made anew, or has the peer under a
 * new key, counts from zero: then all of it is new. */
void peer_count(struct peer *peer, uint64_t rx_device, uint64_t tx_device);

/** Whether the device is not to have it. */
static inline bool peer_is_off(const struct peer *peer)
{
	return peer->suspended || peer->quarantine;
}

void peer_free(struct peer *peer);
DEFINE_FREEP(struct peer, peer_free);

void peers_done(struct peers *peers);
