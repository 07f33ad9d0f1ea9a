/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <strings.h>

#include "http/internal.h"
#include "http/stream.h"
#include "http/tls.h"
#include "json/read.h"
#include "json/write.h"

enum { PULL_BYTES = 16 * 1024 };

bool http_has_certificate(const struct http_request *req)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info && tls_has_client_certificate(info->tls_session);
}

const char *http_header(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

const char *http_cookie(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_COOKIE_KIND, name);
}

const char *http_query(struct http_request *req, const char *name)
{
	const char *raw = MHD_lookup_connection_value(req->connection, MHD_GET_ARGUMENT_KIND, name);
	const char *text;

	return raw && url_decode(req->arena, span_of(raw), true, &text) ? text : NULL;
}

void http_set_header(struct http_request *req, const char *name, const char *value)
{
	struct http_header *header = arena_alloc(req->arena, sizeof *header);

	assert(!strpbrk(name, "\r\n") && !strpbrk(value, "\r\n"));
	if (!header)
		return;
	header->name = arena_strdup(req->arena, name);
	header->value = arena_strdup(req->arena, value);
	if (!header->name || !header->value)
		return;
	header->next = req->headers;
	req->headers = header;
}

struct sbuf *http_text(struct http_request *req, const char *content_type)
{
	sbuf_clear(&req->answer);
	req->content_type = content_type;
	return &req->answer;
}

void http_static(struct http_request *req, const char *content_type, const void *data, size_t len)
{
	req->content_type = content_type;
	req->static_data = data;
	req->static_len = len;
}

void http_put_problem(struct sbuf *out, const struct err *err, const char *request_id)
{
	sbuf_puts(out, "{\"type\":\"about:blank\",\"title\":");
	json_string(out, err_title(err->reason));
	sbuf_printf(out, ",\"status\":%d,\"code\":\"%s\",\"field\":", err_status(err->reason),
		err_slug(err->reason));
	json_string(out, err->field[0] ? err->field : NULL);
	sbuf_puts(out, ",\"detail\":");
	/* what went wrong inside is for the log */
	json_string(out, err_class(err->reason) == ERR_INTERNAL && err->reason == REASON_INTERNAL
				 ? "see the log under the request id"
				 : err->msg);
	sbuf_puts(out, ",\"requestId\":");
	json_string(out, request_id);
	sbuf_puts(out, "}");
}

void http_problem(struct http_request *req, const struct err *err)
{
	http_put_problem(http_text(req, "application/problem+json"), err, req->id);
}

/*
 * Input
 */

struct query_reader {
	struct http_request *req;
	struct err *err;
	uint64_t seen;
	int r;
};

static enum MHD_Result read_argument(
	void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_reader *qr = ctx;
	const struct type *type = qr->req->route->query;
	bool lax = (qr->req->route->flags & ROUTE_LAX) != 0;
	const struct field *f;
	const char *text;
	uint64_t bit;

	(void)kind;
	f = field_by_json(type->fields, span_of(name), false);
	if (!f) {
		qr->r = lax ? 0
			    : err_set(qr->err, REASON_UNKNOWN_FIELD, name,
				      "there is no query parameter '%.40s' here", name);
		return qr->r < 0 ? MHD_NO : MHD_YES;
	}
	bit = UINT64_C(1) << (f - type->fields);
	if (!value || !*value)
		return MHD_YES; /* an empty one counts as absent */
	if (qr->seen & bit && lax)
		return MHD_YES; /* the first wins */
	if (qr->seen & bit)
		qr->r = err_set(qr->err, REASON_DUPLICATE_FIELD, name, "'%s' is given twice", name);
	else if (!url_decode(qr->req->arena, span_of(value), true, &text))
		qr->r = err_set(qr->err, REASON_INVALID_FIELD, name, "'%s' is malformed", name);
	else
		qr->r = field_from_text(span_of(text), f, name, field_at(f, qr->req->query),
			qr->req->arena, qr->err);
	qr->seen |= bit;
	return qr->r < 0 ? MHD_NO : MHD_YES;
}

