/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Requests and routes: what handlers of both daemons see of HTTP.
 *
 * A table of routes says everything about a way in. For each request the server
 * does, in this order: limits → source admitted → route found → caller known →
 * permission → body read → input decoded → handler → answer encoded → log line.
 * A handler gets described structs and fills one; it does not parse, format or
 * check rights. Whatever is missing in a row denies.
 */

#include "base/arena.h"
#include "base/cidr.h"
#include "base/field.h"
#include "base/sbuf.h"

struct http_server;
struct http_guest;
struct MHD_Connection;
struct http_stream;

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OTHER, /* what no route has */
};

enum {
	HTTP_PARAMS_MAX = 4,
	HTTP_REQUEST_ID_SIZE = 48,
	HTTP_PERM_NOBODY = 0, /* of a row that says nothing */
	HTTP_PERM_ANYONE = 1, /* no caller needed; the programs' own permissions follow */
};

/** What a handler returns when the answer comes later, by http_finish(). */
enum { HTTP_PENDING = 1 };

enum route_flag {
	ROUTE_LAX = 1 << 0,     /* body and query as the published node takes them */
	ROUTE_NO_AUDIT = 1 << 1, /* for the description only */
	ROUTE_HIDDEN = 1 << 2,  /* not in the API's description */
	/* from here on the app's `authorize` and `handle` see to it */
	ROUTE_REAUTH = 1 << 3,  /* only shortly after the password was given */
	ROUTE_SESSION = 1 << 4, /* only for somebody signed in, not for an API token */
	ROUTE_SECRET = 1 << 5,  /* the answer holds a secret: it is never kept */
};

struct http_request;

struct route {
	enum http_method method;
	const char *path; /* "/peers/{id}" */
	unsigned perm;    /* 0: nobody may */
	unsigned flags, pool;
	int (*handle)(struct http_request *req, struct err *err);
	const struct type *query, *in, *out;
	unsigned status;    /* of success; 0: 200, or 204 without a body */
	size_t max_body;    /* 0: the app's */
	const char *summary; /* one line for the description */
	unsigned scope;      /* the app's own: how the caller's scope limits this way in */
	/** Answers once more, from what is there now, a request that made or changed `id`; NULL: this
	 * cannot be done. Without `out` it is not needed. */
	int (*again)(struct http_request *req, const struct uuid *id, struct err *err);
};

struct http_header {
	const char *name, *value;
	struct http_header *next;
};

struct http_request {
	struct http_server *server;
	void *app; /* the program's own, from its struct http_app */
	const struct route *route;
	enum http_method method;
	const char *method_name, *path;     /* as sent, without the query */
	const char *param[HTTP_PARAMS_MAX]; /* what stood for {…}, decoded */
	struct cidr peer, source; /* who connected; on whose behalf, as trusted proxies say */
	char id[HTTP_REQUEST_ID_SIZE];
	struct arena *arena;
	void *query, *in, *out; /* of the row's types, zeroed; NULL where it has none */
	struct span body;
	void *caller; /* set by the app's `authenticate` */
	struct http_guest *guest; /* whose connection it came on */
	int64_t started_us, answered_us; /* monotonic: head read; answer handed on, or 0 */

	/* the answer */
	unsigned status;
	const char *content_type;
	struct sbuf answer;
	struct http_header *headers;
	const void *static_data; /* instead of `answer`: lives for ever */
	size_t static_len;
	struct http_stream *stream; /* instead of `answer` */
	/** Instead of `answer`: writes the next bytes, at most `max`; 0: that was all. In the server's
	 * thread, while the request lives. */
	size_t (*pull)(struct http_request *req, char *buf, size_t max);

	bool close;                 /* end the connection behind the answer */
	struct err err;             /* of a failed one, for the log */

	/* the server's */
	struct MHD_Connection *connection;
	struct sbuf received;
	unsigned phase;
	bool suspended, answered;
	struct http_request *next, **prev;
};

/** Whether the client has shown a certificate of the authority it was asked for. */
bool http_has_certificate(const struct http_request *req);

/** The first value of a header of the request, or NULL. Valid as long as the request. */
const char *http_header(const struct http_request *req, const char *name);

/** Whether the method may change something. */
static inline bool http_is_unsafe(const struct http_request *req)
{
	return req->method != HTTP_GET && req->method != HTTP_OTHER;
}

/** A cookie's value, or NULL. */
const char *http_cookie(const struct http_request *req, const char *name);

/** The first value of a query parameter, decoded into the arena; NULL: not there, or not decodable. */
const char *http_query(struct http_request *req, const char *name);

/** Adds a header to the answer. Texts are copied; CR and LF end the program (they come from no input).
 * Nothing happens when memory is short. */
void http_set_header(struct http_request *req, const char *name, const char *value);

/** The answer's body, to be written by hand; `content_type` is a constant. */
struct sbuf *http_text(struct http_request *req, const char *content_type);

/** The answer is these bytes, which live for ever. */
void http_static(struct http_request *req, const char *content_type, const void *data, size_t len);

/** Ends a request whose handler returned HTTP_PENDING: from any thread, once. `r` and `err` as a handler
 * would have returned them. */
void http_finish(struct http_request *req, int r, const struct err *err);

/** Decodes input, calls the row's handler and ends the request unless it is pending. For the app's
 * `dispatch`, in whatever thread that chose. */
void http_run(struct http_request *req);

/** Appends the object of a problem+json for `err`. */
void http_put_problem(struct sbuf *out, const struct err *err, const char *request_id);

/** Writes `application/problem+json` (RFC 9457) for `err`. */
void http_problem(struct http_request *req, const struct err *err);
