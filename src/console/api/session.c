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

static struct session_row session_of(const struct operator_row *op, const struct session_pass *pass)
{
	return (struct session_row){ .expires_at = pass->fresh.expires_at, .password_at = time_now(),
		.id = op->id, .username = op->username, .role = op->role,
		.must_change_password = op->must_change_password };
}

int api_session_create(struct http_request *req, struct err *err)
{
	scoped(session_pass_wipe) struct session_pass pass;
	const struct login *in = req->in;
	struct operator_row op = { 0 };
	struct session_row session;
	struct actor actor;
	struct uuid id;
	int r = throttle(req, err);

	if (r < 0)
		return r;
	r = store_operator_by_name(console_db(), in->username, &op, req->arena, err);
	if (r < 0 && r != -ERR_NOT_FOUND)
		return r;
	/* one who is disabled is told the same as one who does not exist, and as late */
	if (!password_verify((struct span){ in->password.at, in->password.len },
		    r < 0 ? NULL : op.password_hash.at) || op.disabled_at.us)
		return login_failed(req, in->username, err);
	actor = (struct actor){ .kind = ACTOR_OPERATOR, .operator = op.id, .standing = op.standing,
		.username = op.username, .auth = AUTH_SESSION, .request_id = req->id,
		.source = req->source };
	session_make(req, session_end_of(req), &pass);
	r = store_session_start(console_db(), &actor, &pass.fresh, &id, req->arena, err);
	if (r < 0)
		return r;
	session = session_of(&op, &pass);
	session_give(req, &pass, &session, req->out);
	return 0;
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
	int r = store_session_end(console_db(), &caller->actor, &caller->credential, false, req->arena,
		err);

	if (r < 0)
		return r;
	events_end(console_of(req)->events, &caller->credential);
	session_clear_cookie(req);
	return 0;
}

/* The password of somebody who is signed in. Each wrong one is in the log: they are few, see above. */
static int check_current(struct http_request *req, const struct secret *given, const char *field,
	struct operator_row *op, struct err *err)
{
	const struct caller *caller = caller_of(req);
	int r = throttle(req, err);

	if (r >= 0)
		r = store_operator_row(console_db(), &caller->session.id, op, req->arena, err);
	if (r < 0)
		return r;
	if (password_verify((struct span){ given->at, given->len }, op->password_hash.at))
		return 0;
	r = store_session_failed(console_db(), &caller->actor, op->username, 1, req->arena, err);
	return r < 0 ? r : err_set(err, REASON_INVALID_FIELD, field, "the present password is another one");
}

int api_session_reauth(struct http_request *req, struct err *err)
{
	scoped(session_pass_wipe) struct session_pass pass;
	const struct caller *caller = caller_of(req);
	const struct reauth *in = req->in;
	struct session_row session = caller->session;
	struct operator_row op;
	int r = check_current(req, &in->password, "password", &op, err);

	if (r < 0)
		return r;
	session_make(req, session.expires_at, &pass); /* it does not last longer for that */
	r = store_session_confirm(console_db(), &caller->actor, &caller->credential, &caller->digest,
		&pass.fresh.token, req->arena, err);
	if (r < 0)
		return r;
	session.password_at = time_now();
	session_give(req, &pass, &session, req->out);
	return 0;
}

int api_password_change(struct http_request *req, struct err *err)
{
	scoped(session_pass_wipe) struct session_pass pass;
	const struct password_change *in = req->in;
	const struct caller *caller = caller_of(req);
	struct span fresh = { in->new_password.at, in->new_password.len };
	char hash[PASSWORD_HASH_SIZE];
	struct session_view session;
	struct session_row row;
	struct operator_row op;
	struct uuid id;
	int r = check_current(req, &in->current_password, "currentPassword", &op, err);

	if (r >= 0)
		r = password_check(fresh, op.username, "newPassword", err);
	if (r >= 0 && fresh.len == in->current_password.len &&
		!memcmp(fresh.at, in->current_password.at, fresh.len))
		r = err_set(err, REASON_WEAK_PASSWORD, "newPassword",
			"the new password must differ from the present one");
	if (r >= 0)
		r = password_hash(fresh, hash, err);
	if (r < 0)
		return r;
	session_make(req, session_end_of(req), &pass);
	r = store_set_password(console_db(), &caller->actor, hash, &pass.fresh, &id, req->arena, err);
	if (r < 0)
		return r;
	events_end_of(console_of(req)->events, &op.id, NULL);
	op.must_change_password = false;
	row = session_of(&op, &pass);
	session_give(req, &pass, &row, &session);
	return 0;
}

/*
 * Oneself
 */

int api_me_get(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	const struct session_row *session = &caller->session;
	struct me_view *out = req->out;
	struct token_view token;
	int r = 0;

	*out = (struct me_view){ .operator = { session->id, session->username, session->role,
					 session->must_change_password },
		.auth = caller->way, .capabilities = permission_words(session->role, req->arena),
		.scope = caller->scope.all ? "all" : "nodes" };
	if (caller->way == WAY_TOKEN)
		r = store_token(console_db(), &caller->credential, NULL, &token, req->arena, err);
	if (r >= 0 && caller->way == WAY_TOKEN)
		out->token = (struct token_ref){ token.id, token.name, token.expires_at };
	return r;
}

int api_me_sessions(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	struct session_query query = *(const struct session_query *)req->query;

	query.operator = caller->session.id;
	return store_sessions(console_db(), &query, &caller->credential, req->out, req->arena, err);
}

static int end_session(struct http_request *req, bool anybodys, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_SESSION_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_session_end(console_db(), &caller_of(req)->actor, &id, anybodys, req->arena,
			err);
	if (r >= 0)
		events_end(console_of(req)->events, &id);
	return r;
}

int api_me_session_end(struct http_request *req, struct err *err)
{
	return end_session(req, false, err);
}

int api_me_sessions_end(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	int r = store_session_end_others(console_db(), &caller->actor, &caller->credential, req->arena,
		err);

	if (r >= 0)
		events_end_of(console_of(req)->events, &caller->session.id, &caller->credential);
	return r;
}

int api_sessions_list(struct http_request *req, struct err *err)
{
	return store_sessions(console_db(), req->query, &caller_of(req)->credential, req->out, req->arena,
		err);
}

int api_sessions_end(struct http_request *req, struct err *err)
{
	return end_session(req, true, err);
}