static int query_defaults(struct http_request *req, uint64_t seen, struct err *err)
{
	unsigned i = 0;

	for (const struct field *f = req->route->query->fields; f->name; f++, i++) {
		char buf[FIELD_NAME_SIZE];
		int r;

		if (seen >> i & 1)
			continue;
		if (f->kind == FIELD_INT && (f->flags & F_NULLABLE) && !f->dflt)
			*(int64_t *)field_at(f, req->query) = INT_NONE;
		if (!f->dflt)
			continue;
		r = field_from_text(span_of(f->dflt), f, field_json_name(f, buf),
			field_at(f, req->query), req->arena, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_query(struct http_request *req, struct err *err)
{
	struct query_reader qr = { .req = req, .err = err };

	req->query = arena_alloc(req->arena, req->route->query->size);
	if (!req->query)
		return arena_full(req->arena, err);
	MHD_get_connection_values(req->connection, MHD_GET_ARGUMENT_KIND, read_argument, &qr);
	return qr.r < 0 ? qr.r : query_defaults(req, qr.seen, err);
}

static bool is_json(const char *type)
{
	size_t len = strlen("application/json");

	return type && !strncasecmp(type, "application/json", len) &&
	       (!type[len] || type[len] == ';' || type[len] == ' ');
}

static int decode_body(struct http_request *req, struct err *err)
{
	bool lax = (req->route->flags & ROUTE_LAX) != 0;

	if (!lax && !is_json(http_header(req, "Content-Type")))
		return err_set(err, REASON_MEDIA_TYPE, "Content-Type",
			"send the body as application/json");
	req->in = arena_alloc(req->arena, req->route->in->size);
	if (!req->in)
		return arena_full(req->arena, err);
	return json_read(req->body, req->route->in, lax ? READ_LAX : READ_STRICT, req->in, req->arena,
		err);
}

int request_decode(struct http_request *req, struct err *err)
{
	int r = 0;

	req->body = (struct span){ req->received.data, req->received.len };
	if (req->route->query)
		r = decode_query(req, err);
	if (r >= 0 && req->route->in)
		r = decode_body(req, err);
	if (r >= 0 && req->route->out) {
		req->out = arena_alloc(req->arena, req->route->out->size);
		if (!req->out)
			r = arena_full(req->arena, err);
	}
	return r;
}

/*
 * Output
 */

/* A handler's own header stands instead of the app's. */
static bool has_own(const struct http_request *req, const char *name)
{
	for (const struct http_header *h = req->headers; h; h = h->next)
		if (!strcasecmp(h->name, name))
			return true;
	return false;
}

static void put_failure(struct http_request *req, const struct err *err)
{
	req->err = *err;
	req->static_data = NULL;
	req->stream = NULL;
	req->pull = NULL;
	req->status = (unsigned)err_status(err->reason);
	if (req->status == 429 || req->status == 503) {
		if (!has_own(req, "Retry-After") && !req->server->app.put_error)
			http_set_header(req, "Retry-After", "1");
	}
	if (req->server->app.put_error)
		req->server->app.put_error(req, err);
	else
		http_problem(req, err);
}

void request_answer(struct http_request *req, int r, const struct err *err)
{
	struct err full;

	if (r >= 0 && req->out && !req->answer.len && !req->static_data && !req->stream)
		json_object(http_text(req, "application/json; charset=utf-8"), req->route->out,
			req->out);
	if (r >= 0 && req->answer.failed) {
		r = err_set(&full, REASON_INTERNAL, NULL, "the answer is too large");
		err = &full;
	}
	if (r < 0)
		put_failure(req, err);
	else if (!req->status && req->route && req->route->status)
		req->status = req->route->status;
	else if (!req->status)
		req->status = req->answer.len || req->static_data || req->stream || req->pull ? 200 : 204;
}

static void wipe_and_free(void *data)
{
	struct sbuf *buf = data;

	explicit_bzero(buf->data, buf->len); /* all that was ever written to it */
	sbuf_done(buf);
	free(buf);
}

/* The text changes hands; a secret one is overwritten when it has been sent. */
static struct MHD_Response *text_response(struct http_request *req)
{
	struct MHD_Response *response;
	struct sbuf *box;

	if (!req->answer.len)
		return MHD_create_response_from_buffer(0, sbuf_empty, MHD_RESPMEM_PERSISTENT);
	box = malloc(sizeof *box);
	if (!box)
		return NULL;
	*box = req->answer;
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		box->len, box->data, wipe_and_free, box);
	if (response)
		req->answer = (struct sbuf)SBUF_INIT(0);
	else
		free(box);
	return response;
}

static ssize_t read_pull(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct http_request *req = ctx;
	size_t n = req->pull(req, buf, max);

	(void)pos;
	return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *make_response(struct http_request *req)
{
	if (req->pull)
		return MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, PULL_BYTES, read_pull, req, NULL);
	if (req->stream)
		return stream_response(req->stream);
	if (req->static_data)
		return MHD_create_response_from_buffer(req->static_len,
			(void *)(uintptr_t)req->static_data, MHD_RESPMEM_PERSISTENT);
	return text_response(req);
}

static void destroy_response(struct MHD_Response **response)
{
	if (*response)
		MHD_destroy_response(*response);
}

static void add_headers(struct http_request *req, struct MHD_Response *response)
{
	const struct http_header *always = req->server->app.headers;

	for (; always && always->name; always++)
		if (!has_own(req, always->name))
			MHD_add_response_header(response, always->name, always->value);
	for (const struct http_header *h = req->headers; h; h = h->next)
		MHD_add_response_header(response, h->name, h->value);
	MHD_add_response_header(response, "X-Request-Id", req->id);
	if (req->content_type)
		MHD_add_response_header(response, "Content-Type", req->content_type);
	if (req->close)
		MHD_add_response_header(response, "Connection", "close");
}

enum MHD_Result request_queue(struct http_request *req)
{
	scoped(destroy_response) struct MHD_Response *response = make_response(req);

	if (!response)
		return MHD_NO;
	add_headers(req, response);
	req->phase = PHASE_ANSWER;
	req->answered_us = time_monotonic_us();
	return MHD_queue_response(req->connection, req->status, response);
}
