/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the files of the server share. */

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>

#include "http/server.h"

/* How far a request is. */
enum phase { PHASE_HEAD, PHASE_BODY, PHASE_DISCARD, PHASE_HANDLER, PHASE_ANSWER };

/* How far a connection is. */
enum step {
	STEP_TLS,  /* in its handshake */
	STEP_HEAD, /* a request's head is on its way */
	STEP_BODY, /* a body is */
	STEP_BUSY, /* it is ours: a handler works, or the answer goes out */
	STEP_IDLE, /* kept, and nothing of a next request has come */
};

struct connection {
	struct http_server *server;
	int fd;
	struct http_guest guest;
	gnutls_session_t session; /* NULL: plain */
	uint64_t source, wide;    /* the beginnings of its address that count */
	_Atomic int step;         /* enum step */
	_Atomic int64_t since_us; /* in this step */
	_Atomic uint64_t body_bytes;
	_Atomic uint64_t received; /* when it became idle: bytes of TCP */
	bool has_key, closing;
	struct connection *next, **prev;
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_app app;
	const struct list *trusted_proxies;
	struct http_crowd crowd;
	struct http_pace pace;
	int64_t reaped_us;
	bool external, stopping;
	pthread_mutex_t lock; /* the two lists, what counts them, and `stopping` */
	struct http_request *requests;
	struct connection *connections; /* the newest first */
	unsigned n_requests, n_connections, n_closing;
	_Atomic unsigned n_shaking; /* in their handshake */
};

/*
 * connection.c
 */

/** For libmicrohttpd: MHD_AcceptPolicyCallback, MHD_OPTION_NOTIFY_CONNECTION. */
enum MHD_Result connection_admit(void *ctx, const struct sockaddr *address, socklen_t len);
void connection_changed(void *ctx, struct MHD_Connection *connection, void **slot,
	enum MHD_ConnectionNotificationCode what);

struct connection *connection_of(struct MHD_Connection *connection);

/** The connection is at this step from now on. */
void connection_step(struct connection *conn, enum step step);
void connection_body(struct connection *conn, size_t bytes);

/** Somebody has shown a key on it. */
void connection_has_key(struct http_server *server, struct connection *conn);

/** Finds the row for req->method and req->path and fills req->param. REASON_NOT_FOUND;
 * REASON_METHOD_NOT_ALLOWED (with the Allow header set). */
int route_find(struct http_request *req, const struct http_app *app, struct err *err) must_check;

/** Percent-decodes; `plus` also turns + into a space. False: malformed, or a NUL. */
bool url_decode(struct arena *arena, struct span text, bool plus, const char **ret_text);

/** Refuses heads that libmicrohttpd lets through but that proxies may read otherwise: Content-Length and
 * Transfer-Encoding together, either twice, too many or too large headers. */
int head_check(struct http_request *req, struct err *err) must_check;

/** Who asks: the peer, or what trusted proxies say (X-Forwarded-For from the right, then X-Real-IP). */
void source_find(struct http_request *req, const struct list *trusted);

/** Fills req->query and req->in as the row says. */
int request_decode(struct http_request *req, struct err *err) must_check;

/** Turns a handler's result into status and body. */
void request_answer(struct http_request *req, int r, const struct err *err);

/** Hands the answer to libmicrohttpd; inside the access handler only. */
enum MHD_Result request_queue(struct http_request *req);
