/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/parse.h"
#include "console/api/handlers.h"
#include "console/instance.h"
#include "console/openapi.h"

int api_audit_list(struct http_request *req, struct err *err)
{
	return store_audit(console_db(), req->query, req->out, req->arena, err);
}

int api_audit_get(struct http_request *req, struct err *err)
{
	int64_t seq;

	if (!parse_i64(span_of(req->param[0]), 1, INT64_MAX, &seq))
		return err_set(err, REASON_ENTRY_NOT_FOUND, NULL, "an entry's number is a number");
	return store_entry(console_db(), seq, req->out, req->arena, err);
}

int api_events(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	const struct event_owner owner = { caller->session.id, caller->credential, caller->way };
	struct console *c = console_of(req);
	bool alive = false;
	int64_t seq;
	int r = store_seq(console_db(), &seq, err);

	if (r >= 0)
		r = events_subscribe(c->events, req, &owner, seq, err);
	if (r < 0)
		return r;
	/* whoever ended the session just now did not find this stream */
	r = owner.way == WAY_TOKEN ? store_token_alive(console_db(), &owner.credential, &alive, err)
				   : store_session_alive(console_db(), &owner.credential, &alive, err);
	if (r < 0 || !alive)
		events_end(c->events, &owner.credential);
	return r;
}

int api_health(struct http_request *req, struct err *err)
{
	(void)err;
	sbuf_puts(http_text(req, "application/json"), "{\"status\":\"ok\"}");
	return 0;
}

int api_ready(struct http_request *req, struct err *err)
{
	int64_t seq;
	int r = instance_check(console_of(req)->instance, err);

	if (r >= 0)
		r = store_seq(console_db(), &seq, err);
	if (r >= 0)
		sbuf_puts(http_text(req, "application/json"), "{\"status\":\"ready\"}");
	return r;
}

int api_openapi(struct http_request *req, struct err *err)
{
	(void)err;
	openapi_write(http_text(req, "application/json"), console_routes, console_n_routes);
	return 0;
}
