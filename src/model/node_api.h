/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What a node says and takes on its native surface (/v1): written by the node,
 * read by the Console, from the same tables.
 *
 * Texts and lists belong to an arena. Times of "none" are zero, see F_NULLABLE.
 */

#include "base/field.h"

enum {
	NODE_LABEL_MAX = 64,
	NODE_PAGE_MAX = 1000,
	NODE_KEEPALIVE_MAX = 65535,
	NODE_BATCH_MAX = 1000,
	NODE_ALLOWED_SHOWN = 8, /* of a peer of the device that has more allowed IPs */
	NODE_KEYS_LIVE_MAX = 2,
	NODE_NOTE_MAX = 2047,   /* bytes of a checkpoint's signed note */
	NODE_VKEY_MAX = 180,
	NODE_PROOF_MAX = 64,
	NODE_ENTRY_MAX = 16384, /* bytes of an audit entry */
};

enum node_backend { NODE_KERNEL = 1, NODE_USERSPACE };
enum node_forwarding { NODE_FORWARD_OK = 1, NODE_FORWARD_OFF, NODE_FORWARD_BLOCKED };
enum node_device { NODE_DEVICE_READY = 1, NODE_DEVICE_STARTING, NODE_DEVICE_AWAY };
enum node_family { NODE_IPV4 = 1, NODE_IPV6 };

/** A peer's state on its node. */
enum node_peer_state { NODE_PEER_LIVE = 1, NODE_PEER_SUSPENDED, NODE_PEER_ENDED };

/** Why it ended. */
enum node_peer_end { NODE_END_DELETED = 1, NODE_END_EXPIRED, NODE_END_ROTATED };

/** A difference between store and device. */
enum node_drift_kind {
	NODE_DRIFT_UNMANAGED = 1,
	NODE_DRIFT_ALTERED,
	NODE_DRIFT_MISSING,
	NODE_DRIFT_OFFERED, /* in wg-quick's file, and never on this node */
};

/** In what an altered peer differs. */
enum node_drift_what {
	NODE_DIFFERS_ALLOWED = 1,
	NODE_DIFFERS_PRESHARED,
	NODE_DIFFERS_KEEPALIVE,
	NODE_DIFFERS_PRESENT, /* it is suspended, and there all the same */
	NODE_N_DIFFERS = NODE_DIFFERS_PRESENT,
};

enum node_drift_act { NODE_ADOPT = 1, NODE_REMOVE, NODE_RESTORE };

enum node_batch_what { NODE_BATCH_PUT = 1, NODE_BATCH_DELETE };

enum node_key_origin { NODE_KEY_FILE = 1, NODE_KEY_API };
enum node_key_state { NODE_KEY_LIVE = 1, NODE_KEY_EXPIRED, NODE_KEY_RETIRED };

extern const struct word node_drift_kind_words[], node_drift_what_words[], node_drift_act_words[],
	node_batch_words[], node_key_origin_words[], node_key_state_words[];

/** Why it is off the device though nobody suspended it. */
enum node_quarantine {
	NODE_QUARANTINE_SUBNET = 1,     /* an address of it is in none of the configured subnets */
	NODE_QUARANTINE_SERVER_ADDRESS, /* an address of it is the server's own now */
};

/** Whether the node works, or only looks. */
enum node_mode { NODE_MODE_MANAGE = 1, NODE_MODE_INVENTORY };

extern const struct word node_backend_words[], node_forwarding_words[], node_device_words[],
	node_family_words[],
	node_peer_state_words[], node_peer_end_words[], node_quarantine_words[], node_mode_words[];

/** Use of one family's pool. */
struct node_pool {
	int family;
	struct cidr subnet, server_address;
	int64_t size, used, resting; /* addresses a peer can have; given; freed and not yet given again */
	int64_t foreign;             /* of peers of the device that the node did not make */
};

struct node_drift {
	int64_t unmanaged, altered, missing, offered;
};

/** A checkpoint of an audit log, as the node holds it. */
struct node_checkpoint {
	const char *origin;
	int64_t size;
	struct blob root_hash;
	const char *checkpoint; /* the signed note */
	struct timestamp received_at;
};

/** The last one, in short. */
struct node_checkpoint_head {
	const char *origin;
	int64_t size;
	struct blob root_hash;
	struct timestamp received_at;
	bool forked; /* the log has signed something that contradicts it */
};

/** GET /v1/node */
struct node_info {
	struct uuid id, epoch;
	int64_t revision;
	const char *name, *version, *interface, *endpoint;
	struct list api_versions, capabilities; /* of texts */
	struct wgkey public_key;
	int64_t listen_port, peers, suspended, quarantined, possible, connected, tombstones;
	struct list pools; /* of struct node_pool */
	struct timestamp clock, started_at, device_read_at;
	int mode, backend, device, forwarding;
	const char *forwarding_remedy;
	struct node_drift drift;
	struct node_checkpoint_head checkpoint;
};

/** A peer or its tombstone, as GET /v1/peers lists them. */
struct node_peer {
	struct uuid id, epoch;
	struct wgkey public_key;
	struct list addresses; /* of struct cidr, at full length */
	int state, end_reason, quarantine;
	struct timestamp created_at, expires_at, ended_at;
	int64_t generation, revision, persistent_keepalive;
	bool has_preshared_key;
	const char *label;
	/* who made the last change: the number of an API key, and where it was used; INT_NONE: the node */
	int64_t changed_by_key;
	struct cidr changed_from;
	int64_t store_revision; /* now; INT_NONE (left out) in lists, which have it once */
};

