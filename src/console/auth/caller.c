/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/auth/caller.h"

#include <sodium.h>
#include <strings.h>

#include "console/auth/session.h"
#include "log/log.h"

static const char bearer[] = "Bearer ";

enum { API_TOKEN_LEN = sizeof API_TOKEN_PREFIX - 1 + TOKEN_TEXT_SIZE - 1 };

static struct actor actor_of(const struct http_request *req, const struct caller *caller)
{
	bool by_token = caller->way == WAY_TOKEN;
	struct actor actor = { .kind = ACTOR_OPERATOR, .operator = caller->session.id,
		.standing = caller->session.standing, .username = caller->session.username,
		.auth = by_token ? AUTH_TOKEN : AUTH_SESSION, .request_id = req->id,
		.source = req->source };

	if (by_token)
		actor.token = caller->credential;
	return actor;
}

/*
 * By token
 */

/* What stands behind "Bearer ", or NULL: another scheme is a proxy's business. */
static const char *bearer_of(const struct http_request *req)
{
	const char *value = http_header(req, "Authorization");

	if (!value || strncasecmp(value, bearer, strlen(bearer)) != 0)
		return NULL;
	return value + strlen(bearer);
}

static int no_token(struct http_request *req, struct err *err)
{
	http_set_header(req, "WWW-Authenticate", "Bearer error=\"invalid_token\""); /* RFC 6750 section 3 */
	return err_set(err, REASON_UNAUTHORIZED, "Authorization",
		"this API token is not known, or it has ended; make another one");
}

static int find_by_token(struct http_request *req, struct caller *caller, const char *text,
	struct err *err)
{
	struct console *c = console_of(req);
	struct token_row row;
	int r;

	if (strlen(text) != API_TOKEN_LEN || !span_starts(span_of(text), API_TOKEN_PREFIX))
		return no_token(req, err);
	caller->digest = digest_of(span_of(text));
	pthread_mutex_lock(&c->auth_lock);
	r = store_token_get(c->auth_db, &caller->digest, &row, req->arena, err);
	pthread_mutex_unlock(&c->auth_lock);
	if (r == -ERR_NOT_FOUND)
		return no_token(req, err);
	if (r < 0)
		return r;
	caller->way = WAY_TOKEN;
	caller->credential = row.token_id;
	caller->elevated = row.elevated;
	caller->used_at = row.used_at;
	/* a token never does more than its operator does now */
	caller->session = (struct session_row){ .id = row.id, .username = row.username,
		.role = row.token_role > row.role ? row.token_role : row.role,
		.standing = row.standing };
	return 0;
}

/*
 * By cookie
 */

static int find_by_cookie(struct http_request *req, struct caller *caller, struct err *err)
{
	struct console *c = console_of(req);
	const char *token = session_cookie(req);
	int r;

	if (!token || strlen(token) != TOKEN_TEXT_SIZE - 1)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "sign in first");
	caller->digest = digest_of(span_of(token));
	pthread_mutex_lock(&c->auth_lock);
	r = store_session_get(c->auth_db, &caller->digest, &caller->session, req->arena, err);
	pthread_mutex_unlock(&c->auth_lock);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "the session is over; sign in again");
	if (r < 0)
		return r;
	caller->way = WAY_SESSION;
	caller->credential = caller->session.session_id;
	caller->used_at = caller->session.seen_at;
	caller->csrf = session_csrf(req->arena, token);
	return caller->csrf ? 0 : arena_full(req->arena, err);
}

int caller_find(struct http_request *req, struct err *err)
{
	struct caller *caller = arena_alloc(req->arena, sizeof *caller);
	const char *token = bearer_of(req);
	int r;

	if (!caller)
		return arena_full(req->arena, err);
	r = token ? find_by_token(req, caller, token, err) : find_by_cookie(req, caller, err);
	if (r < 0)
		return r;
	caller->actor = actor_of(req, caller);
	/* the roles there are see every node */
	caller->scope = (struct db_scope){ .all = true, .value = caller->session.id };
	req->caller = caller;
	return 0;
}

/*
 * What they may
 */

static int check_csrf(const struct http_request *req, const struct caller *caller, struct err *err)
{
	const char *csrf = http_header(req, "X-CSRF");

	if (!csrf || strlen(csrf) != strlen(caller->csrf) ||
		sodium_memcmp(csrf, caller->csrf, strlen(csrf)) != 0)
		return err_set(err, REASON_CROSS_SITE, "X-CSRF",
			"send the csrfToken of GET /api/v1/session as X-CSRF");
	return 0;
}

static int check_permission(const struct http_request *req, const struct caller *caller,
	struct err *err)
{
	scoped(sbuf_done) struct sbuf roles = SBUF_INIT(128);

	if (permission_of(caller->session.role, req->route->perm) &&
		(req->route->scope != SCOPE_FLEET || caller->scope.all))
		return 0;
	permission_put_roles(&roles, req->route->perm, " or ");
	return err_set(err, REASON_FORBIDDEN, NULL,
		"the role '%s' does not allow this; it takes the role %s",
		word_text(operator_role_words, caller->session.role) ?: "none", roles.data);
}

/* Rows for which being signed in is not enough. */
static int check_way(const struct http_request *req, const struct caller *caller, struct err *err)
{
	bool reauth = (req->route->flags & ROUTE_REAUTH) != 0;

	if (caller->way == WAY_TOKEN) {
		if (req->route->flags & ROUTE_SESSION)
			return err_set(err, REASON_SESSION_ONLY, NULL,
				"API tokens may not do this; sign in, with a browser or by POST "
				"/api/v1/session");
		if (reauth && !caller->elevated)
			return err_set(err, REASON_SESSION_ONLY, NULL,
				"this API token may not do this; sign in, or make a token with "
				"'elevated'");
		return 0;
	}
	if (reauth && time_now().us - caller->session.password_at.us >=
			      SESSION_CONFIRMED_S * USEC_PER_SEC)
		return err_set(err, REASON_REAUTH, NULL,
			"confirm with your password: POST /api/v1/session/reauth, then send this again");
	return 0;
}

int caller_allow(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	int r = 0;

	if (!caller)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "sign in first");
	if (caller->way == WAY_SESSION && http_is_unsafe(req))
		r = check_csrf(req, caller, err);
	if (r >= 0 && caller->session.must_change_password && req->route->perm != PERM_SESSION)
		r = err_set(err, REASON_PASSWORD_CHANGE, NULL,
			"change the password first: PUT /api/v1/me/password");
	if (r >= 0)
		r = check_permission(req, caller, err);
	return r < 0 ? r : check_way(req, caller, err);
}

void caller_touch(struct http_request *req)
{
	const struct caller *caller = caller_of(req);
	int64_t age = time_now().us - caller->used_at.us;
	struct err err;
	int r = 0;

	/* what a page does by itself does not keep a session */
	if (caller->way == WAY_SESSION && age >= SESSION_TOUCH_S * USEC_PER_SEC &&
		!http_header(req, "X-Background"))
		r = store_session_touch(console_db(), &caller->credential, &err);
	else if (caller->way == WAY_TOKEN && age >= TOKEN_TOUCH_S * USEC_PER_SEC)
		r = store_token_touch(console_db(), &caller->credential, &req->source, &err);
	if (r < 0)
		log_warn("the use of a session could not be noted", LOG_ERR(&err));
}
