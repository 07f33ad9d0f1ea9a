/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/parse.h"
#include "http/internal.h"
#include "http/stream.h"
#include "http/tls.h"
#include "log/log.h"

enum {
	CONNECTION_MEMORY = 24 * 1024, /* head, and one read's worth of body */
	DISCARD_MAX = 1024 * 1024,     /* of a body that is too large, to answer in peace */
	HANDSHAKE_NAP_MS = 2,
};

/*
 * One request's way through libmicrohttpd's access handler, which is called once
 * with the head, then with pieces of the body, then without any: again and again
 * while the request is suspended and resumed.
 */

static void fail_now(struct http_request *req, const struct err *err)
{
	request_answer(req, -(int)err_class(err->reason), err);
	req->answered = true;
}

static bool has_body(const struct http_request *req)
{
	const char *length = http_header(req, "Content-Length");

	return http_header(req, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static size_t body_limit(const struct http_request *req)
{
	return req->route->max_body ? req->route->max_body : req->server->app.max_body;
}

/* Everything that is decided by the head alone. */
static int check_head(struct http_request *req, struct err *err)
{
	const struct http_app *app = &req->server->app;
	const char *length;
	uint64_t bytes;
	int r = head_check(req, err);

	if (r >= 0 && app->admit)
		r = app->admit(req, err);
	if (r >= 0)
		r = route_find(req, app, err);
	if (r < 0)
		return r;
	if (req->route->perm == HTTP_PERM_NOBODY)
		return err_set(err, REASON_FORBIDDEN, NULL, "nobody may do this");
	if (req->route->perm != HTTP_PERM_ANYONE && app->authenticate)
		r = app->authenticate(req, err);
	if (r >= 0 && req->route->perm != HTTP_PERM_ANYONE)
		r = app->authorize ? app->authorize(req, err)
				   : err_set(err, REASON_FORBIDDEN, NULL, "nobody may do this");
	if (r < 0)
		return r;
	length = http_header(req, "Content-Length");
	if (length && !parse_u64(span_of(length), body_limit(req), &bytes))
		return err_set(err, REASON_TOO_LARGE, NULL, "the body is larger than %zu bytes",
			body_limit(req));
	return 0;
}

/* Who is still sending may not look at an answer. So a body that is too large, of somebody who has shown a
 * key, is read away first, unless it is beyond all bounds, or waits to be asked for. */
static bool is_discardable(const struct http_request *req, const struct err *err)
{
	const char *length = http_header(req, "Content-Length");
	uint64_t bytes;

	return err->reason == REASON_TOO_LARGE && req->caller && length &&
	       parse_u64(span_of(length), DISCARD_MAX, &bytes) && !http_header(req, "Expect");
}

static enum MHD_Result begin(struct http_request *req)
{
	struct connection *conn = connection_of(req->connection);
	struct err err;
	int r = check_head(req, &err);

	if (req->caller)
		connection_has_key(req->server, conn);
	if (r < 0) {
		if (err.reason == REASON_NOT_FOUND && !req->route && req->server->app.no_route) {
			req->server->app.no_route(req);
			req->answered = true;
		} else {
			fail_now(req, &err);
		}
		/* an answer that is queued here ends the connection, as it must where a body comes that
		 * nobody will read; else it waits for the next call */
		req->close |= has_body(req);
		if (is_discardable(req, &err)) {
			req->phase = PHASE_DISCARD;
			connection_step(conn, STEP_BODY);
			return MHD_YES;
		}
		return req->close ? request_queue(req) : MHD_YES;
	}
	req->received.max = body_limit(req);
	req->phase = PHASE_BODY;
	connection_step(conn, STEP_BODY);
	return MHD_YES;
}

static enum MHD_Result take_body(struct http_request *req, const char *data, size_t *len)
{
	struct err err;

	connection_body(connection_of(req->connection), *len);
	if (req->phase == PHASE_BODY) {
		sbuf_add(&req->received, data, *len);
		if (req->received.failed) {
			sbuf_wipe(&req->received);
			err_set(&err, REASON_TOO_LARGE, NULL, "the body is larger than %zu bytes",
				body_limit(req));
			fail_now(req, &err);
			req->phase = PHASE_DISCARD;
			req->close = true;
		}
	} else {
		req->received.len += *len; /* only counted */
		if (req->received.len > DISCARD_MAX)
			return MHD_NO;
	}
	*len = 0;
	return MHD_YES;
}

static void suspend(struct http_request *req)
{
	req->suspended = true;
	MHD_suspend_connection(req->connection);
}

/* The body is here. Where others run handlers, the connection sleeps before they may know the request. */
static enum MHD_Result handle(struct http_request *req)
{
	struct http_server *server = req->server;
	struct err err;

	req->phase = PHASE_HANDLER;
	connection_step(connection_of(req->connection), STEP_BUSY);
	if (server->app.dispatch) {
		suspend(req);
		if (!server->app.dispatch(req)) {
			err_set(&err, REASON_BUSY, NULL, "too many requests are waiting; try again");
			http_finish(req, -ERR_UNAVAILABLE, &err);
		}
		return MHD_YES;
	}
	http_run(req);
	if (req->answered)
		return request_queue(req);
	suspend(req);
	return MHD_YES;
}

static enum MHD_Result continue_request(struct http_request *req, const char *data, size_t *len)
{
	if (req->phase == PHASE_ANSWER)
		return MHD_YES;
	if (*len)
		return take_body(req, data, len);
	if (req->answered)
		return request_queue(req);
	return req->phase == PHASE_BODY ? handle(req) : MHD_YES;
}

static void answer_ready(struct http_request *req)
{
	req->answered = true;
	if (!req->suspended)
		return; /* inside the access handler, which looks at `answered` */
	req->suspended = false;
	MHD_resume_connection(req->connection);
}

void http_finish(struct http_request *req, int r, const struct err *err)
{
	request_answer(req, r, err);
	answer_ready(req);
}

void http_run(struct http_request *req)
{
	struct err err = { 0 };
	int r = request_decode(req, &err);

	if (r >= 0)
		r = req->server->app.handle ? req->server->app.handle(req, &err)
					    : req->route->handle(req, &err);
	if (r != HTTP_PENDING)
		http_finish(req, r, &err);
}

/*
 * Requests: made with the head, gone with the answer
 */

static void choose_id(struct http_request *req)
{
	const char *given = http_header(req, "X-Request-Id");
	struct uuid id;

	/* the client's own, letter by letter, when it is a UUID v4 */
	if (given && uuid_parse_lax(span_of(given), &id) && uuid_is_v4(&id)) {
		snprintf(req->id, sizeof req->id, "%s", given);
		for (char *c = req->id; *c; c++)
			if (*c <= ' ' || *c > '~')
				*c = '_'; /* the lax forms take any byte for a brace */
		return;
	}
	uuid_make_v4(&id);
	uuid_format(req->id, &id);
}

static enum http_method method_of(const char *name)
{
	static const char *const names[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	for (unsigned i = 0; i < N_ELEMENTS(names); i++)
		if (!strcmp(names[i], name))
			return (enum http_method)i;
	return HTTP_OTHER;
}

static void link_request(struct http_server *server, struct http_request *req)
{
	pthread_mutex_lock(&server->lock);
	req->next = server->requests;
	req->prev = &server->requests;
	if (req->next)
		req->next->prev = &req->next;
	server->requests = req;
	server->n_requests++;
	pthread_mutex_unlock(&server->lock);
}

static void unlink_request(struct http_server *server, struct http_request *req)
{
	pthread_mutex_lock(&server->lock);
	*req->prev = req->next;
	if (req->next)
		req->next->prev = req->prev;
	server->n_requests--;
	pthread_mutex_unlock(&server->lock);
}

static struct http_request *request_new(struct http_server *server,
	struct MHD_Connection *connection, const char *url, const char *method)
{
	struct connection *conn = connection_of(connection);
	struct http_request *req = conn ? calloc(1, sizeof *req) : NULL;

	if (!req)
		return NULL;
	req->arena = arena_new(server->app.arena_size);
	if (!req->arena) {
		free(req);
		return NULL;
	}
	req->server = server;
	req->guest = &conn->guest;
	req->app = server->app.ctx;
	req->connection = connection;
	req->method = method_of(method);
	req->method_name = req->method == HTTP_OTHER ? "other" : method;
	req->path = url;
	req->started_us = time_monotonic_us();
	req->answer = (struct sbuf)SBUF_INIT(server->app.max_answer);
	req->received = (struct sbuf)SBUF_INIT(0);
	req->peer = conn->guest.peer;
	connection_step(conn, STEP_BUSY);
	source_find(req, server->trusted_proxies);
	choose_id(req);
	link_request(server, req);
	return req;
}

static enum MHD_Result access_handler(void *ctx, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	struct http_request *req = *slot;

	(void)version;
	if (req)
		return continue_request(req, data, len);
	req = request_new(ctx, connection, url, method);
	if (!req)
		return MHD_NO;
	*slot = req;
	return begin(req);
}

static void completed(void *ctx, struct MHD_Connection *connection, void **slot,
	enum MHD_RequestTerminationCode how)
{
	struct http_server *server = ctx;
	struct connection *conn = connection_of(connection);
	struct http_request *req = *slot;

	(void)how;
	if (!req)
		return;
	*slot = NULL;
	if (req->route && req->route->perm == HTTP_PERM_ANYONE)
		req->guest->judged = true;
	if (server->app.done)
		server->app.done(req);
	unlink_request(server, req);
	sbuf_wipe(&req->received);
	sbuf_wipe(&req->answer);
	arena_free(req->arena);
	free(req);
	connection_step(conn, STEP_IDLE); /* kept, perhaps: then it is not slow */
}

/*
 * The daemon
 */

/* Paths and parameters stay as they were sent; routes are found on the raw text. */
static size_t keep_escapes(void *ctx, struct MHD_Connection *connection, char *text)
{
	(void)ctx;
	(void)connection;
	return strlen(text);
}

static void log_mhd(void *ctx, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void log_mhd(void *ctx, const char *fmt, va_list ap)
{
	char text[256];

	(void)ctx;
	vsnprintf(text, sizeof text, fmt, ap);
	log_debug("libmicrohttpd", LOG_STR("text", text));
}

static void add_options(struct MHD_OptionItem *items, const struct http_conf *conf)
{
	size_t n = 0;

#if MHD_VERSION >= 0x01000000
	items[n++] = (struct MHD_OptionItem){ MHD_OPTION_CLIENT_DISCIPLINE_LVL, 3, NULL };
#else
	items[n++] = (struct MHD_OptionItem){ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL };
#endif
	items[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_LIMIT,
		(intptr_t)conf->crowd.max + HTTP_CLOSING_MAX, NULL };
	items[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_TIMEOUT,
		(intptr_t)conf->idle_s, NULL };
	items[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY, NULL };
	if (conf->threads > 1)
		items[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE,
			(intptr_t)conf->threads, NULL };
	if (conf->tls) {
		items[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
			(void *)tls_retrieve };
		items[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)tls_priorities };
	}
	items[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

static unsigned flags_of(const struct http_conf *conf)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	if (conf->threads)
		flags |= MHD_USE_INTERNAL_POLLING_THREAD;
	if (conf->tls)
		flags |= MHD_USE_TLS;
	return flags;
}

int http_server_start(const struct http_conf *conf, const struct http_app *app,
	struct http_server **ret_server, struct err *err)
{
	scoped(freep) struct http_server *server = calloc(1, sizeof *server);
	struct MHD_OptionItem items[16];

	if (!server)
		return err_nomem(err);
	server->app = *app;
	server->trusted_proxies = conf->trusted_proxies;
	server->crowd = conf->crowd;
	server->pace = conf->pace;
	server->external = conf->threads == 0;
	pthread_mutex_init(&server->lock, NULL);
	add_options(items, conf);
	server->daemon = MHD_start_daemon(flags_of(conf), 0, app->greet ? connection_admit : NULL,
		server, access_handler, server,
		MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
		MHD_OPTION_LISTEN_SOCKET, conf->listen_fd,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, completed, server,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
		MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	if (!server->daemon)
		return err_set(err, REASON_INTERNAL, NULL, "the HTTP server did not start");
	*ret_server = TAKE(server);
	return 0;
}

int http_server_fd(const struct http_server *server)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

int http_server_wait_ms(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(server->daemon, &ms) != MHD_YES)
		ms = 60000;
	/* libmicrohttpd 0.9 wants to be called again at once while a handshake waits for its client: it takes
	 * the bytes that have been read for bytes to be read. What is really there wakes us. */
	if (ms == 0 && server->n_shaking && server->external)
		return HANDSHAKE_NAP_MS;
	if (server->n_connections && ms > HTTP_BEAT_MS)
		return HTTP_BEAT_MS;
	return ms > 60000 ? 60000 : (int)ms;
}

void http_server_turn(struct http_server *server)
{
	int64_t now_us = time_monotonic_us();

	MHD_run(server->daemon);
	if (now_us - server->reaped_us < HTTP_BEAT_MS * USEC_PER_MS)
		return;
	server->reaped_us = now_us;
	http_server_reap(server);
}

unsigned http_server_busy(struct http_server *server)
{
	unsigned n;

	pthread_mutex_lock(&server->lock);
	n = server->n_requests;
	pthread_mutex_unlock(&server->lock);
	return n;
}

static void end_streams(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	for (struct http_request *req = server->requests; req; req = req->next)
		if (req->stream)
			stream_end(req->stream);
	pthread_mutex_unlock(&server->lock);
}

void http_server_stop(struct http_server *server, int grace_ms)
{
	int fd;

	if (!server)
		return;
	fd = MHD_quiesce_daemon(server->daemon);
	end_streams(server);
	for (; grace_ms > 0 && http_server_busy(server) > 0; grace_ms -= 10) {
		if (server->external)
			MHD_run(server->daemon);
		usleep(10000);
	}
	MHD_stop_daemon(server->daemon);
	if (fd >= 0)
		close(fd);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
