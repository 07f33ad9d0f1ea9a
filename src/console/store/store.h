/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What the Console keeps, as functions: each change is one transaction with its audit
 * entry and its access interval.
 *
 * A handle belongs to one thread at a time. What comes back lives in the arena.
 */

#include "console/store/accounts.h"
#include "console/store/scope.h"
#include "crypto/seal.h"

/** A Console's database file says so in its header ("WGKC"). */
enum { CONSOLE_APPLICATION_ID = 0x57474b43 };

/** Opens the database (`url` must outlive it); the first handle is to migrate. As db_open(). */
int store_open(const char *url, struct db **ret_db, struct err *err) must_check;

/*
 * Settings
 */

/** Makes sure that the database was made with this master secret: a check value is written at first
 * start. REASON_CONFIG with field SECRET_KEY: it was another. */
int store_check_secret(struct db *db, const struct seal_key *key, struct err *err) must_check;

/*
 * Lists. `counts`, `total` and cursors are filled in; `fleet` and `seq` too.
 */

int store_people(struct db *db, const struct person_query *query, struct page *ret_page,
	struct arena *arena, struct err *err) must_check;
int store_nodes(struct db *db, const struct node_query *query, struct page *ret_page,
	struct arena *arena, struct err *err) must_check;
int store_peers(struct db *db, const struct peer_query *query, struct page *ret_page,
	struct arena *arena, struct err *err) must_check;
int store_audit(struct db *db, const struct audit_query *query, struct page *ret_page,
	struct arena *arena, struct err *err) must_check;

/** REASON_PERSON_NOT_FOUND, _NODE_NOT_FOUND, _PEER_NOT_FOUND, _ENTRY_NOT_FOUND */
int store_person(struct db *db, const struct uuid *id, struct person_view *ret_person,
	struct arena *arena, struct err *err) must_check;
int store_node(struct db *db, const struct uuid *id, struct node_view *ret_node,
	struct arena *arena, struct err *err) must_check;
int store_peer(struct db *db, const struct uuid *id, struct peer_view_row *ret_peer,
	struct arena *arena, struct err *err) must_check;
int store_entry(struct db *db, int64_t seq, struct audit_view *ret_entry, struct arena *arena,
	struct err *err) must_check;

/** The newest entry's number. */
int store_seq(struct db *db, int64_t *ret_seq, struct err *err) must_check;

/*
 * People
 */

int store_person_create(struct db *db, const struct actor *actor, const struct person_add *in,
	struct uuid *ret_id, struct arena *arena, struct err *err) must_check;

/*
 * Nodes
 */

/** What is needed to call a node. */
struct node_target {
	struct uuid id;
	const char *name, *address;
	int transport;
	const char *fingerprint;
	struct secret api_key; /* sealed as it comes from the table; see store_open_key() */
	const char *endpoint;
	int state, kind;
	struct uuid epoch;
	int64_t revision, read_revision;
	struct wgkey public_key;
	int64_t listen_port;
	const char *node_endpoint;
	bool removing;
	int64_t lease_epoch; /* what is written of its answers is refused under another one */
};

struct node_new {
	const char *name, *address, *fingerprint, *endpoint;
	int transport;
	struct secret api_key; /* in clear; it is sealed here */
	struct wgkey public_key; /* to find the same node under another address */
	struct uuid node_uid;
};

/** REASON_NODE_EXISTS, _NAME_IN_USE */
int store_node_add(struct db *db, const struct actor *actor, const struct seal_key *key,
	const struct node_new *in, struct uuid *ret_id, struct arena *arena, struct err *err)
	must_check;

/** The node that is this one already; REASON_NOT_FOUND: none. */
int store_node_same(struct db *db, const struct node_new *in, struct audit_ref *ret_node,
	struct arena *arena, struct err *err) must_check;

/** REASON_CHANGED: `etag` is not the present one. */
int store_node_change(struct db *db, const struct actor *actor, const struct uuid *id, int64_t etag,
	const struct node_change *in, struct arena *arena, struct err *err) must_check;

/** Asks for every peer's end and marks the node; it goes when all are confirmed. */
int store_node_remove(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t *ret_revoking, struct arena *arena, struct err *err) must_check;

/** The node goes now, its peers stay listed as unmanaged. */
int store_node_leave(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t *ret_unmanaged, struct arena *arena, struct err *err) must_check;

/** A node marked for removal whose peers are all confirmed absent goes. 1: gone; 0: not yet. */
int store_node_settle(struct db *db, const struct uuid *id, struct arena *arena, struct err *err)
	must_check;

