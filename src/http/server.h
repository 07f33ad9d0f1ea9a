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

/** Who a connection is from, as far as its address tells. */
enum http_welcome {
	HTTP_REFUSED,
	HTTP_STRANGER, /* few of a source, and at most half of all */
	HTTP_KNOWN,    /* a source that has shown a key */
	HTTP_TRUSTED,  /* a proxy, which speaks for many */
};

/** A connection, from its beginning to its end. */
struct http_guest {
	struct cidr peer;
	bool known;  /* when it came */
	bool judged; /* what it did has been welcome, or has had its price; who leaves without is a nuisance */
	int number;  /* the app's */
};

/** What a program adds to the server. `ctx` becomes req->app. Hooks may be NULL. */
struct http_app {
	void *ctx;
	const struct route *routes;
	size_t n_routes;
	const struct http_header *headers; /* of every answer; ends without a name */
	size_t max_body, max_answer, arena_size;
	bool no_405; /* a wrong method is "not found", as on the published node */
	/** Whether a new connection is let in, before anything of it is read. Without this hook all are, in
	 * whatever numbers. */
	enum http_welcome (*greet)(void *ctx, const struct cidr *peer);
	void (*arrived)(void *ctx, struct http_guest *guest);
	void (*departed)(void *ctx, const struct http_guest *guest);
	/** Whether this source may ask at all. Called first. A caller may be set here already. */
	int (*admit)(struct http_request *req, struct err *err);
	/** Sets req->caller or refuses; called when the row's permission is more than ANYONE, before the
	 * body. In the server's thread; must not wait. */
	int (*authenticate)(struct http_request *req, struct err *err);
	/** Whether req->caller has the row's permission. Without this hook only ANYONE passes. */
	int (*authorize)(struct http_request *req, struct err *err);
	/** Calls http_run(req), here or in another thread. NULL: here. False: too busy (503). */
	bool (*dispatch)(struct http_request *req);
	/** Called instead of the row's handler, with everything decoded; calls that. NULL: not needed. */
	int (*handle)(struct http_request *req, struct err *err);
	/** The answer for requests without a route. NULL: 404. */
	void (*no_route)(struct http_request *req);
	/** Writes the body of a failure. NULL: http_problem(). */
	void (*put_error)(struct http_request *req, const struct err *err);
	/** The request is over; `req->status` was sent. */
	void (*done)(const struct http_request *req);
};

/** How slow a client may be; 0: as slow as it likes. http_server_reap() sees to it. */
struct http_pace {
	unsigned tls_s, head_s; /* seconds for the handshake, for a request's head */
	unsigned body_rate;     /* bytes a second of a body, on average after the first five seconds */
	unsigned stranger_idle_s; /* of a kept connection on which nobody showed a key */
};

/** How many there may be, where the app has a `greet`. */
struct http_crowd {
	unsigned max;        /* in all; strangers at most half of it */
	unsigned per_source; /* strangers of an IPv4 address or a /64; of a /48 eight times as many */
};

/* how often http_server_reap() looks, and how many may be on their way out besides those that count */
enum { HTTP_BEAT_MS = 200, HTTP_CLOSING_MAX = 128 };

struct http_conf {
	int listen_fd; /* from http_listen(); the server closes it */
	unsigned threads; /* 0: external loop */
	bool tls; /* with the identity of tls_use(); else plain */
	const struct list *trusted_proxies; /* of struct cidr; must outlive the server */
	unsigned idle_s; /* seconds of silence */
	struct http_crowd crowd;
	struct http_pace pace;
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

/** External loop: does what there is to do, the reaping included. */
void http_server_turn(struct http_server *server);

/** Closes connections that are slower than the pace. For servers with threads: every HTTP_BEAT_MS. */
void http_server_reap(struct http_server *server);

/** Stops accepting, answers what is under way (`grace_ms`), ends streams, frees. */
void http_server_stop(struct http_server *server, int grace_ms);

/** Requests that are under way. */
unsigned http_server_busy(struct http_server *server);
