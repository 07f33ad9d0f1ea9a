/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What gate and keeper say to each other over their socketpair.
 *
 * SOCK_SEQPACKET, one message a packet of at most IPC_MAX bytes: a head, then a body of
 * fixed size by type, or whole records. Both ends are one binary, so structs travel as
 * they are; each end still believes nothing: sizes, enums and texts are checked by
 * ipc_receive() and ipc_check(). An answer has the request's id; IPC_MORE says that
 * another follows.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/uuid.h"
#include "crypto/checkpoint.h"
#include "crypto/digest.h"
#include "model/node_api.h"
#include "node/conf.h"
#include "node/metrics.h"

struct msghdr;

enum {
	IPC_VERSION = 2,
	IPC_MAX = 60 * 1024,
	IPC_LABEL_SIZE = NODE_LABEL_MAX + 1,
	IPC_NAME_SIZE = 64,
	IPC_REQUEST_ID_SIZE = 54,
	IPC_NOTE_SIZE = NODE_NOTE_MAX + 1,
	IPC_PREDECESSOR_SIZE = 256,
	IPC_PIECE_OPS = 256,
};

enum ipc_type {
	IPC_HELLO = 1, /* either way: I have just started */
	IPC_SETUP,     /* keeper → gate: how to serve; ipc_setup, then PEM texts; the listening socket */
	IPC_KEYS,      /* keeper → gate: ipc_keys, who may call from now on */

	IPC_METRICS_SETUP, /* keeper → gate: ipc_metrics_setup; its listening socket */

	/* gate → keeper: reads */
	IPC_STATS,    /* → ipc_stats */
	IPC_NODE,     /* → ipc_node */
	IPC_LIST,     /* ipc_range → ipc_peer records */
	IPC_GET,      /* ipc_id → one ipc_peer, with the device's part */
	IPC_CHANGES,  /* ipc_range → ipc_peer records, ended ones too */
	IPC_COUNTERS, /* ipc_range → ipc_peer records that moved */
	IPC_KEY,      /* ipc_key → ipc_key_answer */
	IPC_DRIFT,    /* ipc_drift_ask → ipc_drift records */
	IPC_API_KEYS, /* → ipc_api_key records */
	IPC_WITNESS,  /* → ipc_held records */
	IPC_READY,    /* → ipc_ready */
	IPC_METRICS,  /* → node_metrics, then peer_metrics records */

	/* gate → keeper: changes */
	IPC_CREATE, /* ipc_create → ipc_created: make or rotate, keys made here */
	IPC_REMOVE, /* ipc_id → nothing */
	IPC_PUT,    /* ipc_put → one ipc_peer */
	IPC_END,    /* ipc_end → ipc_ended */
	IPC_BATCH,  /* ipc_batch, in pieces → ipc_result records */
	IPC_DRIFT_ACT,    /* ipc_drift_act → ipc_drift_done */
	IPC_API_KEY_ADD,  /* ipc_api_key_add → ipc_api_key */
	IPC_API_KEY_END,  /* ipc_number → ipc_api_key */
	IPC_CHECKPOINT,   /* ipc_checkpoint → ipc_held */

	IPC_ANSWER, /* keeper → gate */
	IPC_N_TYPES,
};

enum ipc_flag {
	IPC_MORE = 1 << 0,  /* of an answer: not the last */
	IPC_ERROR = 1 << 1, /* of an answer: its body is an ipc_error */
	IPC_SERVING = 1 << 2, /* of the gate's hello: it has the listening socket */
	IPC_METERING = 1 << 3, /* … and that of the metrics */
	IPC_ANYONE = 1 << 4,   /* of a request: nobody has shown a key */
};

/** On whose behalf a message is. A gate that was taken over could make it up: it is for the log, and keeps a key to
 * its source against everybody else. */
struct ipc_origin {
	struct cidr source;
	char request_id[IPC_REQUEST_ID_SIZE];
};

struct ipc_head {
	uint16_t version, type;
	uint32_t flags;
	uint64_t id;
	struct digest caller; /* SHA-256 of the key that the caller showed */
	struct ipc_origin origin;
};

/** In front of every answer that is no error. */
struct ipc_meta {
	struct uuid epoch;
	int64_t revision, device_read_us, cursor;
	uint32_t n_records, device; /* enum node_device */
	uint64_t total;             /* of a list */
	uint64_t more;              /* of a page: whether there is another */
};