/** With the key opened. REASON_NODE_NOT_FOUND. */
int store_node_target(struct db *db, const struct seal_key *key, const struct uuid *id,
	struct node_target *ret_target, struct arena *arena, struct err *err) must_check;
int store_node_targets(struct db *db, const struct seal_key *key, struct list *ret_targets,
	struct arena *arena, struct err *err) must_check;

/** What an answer of the node said (unaudited; lists are JSON). */
struct node_observed {
	struct uuid id;
	int state;
	const char *reason, *reason_detail;
	struct timestamp now;
	int kind;
	const char *version, *interface;
	struct wgkey public_key;
	int64_t listen_port;
	const char *subnets, *server_addresses, *families;
	int64_t peers_issued, peers_possible, connected, unmanaged_peers, drift;
	int forwarding;
	const char *forwarding_remedy;
	int64_t clock_offset_ms;
	struct timestamp started_at;
	int backend;
	const char *node_endpoint;
	struct uuid node_uid, epoch;
	int64_t revision, lease_epoch;
};

int store_node_observed(struct db *db, const struct node_observed *in, struct err *err) must_check;

/** No usable answer. */
int store_node_missed(struct db *db, const struct node_target *target, int state,
	const struct err *why, struct err *err) must_check;
int store_node_read_to(struct db *db, const struct node_target *target, int64_t revision,
	struct err *err) must_check;

/*
 * Peers
 */

struct peer_row {
	struct uuid id, person_id, node_id;
	const char *name;
	struct wgkey public_key;
	const char *addresses;
	int desired, observed;
	int64_t generation, observed_generation;
	int end_reason;
	struct timestamp issued_at, expires_at, unmanaged_since;
	int64_t etag;
};

/** REASON_PEER_NOT_FOUND */
int store_peer_row(struct db *db, const struct uuid *id, struct peer_row *ret_row,
	struct arena *arena, struct err *err) must_check;

/** Writes down that a peer is to be: generation 1. REASON_PERSON_NOT_FOUND, _NODE_NOT_FOUND, _KEY_IN_USE,
 * _NAME_IN_USE. */
int store_peer_issue(struct db *db, const struct actor *actor, const struct peer_issue *in,
	struct peer_row *ret_row, struct arena *arena, struct err *err) must_check;

/** Writes down that a peer is to end (enum peer_end). 1: it is to end now; 0: it was already. */
int store_peer_end(struct db *db, const struct actor *actor, const struct uuid *id, int why,
	const char *reason, struct arena *arena, struct err *err) must_check;

/** REASON_CHANGED, _PEER_ENDED */
int store_peer_set_expiry(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t etag, struct timestamp expires_at, struct arena *arena, struct err *err) must_check;

/** The node has confirmed `row->generation` of a peer as it is desired. `addresses` (may be NULL) are
 * the node's. 1: written, with its entry; 0: somebody was first. */
int store_peer_confirm(struct db *db, const struct actor *actor, const struct peer_row *row,
	const struct list *addresses, struct arena *arena, struct err *err) must_check;

/** The peer is known to be absent from its node: it ended there, or was refused (PEER_END_FAILED).
 * `generation` is the node's; `reason` a slug or NULL. */
int store_peer_ended(struct db *db, const struct actor *actor, const struct peer_row *row, int why,
	const char *reason, int64_t generation, struct timestamp ended_at, struct arena *arena,
	struct err *err) must_check;

/** A key that was confirmed absent is back on its node: to be removed again. */
int store_peer_reappeared(struct db *db, const struct peer_row *row, int64_t node_generation,
	struct arena *arena, struct err *err) must_check;

/** Unconfirmed intents of a node, oldest first, at most 100: list of struct peer_row. */
int store_peers_pending(struct db *db, const struct uuid *node_id, struct list *ret_rows,
	struct arena *arena, struct err *err) must_check;

/** Peers of a person that are to be. */
int store_peers_of_person(struct db *db, const struct uuid *person_id, struct list *ret_rows,
	struct arena *arena, struct err *err) must_check;

/** Peers of a node that have not ended. */
int store_peers_of_node(struct db *db, const struct uuid *node_id, struct list *ret_rows,
	struct arena *arena, struct err *err) must_check;

/** What a node's counters say about one peer (unaudited). */
struct peer_live {
	struct uuid id, node_id;
	struct timestamp last_handshake_at, live_as_of;
	int64_t receive_bytes, transmit_bytes;
	const char *endpoint;
};

/** All in one transaction. */
int store_peers_live(struct db *db, const struct list *lives, struct err *err) must_check;

/** Peers with an unconfirmed intent, in the fleet. */
int store_unsettled(struct db *db, int64_t *ret_n, struct err *err) must_check;
