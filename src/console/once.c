/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/once.h"

#include <pthread.h>
#include <stdlib.h>

#include "console/store/once.h"
#include "json/write.h"
#include "log/log.h"

enum { INFLIGHT_MAX = 64, KEY_MAX = 128 }; /* more than there are workers */

static const char purpose[] = "wgkeeper idempotency 1";

struct inflight_key {
	struct uuid owner;
	struct digest key;
	bool used;
};

struct inflight {
	pthread_mutex_t lock;
	struct inflight_key keys[INFLIGHT_MAX];
};

struct inflight *inflight_new(void)
{
	struct inflight *inflight = calloc(1, sizeof *inflight);

	if (inflight)
		pthread_mutex_init(&inflight->lock, NULL);
	return inflight;
}

void inflight_free(struct inflight *inflight)
{
	if (!inflight)
		return;
	pthread_mutex_destroy(&inflight->lock);
	free(inflight);
}

/* The slot that is this request's now, or NULL when another has the key. */
static struct inflight_key *enter(struct inflight *inflight, const struct once *once)
{
	struct inflight_key *slot = NULL;
	bool taken = false;

	pthread_mutex_lock(&inflight->lock);
	for (struct inflight_key *k = inflight->keys; k < inflight->keys + INFLIGHT_MAX; k++) {
		if (!k->used)
			slot = k;
		else if (uuid_equal(&k->owner, &once->owner) && digest_equal(&k->key, &once->key))
			taken = true;
	}
	if (taken)
		slot = NULL;
	if (slot)
		*slot = (struct inflight_key){ once->owner, once->key, true };
	pthread_mutex_unlock(&inflight->lock);
	return slot;
}

static void leave(struct inflight *inflight, struct inflight_key *slot)
{
	pthread_mutex_lock(&inflight->lock);
	slot->used = false;
	pthread_mutex_unlock(&inflight->lock);
}

/*
 * Which request it is
 */

bool once_wanted(const struct http_request *req)
{
	return http_is_unsafe(req) && http_header(req, "Idempotency-Key");
}

/* The key as a structured field has it (a quoted string), or bare. */
static int read_key(const struct http_request *req, struct span *ret_key, struct err *err)
{
	struct span key = span_trim(span_of(http_header(req, "Idempotency-Key")));

	if (key.len >= 2 && key.at[0] == '"' && key.at[key.len - 1] == '"')
		key = (struct span){ key.at + 1, key.len - 2 };
	for (size_t i = 0; i < key.len; i++)
		if (key.at[i] <= ' ' || key.at[i] > '~')
			key.len = 0;
	if (key.len == 0 || key.len > KEY_MAX)
		return err_set(err, REASON_INVALID_FIELD, "Idempotency-Key",
			"an Idempotency-Key has 1 to %d visible ASCII characters, for example a UUID",
			KEY_MAX);
	*ret_key = key;
	return 0;
}

static void put_query(const struct http_request *req, struct sbuf *out)
{
	for (const struct field *f = req->query ? req->route->query->fields : NULL; f && f->name; f++) {
		sbuf_printf(out, "%s=", f->name);
		field_to_text(out, f, field_of(f, req->query));
		sbuf_putc(out, '\0');
	}
}

/* Bodies may hold a password: their digest is keyed, so that nobody who reads the table can try them. */
static struct digest digest_request(const struct http_request *req)
{
	scoped(sbuf_done) struct sbuf query = SBUF_INIT(64 * 1024);
	const struct seal_key *key = &console_of(req)->key;
	const char *etag = http_header(req, "If-Match") ?: "";
	struct digest plain;

	put_query(req, &query);
	plain = digest_of_many(
		(const struct span[]){ { purpose, sizeof purpose },
			{ req->method_name, strlen(req->method_name) + 1 },
			{ req->path, strlen(req->path) + 1 }, { query.data, query.len + 1 },
			{ etag, strlen(etag) + 1 }, req->body },
		6);

	return digest_hmac((struct span){ (const char *)key->bytes, sizeof key->bytes },
		(struct span){ (const char *)plain.bytes, sizeof plain.bytes });
}