struct ipc_error {
	uint32_t reason;
	char field[48], msg[256];
};

/** A key that is in force. */
struct ipc_live_key {
	struct digest digest;
	struct cidr source; /* IP_NONE: from anywhere */
	int64_t expires_us; /* 0: never */
};

struct ipc_keys {
	struct ipc_live_key at[NODE_KEYS_LIVE_MAX];
	uint32_t n;
};

struct ipc_setup {
	struct ipc_keys keys;
	uint32_t tls; /* enum node_tls_mode; 0: off */
	uint32_t n_allowed, n_trusted, cert_len, key_len, client_ca_len;
	int64_t started_us;
	uint8_t log_level, log_format;
	struct cidr allowed[NODE_ALLOWED_MAX], trusted[NODE_PROXIES_MAX];
	/* then the PEM texts: certificate, key, clients' authority */
};

/** Room for the three texts together: a set-up is one packet. */
enum { IPC_PEM_MAX = IPC_MAX - sizeof(struct ipc_setup) };

struct ipc_metrics_setup {
	struct digest token;
	char interface[16];
};

struct ipc_id {
	struct uuid id;
};

struct ipc_range {
	int64_t after, offset, limit;
};

struct ipc_key {
	struct wgkey key;
};

/** A peer on its way out; texts are NUL-terminated. */
struct ipc_peer {
	struct uuid id;
	struct wgkey public_key;
	struct cidr address[2], endpoint;
	int64_t created_us, expires_us, ended_us, generation, revision, last_handshake_us;
	uint64_t rx_bytes, tx_bytes;
	int64_t author_key;
	struct cidr author_source;
	int32_t keepalive;
	uint16_t endpoint_port;
	uint8_t state, end_reason, has_preshared_key, quarantine;
	char label[IPC_LABEL_SIZE];
};

/** What a log has signed last, in short. */
struct ipc_checkpoint_head {
	struct checkpoint checkpoint;
	int64_t received_us; /* 0: there is none */
	uint8_t forked;
};

struct ipc_pool {
	struct cidr subnet, server;
	uint64_t size, used, resting, foreign;
};

struct ipc_node {
	struct uuid id;
	struct wgkey public_key;
	char name[IPC_NAME_SIZE], interface[16], endpoint[272], remedy[256];
	struct ipc_pool pools[2];
	uint64_t peers, suspended, quarantined, possible, active, connected, unmanaged, altered,
		missing, offered;
	uint64_t tombstones;
	struct ipc_checkpoint_head checkpoint;
	int64_t started_us;
	uint16_t listen_port;
	uint8_t n_pools, mode, backend, forwarding;
};

struct ipc_key_answer {
	struct uuid peer_id;
	uint8_t on_device, in_store, state;
};

/** Of one thing that may be wrong; texts are NUL-terminated. */
struct ipc_check {
	uint8_t state; /* enum node_check_state */
	char detail[127], remedy[256]; /* the latter "" where there is none */
};

struct ipc_ready {
	struct ipc_check checks[N_CHECKS];
};

struct ipc_create {
	struct uuid id;
	int64_t expires_us; /* 0: not given */
	uint8_t n_families, families[2];
};

struct ipc_created {
	struct uuid id;
	struct wgkey server_key, public_key, private_key, preshared_key;
	struct cidr address[2];
	uint16_t listen_port;
};

struct ipc_put {
	struct uuid id;
	struct wgkey public_key, preshared_key;
	struct cidr address[2];
	int64_t expires_us, generation;
	int32_t keepalive;
	uint8_t suspended, n_addresses, n_families, families[2];
	uint8_t keeps_preshared_key; /* of a peer that is there */
	char label[IPC_LABEL_SIZE];
};

struct ipc_end {
	struct uuid id;
	int64_t generation;
};

struct ipc_ended {
	int64_t generation, confirmed_us;
};

/** A piece of a batch: the head, then `n` operations. Pieces follow each other without a gap; nothing is done
 * before the last is there, and a batch that another one overtakes is forgotten. */
struct ipc_batch {
	uint32_t total, first, n, unused;
};

