/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "console/api/handlers.h"
#include "console/auth/session.h"
#include "crypto/password.h"
#include "http/limit.h"

/* Every attempt takes a token, so that a source has ten and then one every five seconds. */
static int throttle(struct http_request *req, struct err *err)
{
	struct console *c = console_of(req);
	int64_t now = time_monotonic_us();
	unsigned wait = 0;
	char seconds[16];

	pthread_mutex_lock(&c->login_lock);
	if (!limiter_take(c->logins, &req->source, now))
		wait = limiter_wait_s(c->logins, &req->source, now);
	pthread_mutex_unlock(&c->login_lock);
	if (!wait)
		return 0;
	snprintf(seconds, sizeof seconds, "%u", wait);
	http_set_header(req, "Retry-After", seconds);
	return err_set(err, REASON_LOGIN_THROTTLED, NULL, "too many attempts; wait %u s", wait);
}

static int login_failed(struct http_request *req, const char *username, struct err *err)
{
	const struct actor actor = { .kind = ACTOR_ANONYMOUS, .auth = AUTH_NONE,
		.request_id = req->id, .source = req->source };
	struct failure_report report;

	if (failures_add(console_of(req)->failures, &req->source, username, time_monotonic_us(),
		    &report)) {
		int r = store_session_failed(console_db(), &actor, report.username, report.count,
			req->arena, err);

		if (r < 0)
			return r;
	}
	return err_set(err, REASON_LOGIN, NULL, "user name or password is wrong");
}

int api_session_create(struct http_request *req, struct err *err)
{
	const struct login *in = req->in;
	struct operator_row op = { 0 };
	struct actor actor;
	int r = throttle(req, err);

	if (r < 0)
		return r;
	r = store_operator_by_name(console_db(), in->username, &op, req->arena, err);
	if (r < 0 && r != -ERR_NOT_FOUND)
		return r;
	if (!password_verify((struct span){ in->password.at, in->password.len },
		    r < 0 ? NULL : op.password_hash.at))
		return login_failed(req, in->username, err);
	actor = (struct actor){ .kind = ACTOR_OPERATOR, .operator = op.id, .username = op.username,
		.auth = AUTH_SESSION, .request_id = req->id, .source = req->source };
	return session_begin(req, &actor, &op, false, req->out, err);
}

int api_session_get(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);

	(void)err;
	session_show(req, &caller->session, caller->csrf, req->out);
	return 0;
}

int api_session_delete(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	int r = store_session_end(console_db(), &caller->actor, &caller->token, req->arena, err);

	if (r < 0)
		return r;
	events_end(console_of(req)->events, &caller->token);
	session_clear_cookie(req);
	return 0;
}

int api_password_change(struct http_request *req, struct err *err)
{
	const struct password_change *in = req->in;
	const struct caller *caller = caller_of(req);
	struct span fresh = { in->new_password.at, in->new_password.len };
	struct span current = { in->current_password.at, in->current_password.len };
	char hash[PASSWORD_HASH_SIZE];
	struct operator_row op;
	struct session_view session;
	int r = throttle(req, err);

	if (r >= 0)
		r = store_operator(console_db(), &caller->session.id, &op, req->arena, err);
	if (r < 0)
		return r;
	if (!password_verify(current, op.password_hash.at))
		return err_set(err, REASON_INVALID_FIELD, "currentPassword",
			"the present password is another one");
	r = password_check(fresh, op.username, "newPassword", err);
	if (r >= 0 && fresh.len == current.len && !memcmp(fresh.at, current.at, fresh.len))
		r = err_set(err, REASON_WEAK_PASSWORD, "newPassword",
			"the new password must differ from the present one");
	if (r >= 0)
		r = password_hash(fresh, hash, err);
	if (r >= 0)
		r = store_set_password(console_db(), &caller->actor, hash, req->arena, err);
	if (r < 0)
		return r;
	op.must_change_password = false;
	return session_begin(req, &caller->actor, &op, true, &session, err);
}
