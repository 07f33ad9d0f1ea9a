/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the files of the server share. */

#include <microhttpd.h>
#include <pthread.h>

#include "http/server.h"

/* How far a request is. */
enum phase { PHASE_HEAD, PHASE_BODY, PHASE_DISCARD, PHASE_HANDLER, PHASE_ANSWER };

struct connection {
	int fd;
	_Atomic int64_t head_since_us; /* waiting for a request's head since; 0: has one */
	struct connection *next, **prev;
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_app app;
	const struct list *trusted_proxies;
	unsigned head_s;
	bool external, stopping;
	pthread_mutex_t lock; /* the two lists, and `stopping` */
	struct http_request *requests;
	struct connection *connections;
	unsigned n_requests;
};

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
