/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The keeper: one thread that owns the interface, the store and the addresses.
 *
 * Each turn of its loop takes all waiting requests, applies changes to memory and to one
 * transaction, commits once, sends one batch to the device, and answers when the device
 * has confirmed. Memory is never ahead of what a crash would leave, but for the batch
 * that is open; an undo list takes that back when the commit fails.
 */

#include <sys/queue.h>

#include "node/commands.h"
#include "node/conf.h"
#include "node/import/names.h"
#include "node/ipc.h"
#include "node/keeper/keyring.h"
#include "node/keeper/pool.h"
#include "node/keeper/store.h"
#include "node/keeper/traffic.h"
#include "node/keeper/witness.h"
#include "node/usage.h"
#include "wg/nft.h"
#include "wg/wgdev.h"

struct keeper;
struct bulk;       /* bulk.c */
struct gathering;  /* bulk.c */
struct drift_page; /* drift.c */
struct drift_case; /* drift.c */

/** One change on its way: validated, durable, on the device, answered. */
struct op {
	uint64_t id; /* of the request; 0: nobody waits (an expiry) */
	unsigned type;
	struct uuid peer;
	struct wgkey key;              /* on the device; for a removal, what must be gone */
	bool made;                     /* a new peer: taken back when the device refuses it */
	bool removes;                  /* answered after a read-back */
	bool off_device;               /* of no peer: answered when it is durable */
	int64_t generation, revision;
	enum peer_op kind;        /* for the log and the metrics, as all up to `origin`; N_PEER_OPS: of no peer */
	bool changed, durable;    /* the store is another one; and it is on disk */
	int64_t since_us;
	struct cidr address[2];   /* of a removal */
	struct ipc_origin origin; /* who asked */
	struct author author;
	struct wgdev_change changes[2]; /* old key away, new state */
	unsigned n_changes;
	int r; /* what the device said */
	struct err err;
	void *reply; /* what it will be answered with, as of this change; wiped */
	size_t reply_len;
	const char *action; /* of a decision about drift, for the log */
	struct bulk *bulk; /* NULL: an answer of its own */
	uint32_t index;    /* … else its place there */
	STAILQ_ENTRY(op) link;
};

STAILQ_HEAD(op_list, op);

/** Ops that were committed together and are at the device together. */
struct batch {
	uint64_t ticket;
	struct op_list ops;
	TAILQ_ENTRY(batch) link;
};

/** Somebody who waits for a reading of the device that began at or after a moment. */
struct waiter {
	int64_t since_us; /* monotonic */
	uint64_t id;
	unsigned type;
	union { /* of a read request, as received */
		struct ipc_range range;
		struct ipc_id peer;
	} body;
	int64_t caller; /* number of the API key that asks */
	struct op *op;    /* a removal to confirm; owned */
	struct drift_page *page; /* of IPC_DRIFT; owned */
	struct drift_case *kase; /* of IPC_DRIFT_ACT; owned */
	struct wgkey key; /* looked out for during the reading */
	bool watches, seen, in_dump;
	struct waiter *same; /* another one with this key */
	TAILQ_ENTRY(waiter) link;
};

TAILQ_HEAD(waiter_list, waiter);

/** An answer that did not fit into the socket. */
struct outgoing {
	size_t len;
	STAILQ_ENTRY(outgoing) link;
	uint8_t bytes[];
};

/** A list on its way out, made chunk by chunk. */
struct lister {
	uint64_t id;
	unsigned type;
	int64_t after, left;
	struct timestamp last_created; /* IPC_LIST: behind this peer */
	struct uuid last_id;
	int64_t skip;
	size_t slot; /* IPC_COUNTERS: place in the order */
	uint64_t total;
	STAILQ_ENTRY(lister) link;
	struct peer_metrics records[]; /* IPC_METRICS: all there are; `slot` and `left` of them */
};

/** How to take a change in memory back. */
struct undo {
	struct peer *peer; /* as it is now */
	struct peer *before; /* a copy, or NULL: it was not there */
	bool removed;
	STAILQ_ENTRY(undo) link;
};

enum device_state {
	DEVICE_AWAY,    /* no interface, or not answering */
	DEVICE_READING, /* it is there; reading what it has */
	DEVICE_SETTING, /* being brought in line */
	DEVICE_READY,
};

enum { KEEPER_LISTING_MAX = 4 };

/** The files of the TLS key, as they were when they were last looked at. */
struct renewal {
	struct arena *arena; /* of the texts in use, where they did not come with the configuration */
	uint64_t seen;       /* of the files' sizes, times and numbers */
	int64_t next_us;     /* monotonic; 0: there is nothing to look at */
	bool unsent;         /* the gate could not take it; it is offered again */
};