struct ipc_op {
	uint32_t type; /* IPC_PUT or IPC_END */
	union {
		struct ipc_put put;
		struct ipc_end end;
	} body;
};

/** The outcome of one of them, in their order. */
struct ipc_result {
	uint32_t type; /* as asked; 0: `error` */
	union {
		struct ipc_peer peer;
		struct ipc_ended ended;
		struct ipc_error error;
	} body;
};

struct ipc_drift_ask {
	struct wgkey after; /* keys behind this one; all zero: from the first */
	int64_t limit;
};

struct ipc_drift {
	struct wgkey public_key;
	struct uuid peer_id;
	struct cidr allowed[NODE_ALLOWED_SHOWN], address[2], endpoint;
	int64_t last_handshake_us;
	uint64_t rx_bytes, tx_bytes;
	uint32_t n_allowed; /* all there are */
	int32_t keepalive;
	uint16_t endpoint_port;
	uint8_t kind, state, has_preshared_key;
	uint8_t differs; /* bit of each enum node_drift_what */
	char label[IPC_LABEL_SIZE];
};

/** What is decided about a difference. The peer's id stands first, as in every change. */
struct ipc_drift_act {
	struct uuid id; /* zero: the node draws one */
	struct wgkey key;
	int64_t generation, expires_us;
	uint8_t action, has_id, has_label, has_generation, has_expires;
	char label[IPC_LABEL_SIZE];
};

struct ipc_drift_done {
	struct ipc_peer peer;
	int64_t confirmed_us; /* 0: not looked for */
	uint8_t has_peer;
};

struct ipc_api_key {
	int64_t number, created_us, expires_us, retired_us, last_used_us;
	struct cidr source, last_used_from;
	uint8_t origin, is_current;
};

struct ipc_api_key_add {
	struct uuid unused;
	struct digest digest;
	struct cidr source;
	int64_t expires_us;
};

struct ipc_number {
	struct uuid unused;
	int64_t number;
};

/** A checkpoint to be held. Texts are NUL-terminated. */
struct ipc_checkpoint {
	struct uuid unused;
	char note[IPC_NOTE_SIZE], log_key[NOTE_VKEY_SIZE], predecessor[IPC_PREDECESSOR_SIZE];
	uint64_t old_size;
	uint32_t n_proof, n_entry_proof, entry_len;
	uint8_t succeeds;
	struct digest proof[NODE_PROOF_MAX], entry_proof[NODE_PROOF_MAX];
	char entry[NODE_ENTRY_MAX];
};

/** A log (`kind` 1), or a checkpoint of the log before it (`kind` 2). */
struct ipc_held {
	uint32_t kind;
	struct checkpoint checkpoint; /* of a log only the origin */
	int64_t at_us;
	char note[IPC_NOTE_SIZE]; /* of a log: its fork */
	char log_key[NOTE_VKEY_SIZE], predecessor[IPC_PREDECESSOR_SIZE];
};

/** A received message: the head, and its body in the receiver's buffer. */
struct ipc_message {
	struct ipc_head head;
	const void *body;
	size_t len;
	int fd; /* that came along, or -1; the receiver's to close */
};

/** Sends a head and up to two pieces of body in one packet. 1: sent; 0: the socket is full; negative: it
 * is gone. Never waits. */
int ipc_send(int fd, const struct ipc_head *head, const void *body, size_t len, const void *more,
	size_t more_len) must_check;

/** As ipc_send, with a descriptor. */
int ipc_send_fd(int fd, const struct ipc_head *head, const void *body, size_t len, int passed)
	must_check;

/** The descriptor that came with a message, or -1. Where several came, all are closed. */
int ipc_passed_fd(struct msghdr *msg);

/** Receives one packet into `buf` (IPC_MAX bytes, aligned for any type). 1: there is one, well-formed; 0: none
 * waits, or so many were malformed that others should have their turn; negative: the socket is gone. What is
 * malformed is dropped with a log line. */
int ipc_receive(int fd, void *buf, struct ipc_message *ret_message) must_check;

/** Whether a request's body has its type's size and sense; for what comes from the gate. */
bool ipc_request_ok(const struct ipc_message *message);

/** Whether the type is one of those that change something. */
bool ipc_is_change(unsigned type);

/** Whether it may be asked without a key. */
bool ipc_is_open(unsigned type);
