/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What a node says and takes on its native surface (/v1): written by the node,
 * read by the Console, from the same tables.
 *
 * Texts and lists belong to an arena. Times of "none" are zero, see F_NULLABLE.
 */

#include "base/field.h"

enum { NODE_LABEL_MAX = 64, NODE_PAGE_MAX = 1000, NODE_KEEPALIVE_MAX = 65535 };

enum node_backend { NODE_KERNEL = 1, NODE_USERSPACE };
enum node_forwarding { NODE_FORWARD_OK = 1, NODE_FORWARD_OFF, NODE_FORWARD_BLOCKED };
enum node_device { NODE_DEVICE_READY = 1, NODE_DEVICE_STARTING, NODE_DEVICE_AWAY };
enum node_family { NODE_IPV4 = 1, NODE_IPV6 };

/** A peer's state on its node. */
enum node_peer_state { NODE_PEER_LIVE = 1, NODE_PEER_SUSPENDED, NODE_PEER_ENDED };

/** Why it ended. */
enum node_peer_end { NODE_END_DELETED = 1, NODE_END_EXPIRED, NODE_END_ROTATED };

extern const struct word node_backend_words[], node_forwarding_words[], node_device_words[],
	node_family_words[],
	node_peer_state_words[], node_peer_end_words[];

/** Use of one family's pool. */
struct node_pool {
	int family;
	struct cidr subnet, server_address;
	int64_t size, used, resting; /* addresses a peer can have; given; freed and not yet given again */
};

struct node_drift {
	int64_t unmanaged, altered, missing;
};

/** GET /v1/node */
struct node_info {
	struct uuid id, epoch;
	int64_t revision;
	const char *name, *version, *interface, *endpoint;
	struct list api_versions, capabilities; /* of texts */
	struct wgkey public_key;
	int64_t listen_port, peers, suspended, possible, connected;
	struct list pools; /* of struct node_pool */
	struct timestamp clock, started_at, device_read_at;
	int backend, device, forwarding;
	const char *forwarding_remedy;
	struct node_drift drift;
};

/** A peer or its tombstone, as GET /v1/peers lists them. */
struct node_peer {
	struct uuid id, epoch;
	struct wgkey public_key;
	struct list addresses; /* of struct cidr, at full length */
	int state, end_reason;
	struct timestamp created_at, expires_at, ended_at;
	int64_t generation, revision, persistent_keepalive;
	bool has_preshared_key;
	const char *label;
};

/** GET /v1/peers/{id}: the same, and what the device says. */
struct node_peer_live {
	struct node_peer peer;
	int64_t receive_bytes, transmit_bytes;
	struct timestamp last_handshake_at, device_read_at;
	const char *endpoint;
};

/** GET /v1/peers?after=REV&limit=N */
struct node_peer_page {
	struct uuid epoch;
	int64_t revision, next_revision;
	bool more;
	struct list data; /* of struct node_peer */
};

struct node_after_query {
	int64_t after, limit;
};

enum { NODE_PUT_PRESHARED_KEY = 1 };

/** PUT /v1/peers/{id}. A presharedKey that is not given stays as it is; null takes it away: who changes
 * an expiry does not have the key any more (docs/decisions/0004-preshared-key-stays.md). */
struct node_put {
	struct wgkey public_key, preshared_key;
	struct list addresses, families;
	struct timestamp expires_at;
	bool suspended;
	int64_t persistent_keepalive, generation;
	const char *label;
	struct has has;
};

/** DELETE /v1/peers/{id}?generation=G */
struct node_delete_query {
	int64_t generation;
};

struct node_deleted {
	struct uuid id, epoch;
	int64_t revision, generation;
	int state;
	bool absent_from_device;
	struct timestamp confirmed_at;
};

/** GET /v1/keys/{publicKey} */
struct node_key {
	struct wgkey public_key;
	struct uuid epoch, peer_id;
	int64_t revision;
	bool on_device, in_store;
	int state; /* 0: never heard of */
	struct timestamp device_read_at;
};

/** GET /v1/counters?after=CURSOR */
struct node_counter {
	struct uuid id;
	int64_t receive_bytes, transmit_bytes;
	struct timestamp last_handshake_at;
	const char *endpoint;
};

struct node_counter_page {
	struct uuid epoch;
	int64_t revision, cursor;
	struct timestamp device_read_at;
	struct list data; /* of struct node_counter */
};

extern const struct type node_info_type, node_pool_type, node_peer_type, node_peer_live_type,
	node_peer_page_type, node_after_query_type, node_put_type, node_delete_query_type,
	node_deleted_type, node_key_type, node_counter_type, node_counter_page_type;