struct keeper {
	struct node_conf conf;
	struct arena *arena; /* the configuration's */
	struct keyring keys, committed_keys;
	struct key_uses key_uses;
	struct witness witness, committed_witness;
	struct import_names *names; /* what wg-quick's file says */
	struct digest metrics_token;
	bool key_in_file; /* the configuration names an API key; the key itself has been forgotten */
	struct store *store;
	struct peers peers;
	struct pool pools[2];
	unsigned n_pools;
	struct timestamp started_at;
	char host[IPC_NAME_SIZE];
	const char *cert_pem, *key_pem, *client_ca_pem;
	int listen_fd;
	struct renewal renewal;

	/* the device */
	struct wgdev *dev, *dead_dev; /* the latter is freed outside of its own events */
	enum device_state state;
	enum wgdev_backend backend;
	struct wgkey private_key, public_key;
	uint16_t listen_port;
	uint64_t dumps; /* begun so far; the number of the running or last one */
	uint64_t read_dump; /* the last good one's */
	int64_t dump_began_us, read_us; /* monotonic: the running one's, the last good one's */
	struct timestamp dump_began_at, read_at;
	uint64_t device_peers, own_peers, unmanaged, altered, missing, active, connected;
	struct wgkey *strangers; /* of the running reading: keys to be removed */
	size_t n_strangers, strangers_room;
	struct uuid *todo; /* while DEVICE_SETTING: peers to be put on the device */
	size_t n_todo, todo_room, todo_at;
	bool unknown; /* a change timed out: read before anything else is changed */
	uint64_t tickets;
	bool key_known; /* private_key has been chosen */
	int64_t retry_us; /* when to look for an absent device again */
	struct nft_rules rules;
	struct nft_verdict forwarding;
	int64_t forwarding_us;

	/* what is counted and told */
	struct node_metrics metrics;
	struct traffic traffic;
	uint64_t stale;                  /* of the running reading */
	uint64_t suspended, quarantined; /* at `counted_revision` */
	int64_t counted_revision, hurried_us;
	bool warned_ended, commit_failed;
	struct err device_err; /* why the device is away */
	struct usage usage; /* of the keeper */
	int metrics_fd;        /* listening, or -1 */

	/* what is under way */
	struct op_list staged;
	STAILQ_HEAD(, undo) undo;
	TAILQ_HEAD(, batch) batches;
	struct waiter_list waiters;
	struct waiter_list deferred; /* reads that came behind a change of the same turn */
	struct waiter_list decisions; /* about differences, with the reading they need */
	struct waiter *listing[KEEPER_LISTING_MAX]; /* waiters of the running reading with a page */
	unsigned n_listing;
	struct map watched; /* waiters of the running reading, one per key */
	struct gathering *gathering; /* pieces of a batch, so far */
	unsigned n_bulks;
	STAILQ_HEAD(, outgoing) outbox;
	size_t n_outbox;
	STAILQ_HEAD(, lister) listers;
	unsigned n_asked; /* requests that have no answer yet */
	int64_t greeted_us; /* the second in which the gate has greeted so often */
	unsigned n_greeted;

	int epoll_fd, ipc_fd, timer_fd, signal_fd, link_fd;
	int64_t timer_us; /* what the timer is set to */
	bool ipc_writable, dev_watched, stopping;
	int exit_status;
};

enum {
	KEEPER_EXIT_CONFIG = 78, /* EX_CONFIG: do not try again */
	KEEPER_EXIT_STORE = 75,  /* EX_TEMPFAIL: start anew, verify, go on */
	KEEPER_READ_AGE_US = 1000000,
	KEEPER_ASKED_MAX = 8192, /* more than a gate ever asks at once */
	TICKET_NOBODY = 0, /* nobody waits */
	TICKET_SET = 1,    /* device_reconcile()'s own */
	TICKET_FIRST = 2,
};

/** Everything, until told to stop. Returns the process' exit status. */
int keeper_main(const struct command_line *line, int ipc_fd);

/** Sends the gate what it needs to serve; `with_socket`: the listening socket too. False: not now. */
bool keeper_send_setup(struct keeper *k, bool with_socket);

/** The loop's eye on the device's descriptor. */
void keeper_watch_device(struct keeper *k);
void keeper_unwatch_device(struct keeper *k);

/*
 * start.c
 */

/** Opens configuration, keys, store and socket. */
int keeper_start(struct keeper *k, const struct command_line *line, struct err *err) must_check;

