/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The gate: HTTP for the keeper, without any of its privileges.
 *
 * One thread: libmicrohttpd in our own loop beside the socketpair. A handler turns its
 * request into a message and leaves it pending; the keeper's answer finds it again by
 * number. The gate knows the HTTPS key and the digest of the API key, nothing else.
 */

#include "base/map.h"
#include "http/limit.h"
#include "http/server.h"
#include "node/gate/scraper.h"
#include "node/ipc.h"

enum {
	GATE_PERM_KEY = HTTP_PERM_ANYONE + 1, /* a valid API key */
	GATE_PENDING_MAX = 4096,
	GATE_TIMEOUT_US = 15000000,
	GATE_ELSEWHERE_US = 60000000,
	GATE_PROBE_US = 5000000, /* of what asks how we are: it gives up after 10 s, usually */
};

struct gate;
struct pending;

/** What becomes of the keeper's answer: called for each message of it, `more` for all but the last. The
 * records stand behind the meta. Returns 0, or negative with `err`. */
typedef int gate_on_answer(struct pending *pending, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err);

/** A request that the keeper has. */
struct pending {
	uint64_t id;
	struct http_request *req;
	gate_on_answer *on_answer;
	int64_t since_us, patience_us;
	size_t n_sent;  /* records written so far */
	int64_t last;   /* revision of the last of them */
	bool is_change;
	struct pending *next; /* in the order of their coming */
	struct pending *prev;
};

struct gate {
	int ipc_fd, listen_fd;
	struct http_server *server;
	struct ipc_setup *setup; /* as the keeper sent it; wiped */
	struct list allowed, trusted;
	struct limiter *limiter;
	struct map pending; /* by id */
	struct pending *oldest, *newest;
	uint64_t last_id;
	int64_t elsewhere_us; /* when a key was last seen to be used where it may not */
	bool debug, stopping;
	struct http_meters meters; /* of the API */
	int64_t authenticated_us;  /* monotonic: the last request with a valid key; 0: none yet */
	struct scraper scraper;
};

/** Serves until told to stop. `sources`: gate_sources_size() bytes, zero or an earlier gate's. Returns the
 * process' exit status. */
int gate_main(int ipc_fd, void *sources);

/*
 * lock_up.c
 */

/** Becomes another user and gives up everything that serving does not need. */
int gate_contain(struct err *err) must_check;

/*
 * guard.c: who may connect, and how often ask
 */

size_t gate_sources_size(void);
struct limiter *guard_new(void *sources);

/* hooks of the server; `ctx` is the gate */
enum http_welcome guard_greet(void *ctx, const struct cidr *peer);
void guard_arrived(void *ctx, struct http_guest *guest);
void guard_departed(void *ctx, const struct http_guest *guest);

/** The request has shown a valid key. */
void guard_knows(struct gate *gate, const struct http_request *req);

/** It has shown none: whether it may ask all the same. REASON_RATE_LIMITED. */
int guard_admit(struct gate *gate, struct http_request *req, struct err *err) must_check;

/** It was refused for want of a valid key. */
void guard_refused(struct gate *gate, const struct http_request *req);

/** Sends a request of `type` to the keeper and leaves `req` pending. HTTP_PENDING, or REASON_BUSY,
 * REASON_KEEPER_AWAY. */
int gate_ask(struct http_request *req, enum ipc_type type, const void *body, size_t len,
	gate_on_answer *on_answer, struct err *err) must_check;

/** The same for a request that is more than one message: `piece` sends number `i` of them by ipc_send() with
 * the given head and returns as that does; there are `n_pieces`, at least one. If one cannot be sent the request
 * has not been made: the keeper acts on the last one only. */
int gate_ask_pieces(struct http_request *req, enum ipc_type type, size_t n_pieces,
	int (*piece)(int fd, const struct ipc_head *head, const void *ctx, size_t i), const void *ctx,
	gate_on_answer *on_answer, struct err *err) must_check;

/** What the keeper says is wrong. Returns as err_set(). */
int gate_error(const struct ipc_error *in, struct err *err);

/** Ends a request that the keeper had. */
void gate_finish(struct gate *gate, struct pending *p, int r, const struct err *err);

/** Gives up every request: the keeper that had them is gone; or those that have waited too long. */
void gate_give_up_all(struct gate *gate);
void gate_give_up_old(struct gate *gate);

/** keys.c: the key that a request shows, if it may be used, as digest in the request's arena. */
const struct digest *gate_find_key(struct gate *gate, struct http_request *req, const char *key);

extern const struct route gate_routes[];
extern const size_t gate_n_routes;

/** compat.c: bodies of failures, and answers without a route, on the published surface. */
void compat_put_error(struct http_request *req, const struct err *err);
void compat_no_route(struct http_request *req);

/** Whether a request is on the native surface. */
bool gate_is_native(const struct http_request *req);

/** The node's record behind a meta, checked; NULL and `err` when it is malformed. */
const struct ipc_node *gate_node(const void *records, size_t len, struct err *err);

/** The i-th peer behind a meta, or NULL when there is none (or it is malformed). */
const struct ipc_peer *gate_peer(const void *records, size_t len, size_t i);
