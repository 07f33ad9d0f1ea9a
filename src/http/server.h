/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * An HTTP/1.1 server (libmicrohttpd), with or without TLS (GnuTLS).
 *
 * Either it has threads of its own, and the app's `dispatch` hands requests to
 * others, or it has none and lives in the owner's event loop. Nothing of a body is
 * kept before the caller is known.
 */

#include "http/http.h"

/** What a program adds to the server. `ctx` becomes req->app. Hooks may be NULL. */
struct http_app {
	void *ctx;
	const struct route *routes;
	size_t n_routes;
	const struct http_header *headers; /* of every answer; ends without a name */
	size_t max_body, max_answer, arena_size;
	bool no_405; /* a wrong method is "not found", as on the published node */
	/** Whether this source may ask at all. Called first. */
	int (*admit)(struct http_request *req, struct err *err);
	/** Sets req->caller or refuses; called when the row's permission is more than ANYONE, before the
	 * body. In the server's thread; must not wait. */
	int (*authenticate)(struct http_request *req, struct err *err);
	/** Whether req->caller has the row's permission. Without this hook only ANYONE passes. */
	int (*authorize)(struct http_request *req, struct err *err);
	/** Calls http_run(req), here or in another thread. NULL: here. False: too busy (503). */
	bool (*dispatch)(struct http_request *req);
	/** The answer for requests without a route. NULL: 404. */
	void (*no_route)(struct http_request *req);
	/** Writes the body of a failure. NULL: http_problem(). */
	void (*put_error)(struct http_request *req, const struct err *err);
	/** The request is over; `req->status` was sent. */
	void (*done)(const struct http_request *req);
};

struct http_tls {
	const char *cert_pem, *key_pem;
};

struct http_conf {
	int listen_fd; /* from http_listen(); the server closes it */
	unsigned threads; /* 0: external loop */
	const struct http_tls *tls; /* NULL: plain */
	const struct list *trusted_proxies; /* of struct cidr; must outlive the server */
	unsigned max_connections;
	unsigned idle_s, head_s; /* seconds of silence; seconds for a request's head */
};

/** A listening TCP socket. `address` "" or "::" takes both families, "0.0.0.0" IPv4 only. REASON_CONFIG:
 * in use, or not ours; the message says which. */
int http_listen(const char *address, uint16_t port, int *ret_fd, struct err *err) must_check;

/** Whether `fd` is such a socket for this address and port. */
bool http_listens_at(int fd, const char *address, uint16_t port);

/** Starts serving; `app` and `conf` are copied, what they point at is not. */
int http_server_start(const struct http_conf *conf, const struct http_app *app,
	struct http_server **ret_server, struct err *err) must_check;

/** External loop: the descriptor to poll, and how long to wait at most (ms, -1: for ever). */
int http_server_fd(const struct http_server *server);
int http_server_wait_ms(struct http_server *server);

/** External loop: does what there is to do. */
void http_server_turn(struct http_server *server);

/** Closes connections that have been too slow with their request's head. Once a second. */
void http_server_reap(struct http_server *server);

/** Stops accepting, answers what is under way (`grace_ms`), ends streams, frees. */
void http_server_stop(struct http_server *server, int grace_ms);

/** Requests that are under way. */
unsigned http_server_busy(struct http_server *server);