static int make_once(struct http_request *req, struct once *once, struct err *err)
{
	const struct caller *caller = caller_of(req);
	struct span key;
	int r = read_key(req, &key, err);

	if (r < 0)
		return r;
	*once = (struct once){ .owner = caller->way == WAY_TOKEN ? caller->credential
								 : caller->session.id,
		.key = digest_of(key), .request = digest_request(req) };
	once->route = arena_printf(req->arena, "%s %s", req->method_name, req->route->path);
	uuid_make_v4(&once->attempt);
	return once->route ? 0 : arena_full(req->arena, err);
}

/*
 * Answering again
 */

static int replay(struct http_request *req, const struct once *once, const struct once_row *row,
	struct err *err)
{
	char at[TIME_TEXT_SIZE];

	if (!digest_equal(&row->request, &once->request))
		return err_set(err, REASON_IDEMPOTENCY, "Idempotency-Key",
			"this key was used for another request (%s at %s); take a new one", row->route,
			time_format(at, row->created_at, TIME_SECONDS));
	http_set_header(req, "Idempotency-Replayed", "true");
	if (row->status != INT_NONE) {
		req->status = (unsigned)row->status;
		if (row->answer)
			sbuf_puts(http_text(req, req->status < 400 ? "application/json; charset=utf-8"
								   : "application/problem+json"),
				row->answer);
		return 0;
	}
	if (!req->route->out)
		return 0;
	if (req->route->again)
		return req->route->again(req, &row->target, err);
	return err_set(err, REASON_ONCE_LOST, "Idempotency-Key",
		"the first request did this (audit entry %lld), but its answer was not kept; read the object",
		(long long)row->seq);
}

/* Whether a failure says what became of the request: it is then its answer. Others are of the moment. */
static bool is_final(const struct err *err)
{
	int status = err_status(err->reason);

	return status != 500 && status != 503 && status != 507;
}

static unsigned status_of(const struct http_request *req)
{
	if (req->status)
		return req->status;
	return req->route->status ? req->route->status : req->answer.len ? 200 : 204;
}

/* Keeps the answer beside the change. That this fails is no failure of the request. */
static void keep_answer(struct http_request *req, const struct once *once, int r, const struct err *err)
{
	/* what is written while it is sent is not here to be kept */
	bool is_text = !req->stream && !req->pull && !req->static_data;
	const char *answer;
	struct err why;
	int64_t status;

	if (r >= 0 && is_text && req->out && !req->answer.len)
		json_object(http_text(req, "application/json; charset=utf-8"), req->route->out, req->out);
	if (r < 0)
		http_problem(req, err);
	status = r < 0 ? err_status(err->reason) : (int64_t)status_of(req);
	answer = req->answer.len ? req->answer.data : NULL;
	if (!once->noted || (req->route->flags & ROUTE_SECRET) || (r < 0 && !is_final(err)) ||
		req->answer.failed || req->answer.len > ONCE_ANSWER_MAX || (r >= 0 && !is_text))
		return;
	if (store_once_answer(console_db(), once, status, answer, &why) < 0)
		log_warn("an answer could not be kept for its Idempotency-Key", LOG_ERR(&why));
}

static int run(struct http_request *req, struct once *once, struct err *err)
{
	struct caller *caller = req->caller;
	struct once_row row;
	int r = store_once_get(console_db(), once, &row, req->arena, err);

	if (r >= 0)
		return replay(req, once, &row, err);
	if (r != -ERR_NOT_FOUND)
		return r;
	caller->actor.once = once;
	r = req->route->handle(req, err);
	caller->actor.once = NULL;
	keep_answer(req, once, r, err);
	return r;
}

int once_run(struct http_request *req, struct err *err)
{
	struct inflight *inflight = console_of(req)->inflight;
	struct inflight_key *slot;
	struct once once;
	int r = make_once(req, &once, err);

	if (r < 0)
		return r;
	slot = enter(inflight, &once);
	if (!slot)
		return err_set(err, REASON_ONCE_BUSY, "Idempotency-Key",
			"the first request with this key is under way; send it again for its answer");
	r = run(req, &once, err);
	leave(inflight, slot);
	return r;
}