/** Keeps CAP_NET_ADMIN, the state directory, and what else it will need; nothing more. */
int keeper_contain(const struct keeper *k, struct err *err) must_check;

/** Sends the gate the keys that are in force. */
void keeper_tell_keys(struct keeper *k);

/*
 * quarantine.c: peers whose addresses are not ones that this configuration gives
 */

/** Claims those of a peer's addresses that a peer can have here. REASON_ADDRESS_IN_USE: another has one;
 * REASON_NO_MEMORY. */
int quarantine_claim(struct keeper *k, struct peer *peer, struct err *err) must_check;

/** Takes that back. */
void quarantine_unclaim(struct keeper *k, struct peer *peer);

/** Why a peer cannot be on the device (enum node_quarantine), or 0. */
int quarantine_reason(struct keeper *k, const struct peer *peer);

/** To be called when the store has been read: who fits again comes back. Who does not is kept off the
 * device if `accept`; otherwise they are listed in the log: REASON_CONFIG. */
int quarantine_settle(struct keeper *k, bool accept, struct err *err) must_check;

/** REASON_PEER_QUARANTINED. */
int quarantine_refuse(const struct peer *peer, struct err *err);

/*
 * offers.c: wg-quick's file of the interface
 */

/** Reads it, and says where config.yaml says something else. REASON_NO_MEMORY. */
int offers_read(struct keeper *k, struct err *err) must_check;

/** Whether a peer of the file can be adopted still: nobody has or had its key here. */
bool offers_has(struct keeper *k, const struct import_peer *peer);

/** As import_peer_next(), but those only that can be adopted and that the last reading of the device did not
 * have. */
const struct import_peer *offers_next(struct keeper *k, size_t *i);

/** A peer of the file as a reading would have it: what is not in the file is zero. */
void offers_seen(const struct import_peer *peer, struct wgdev_peer *ret_seen);

/** Keeps the addresses of its peers for them; to be called when the store has been read. */
int offers_hold(struct keeper *k, struct err *err) must_check;

/** Gives up what is kept for the file's peer with this key, because it is about to become one of ours. */
void offers_yield(struct keeper *k, const struct wgkey *key);

/*
 * import.c: the published node's store
 */

/** Takes over what stands at wireguard.peer_store_file, once, in one transaction; the file is only read.
 * With `accept_subnet_change` peers outside the subnets come into quarantine. REASON_CONFIG: some of it
 * cannot be taken (each record is told in the log, and nothing was changed); REASON_BUSY: the
 * published node is running; REASON_FOREIGN, REASON_STORE_CORRUPT, and the store's own. */
int import_published(struct keeper *k, bool accept_subnet_change, struct err *err) must_check;

/*
 * inventory.c: mode: inventory
 */

bool keeper_only_looks(const struct keeper *k);

/** A reading is there: takes note of what is, and touches nothing. */
void inventory_take(struct keeper *k, const struct wgdev_interface *interface);

/*
 * renew.c: certificates that change while we run
 */

/** Reads the TLS key as the configuration says, and checks it. */
int renew_open(struct keeper *k, struct err *err) must_check;

/** Looks whether the files have changed, and when a usable pair is there hands it to the gate. `now`: also
 * when they look the same. */
void renew_check(struct keeper *k, bool now);

void renew_done(struct keeper *k);

/*
 * changes.c: requests that change something
 */

/** Validates and stages; what is wrong is answered at once. */
void keeper_change(struct keeper *k, const struct ipc_message *message, const struct author *author);

/** The same for one whose op is made already and becomes the callee's; it is answered whatever happens.
 * Negative, with `err`: what was staged before it has been given up along with it. */
int change_stage(struct keeper *k, struct op *op, const void *body, struct err *err);

/** Whether `id` may have this key: nobody else has it, and nobody had it before. REASON_INVALID_KEY,
 * REASON_KEY_IN_USE. */
int change_check_key(struct keeper *k, const struct wgkey *key, const struct uuid *id, struct err *err)
	must_check;

/** REASON_PEER_ENDED where there is a tombstone. */
int change_check_id(struct keeper *k, const struct uuid *id, struct err *err) must_check;

/** REASON_DEVICE_AWAY while the device cannot be changed. */
int change_check_device(const struct keeper *k, struct err *err) must_check;

/** REASON_GENERATION. */
int change_check_generation(const struct peer *peer, int64_t generation, struct err *err) must_check;

/** REASON_INVALID_EXPIRES_AT for what is over already; 0 is never. */
int change_check_expiry(int64_t expires_us, struct err *err) must_check;