/** What GET /v1/peers/{id} says besides, side by side: of the device. */
struct node_peer_live {
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

/** Of calls that take no parameters: any is refused. */
struct node_no_query {
	bool unused;
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

/** One element of POST /v1/batch. */
enum { NODE_BATCH_HAS_PEER = 1, NODE_BATCH_HAS_GENERATION = 2 };
struct node_batch_op {
	int op; /* enum node_batch_what */
	struct uuid id;
	struct node_put peer;
	int64_t generation;
	struct has has;
};

/** POST /v1/batch */
struct node_batch {
	struct list operations; /* of struct node_batch_op */
};

/** What failed, as RFC 9457 has it. */
struct node_problem {
	const char *type, *title;
	int64_t status;
	const char *code, *field, *detail, *request_id;
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

/** The outcome of one element: what the single call would have answered. One of the three is there. */
struct node_batch_result {
	int64_t status;
	struct node_peer peer;
	struct node_deleted deleted;
	struct node_problem problem;
};

struct node_batch_results {
	struct uuid epoch;
	int64_t revision;
	struct list results; /* of struct node_batch_result, in the order of the operations */
};

/** GET /v1/drift?after=KEY&limit=N */
struct node_drift_query {
	const char *after;
	int64_t limit;
};

struct node_drift_entry {
	struct wgkey public_key;
	int kind;
	struct list differs; /* of enum node_drift_what; of an altered one */
	struct uuid peer_id; /* whose it is, or was */
	int state;           /* what the store says of it; 0: never heard of */
	struct list allowed_ips; /* of the device, the first NODE_ALLOWED_SHOWN */
	int64_t allowed_ips_total;
	struct list addresses; /* of the store */
	bool has_preshared_key;
	int64_t persistent_keepalive, receive_bytes, transmit_bytes;
	struct timestamp last_handshake_at;
	const char *endpoint, *label;
};

struct node_drift_page {
	struct uuid epoch;
	int64_t revision, total;
	bool more;
	struct timestamp device_read_at;
	struct list data; /* of struct node_drift_entry, in the order of their keys' bytes */
};

/** POST /v1/drift/{publicKey} */
enum {
	NODE_DRIFT_HAS_ID = 1,
	NODE_DRIFT_HAS_LABEL = 2,
	NODE_DRIFT_HAS_GENERATION = 4,
	NODE_DRIFT_HAS_EXPIRES = 8,
};
struct node_drift_action {
	int action;
	struct uuid id;
	const char *label;
	int64_t generation;
	struct timestamp expires_at;
	struct has has;
};

struct node_drift_done {
	struct uuid epoch;
	int64_t revision;
	struct wgkey public_key;
	int action;
	struct node_peer peer; /* all zero: the store has none, or has ended it */
	bool absent_from_device;
	struct timestamp confirmed_at;
};

/** A key of the API. */
struct node_api_key {
	int64_t id;
	int origin, state;
	bool current; /* the one this was asked with */
	struct cidr source, last_used_from;
	struct timestamp created_at, expires_at, retired_at, last_used_at;
};

/** GET /v1/apikeys */
struct node_api_keys {
	struct uuid epoch;
	int64_t revision;
	struct list data; /* of struct node_api_key */
};

/** POST /v1/apikeys */
struct node_api_key_new {
	const char *sha256; /* hexadecimal */
	struct cidr source;
	struct timestamp expires_at;
};

struct node_api_key_answer {
	struct uuid epoch;
	int64_t revision;
	struct node_api_key api_key;
};

/** PUT /v1/checkpoint */
struct node_succession {
	const char *predecessor;
	struct blob entry;
	struct list proof; /* of struct blob */
};

enum { NODE_CHECKPOINT_HAS_SUCCESSION = 1 };
struct node_checkpoint_put {
	const char *checkpoint, *log_key;
	int64_t old_size;
	struct list proof; /* of struct blob */
	struct node_succession succession;
	struct has has;
};

struct node_checkpoint_answer {
	struct uuid epoch;
	int64_t revision;
	struct node_checkpoint held;
};

/** A log in the order they followed each other. */
struct node_witness_log {
	const char *origin, *log_key;
	struct timestamp bound_at;
	const char *predecessor, *fork;
	struct list checkpoints; /* of struct node_checkpoint, the largest first */
};

/** GET /v1/checkpoint */
struct node_witness {
	struct uuid epoch;
	int64_t revision;
	struct list logs; /* of struct node_witness_log, the present one first */
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

struct node_counters_query {
	int64_t after;
};

struct node_counter_page {
	struct uuid epoch;
	int64_t revision, cursor;
	struct timestamp device_read_at;
	struct list data; /* of struct node_counter */
};

extern const struct type node_info_type, node_pool_type, node_peer_type, node_peer_live_type,
	node_peer_page_type, node_after_query_type, node_put_type, node_delete_query_type,
	node_deleted_type, node_key_type, node_counter_type, node_counter_page_type,
	node_no_query_type, node_counters_query_type, node_batch_type, node_batch_op_type,
	node_batch_result_type, node_batch_results_type, node_problem_type, node_drift_query_type,
	node_drift_entry_type, node_drift_page_type, node_drift_action_type, node_drift_done_type,
	node_api_key_type, node_api_keys_type, node_api_key_new_type, node_api_key_answer_type,
	node_checkpoint_type, node_checkpoint_head_type, node_checkpoint_put_type,
	node_checkpoint_answer_type, node_witness_log_type, node_witness_type;