/** A new peer without addresses, nowhere yet. */
int change_make_peer(struct keeper *k, const struct uuid *id, const struct wgkey *key,
	struct peer **ret_peer, struct err *err) must_check;

int change_set_label(struct peer *peer, const char *label, struct err *err) must_check;

/** Takes the peer into memory, batch and store; on failure it is freed and nowhere. */
int change_enter(struct keeper *k, struct peer *peer, const struct author *author, struct err *err)
	must_check;

/** Tells the device, with this change, what a peer is to be / that a key is to go. */
void change_put(struct op *op, const struct peer *peer);
void change_remove(struct op *op, const struct wgkey *key);

/** What the op is answered with. */
int change_reply(struct op *op, const void *reply, size_t len, struct err *err) must_check;
int change_reply_peer(struct op *op, const struct peer *peer, struct err *err) must_check;

/** Stages the end of a peer that has expired. */
void keeper_expire(struct keeper *k, struct peer *peer);

/*
 * batch.c: from staged to answered
 */

/** `author` may be NULL: the node itself. */
struct op *op_new(uint64_t id, unsigned type, const struct uuid *peer, const struct author *author);
void op_free(struct op *op);
DEFINE_FREEP(struct op, op_free);

/** Answers, alone or as a part of its batch. The op stays the caller's. */
void op_answer(struct keeper *k, struct op *op, const void *record, size_t len);
void op_fail(struct keeper *k, struct op *op, const struct err *err);

/** Puts an op that has nothing left to check into the open batch. */
void batch_stage(struct keeper *k, struct op *op);

/** Remembers a peer as it was before it is changed (or `removed`); with `before` NULL it is new. */
int batch_remember(struct keeper *k, struct peer *peer, bool is_new, bool removed, struct err *err)
	must_check;

/** The change that batch_remember() was last called for has not been made after all. */
void batch_unremember(struct keeper *k);

/** Commits what is staged, sends it to the device. */
void batch_commit(struct keeper *k);

/** Gives up what is staged: nothing of it is kept. */
void batch_abort(struct keeper *k, const struct err *err);

/** A removal has been seen by a reading that began `at`. */
void batch_confirmed(struct keeper *k, struct op *op, struct timestamp at);

/** It has not: the key was still there, or nothing could be read. */
void batch_unconfirmed(struct keeper *k, struct op *op, const struct err *err);

/** The device's answers. */
void batch_applied(struct keeper *k, uint64_t ticket, int r, const struct err *err);
void batch_refused(struct keeper *k, uint64_t ticket, size_t index, const struct err *err);

/** Ends everything that is at the device with this error. */
void batch_fail_all(struct keeper *k, const struct err *err);

/*
 * bulk.c: batches, many changes in one request
 */

/** Takes a piece; the last one starts the whole. */
void bulk_take(struct keeper *k, const struct ipc_message *message, const struct author *author);

/** What a gate that is gone has sent of a batch is forgotten. */
void bulk_forget(struct keeper *k);

/** An outcome; the last one answers the request. */
void bulk_done(struct keeper *k, struct bulk *bulk, uint32_t index, const struct ipc_result *result);

/*
 * drift.c: differences between store and device
 */

/** A waiter for the next reading, which lists differences, or decides about one. */
void drift_ask(struct keeper *k, const struct ipc_message *message, const struct author *author);

/** A reading begins, anew perhaps; this waiter is part of it. */
void drift_begin(struct keeper *k, struct waiter *waiter);

/** The reading has the peer that a decision is about. */
void drift_note(struct waiter *waiter, const struct wgdev_peer *seen);

/** A peer of the running reading that is not as it should be: a stranger (`peer` NULL or suspended), or an
 * altered one. */
void drift_seen(struct keeper *k, const struct wgdev_peer *seen, const struct peer *peer);

/** The reading is over: a list is answered, a decision waits for drift_decide(). Takes the waiter. */
void drift_serve(struct keeper *k, struct waiter *waiter, int r, const struct err *err);

/** Stages what a decision, with the reading it needed, comes to (`body` is a struct drift_case). */
int drift_settle(struct keeper *k, const void *body, struct op *op, struct err *err) must_check;

/** Stages what was decided. Not from within an event of the device: a batch may be open for longer than
 * one. */
void drift_decide(struct keeper *k);

/** Frees a waiter and what it has of ours. */
void waiter_free(struct waiter *waiter);

/** In what the device has it otherwise: a bit of each enum node_drift_what, or 0. */
unsigned drift_differs(const struct peer *peer, const struct wgdev_peer *seen);

/** Whether what the running reading says of a peer counts: nothing about it was under way meanwhile. */
bool drift_is_settled(const struct keeper *k, const struct peer *peer);

/** Whether the running reading should have had this peer and has not. */
bool drift_is_missing(const struct keeper *k, const struct peer *peer);

/*
 * reads.c: requests that only ask
 */

void keeper_read(struct keeper *k, const struct ipc_message *message, const struct author *author);

/** Answers what came behind a change, now that it is durable. */
void keeper_read_deferred(struct keeper *k);

/** Answers a waiter after its reading, or without one (`r` negative). */
void read_serve(struct keeper *k, struct waiter *waiter, int r, const struct err *err);

/** Peers that the smallest pool a default peer needs can hold. */
uint64_t reads_possible(const struct keeper *k);

/** Suspended peers; counted anew only when the store has changed. */
uint64_t reads_suspended(struct keeper *k);

/** Makes further chunks of lists while the socket takes them. */
void keeper_pump(struct keeper *k);

/*
 * dump.c: readings of the device, and those who wait for them
 */

/** Waits for a reading begun at or after `since_us`. Takes the waiter; fails it without memory. */
void dump_wait(struct keeper *k, struct waiter *waiter);

/** Starts a reading when somebody waits for one. */
void dump_start(struct keeper *k);

/** What the running reading has told does not count: it begins anew. */
void dump_again(struct keeper *k);

void dump_peer(struct keeper *k, const struct wgdev_peer *peer);
void dump_done(struct keeper *k, const struct wgdev_interface *interface, int r,
	const struct err *err);

/** Answers every waiter with this error. */
void dump_fail_all(struct keeper *k, const struct err *err);

/*
 * device.c: the interface itself
 */

/** Looks for the interface, makes it where the kernel can, sets it up. */
void device_try(struct keeper *k);

/** It is gone. */
void device_lost(struct keeper *k, const struct err *err);

/** A first reading is there: brings the device in line with the store. */
void device_reconcile(struct keeper *k, const struct wgdev_interface *interface);

/** Reads forwarding again when the last reading is old. */
void device_check_forwarding(struct keeper *k);

/** A peer of a reading that is not one of ours to have there. */
void device_stranger(struct keeper *k, const struct wgdev_peer *seen);

/** The device's answer to one of device_reconcile()'s own changes. */
void device_set(struct keeper *k, int r, const struct err *err);

/** What a peer is to be on the device. */
void device_change_of(const struct peer *peer, struct wgdev_change *ret_change);

/** Notes addresses of a stranger, so that nobody is given them. */
void device_foreign(struct keeper *k, const struct wgdev_peer *seen);

extern const struct wgdev_events device_events;

/*
 * answer.c
 */

struct ipc_meta answer_meta(const struct keeper *k);
void answer(struct keeper *k, uint64_t id, uint32_t flags, const void *body, size_t len,
	const void *more, size_t more_len);

/** Sends the gate something it has not asked for. */
void answer_unasked(struct keeper *k, enum ipc_type type, const void *body, size_t len);
void answer_records(struct keeper *k, uint64_t id, const void *records, size_t len, size_t n);
void answer_error(struct keeper *k, uint64_t id, const struct err *err);
void answer_fill_error(struct ipc_error *ret_record, const struct err *err);
void answer_flush(struct keeper *k);

/** A live peer as it goes out. */
void answer_peer(const struct peer *peer, struct ipc_peer *ret_record);

/*
 * identity.c
 */

/** The interface's private key: state directory, else `device` (all zero: none), else wg-quick's file,
 * else new; kept in the state directory from then on. `ret_source` says which. REASON_CONFIG also
 * where there is such a file and no key can be had from it: a new one would shut all clients out. */
int identity_interface_key(const struct node_conf *conf, const struct wgkey *device,
	const struct import_names *names, struct wgkey *ret_key, const char **ret_source,
	struct err *err) must_check;

/** The TLS key and certificate of the configuration's mode; made at first use with `auto`; both NULL with
 * `off`. */
int identity_tls(const struct node_conf *conf, const char *host, const char **ret_cert_pem,
	const char **ret_key_pem, struct arena *arena, struct err *err) must_check;

/** The certificates of those who may connect (server.client_ca), or NULL where all may. */
int identity_client_ca(const struct node_conf *conf, const char **ret_pem, struct arena *arena,
	struct err *err) must_check;

/** Makes the state directory (0700) where it is missing. */
int identity_state_dir(const struct node_conf *conf, struct err *err) must_check;
