/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/auth/session.h"

#include <sodium.h>
#include <stdio.h>

static const char csrf_purpose[] = "wgkeeper csrf 1";

/* All there is until roles come: an administrator may do everything. */
static const char *const capabilities[] = { "node.read", "node.write", "person.read", "person.write",
	"peer.read", "peer.write", "audit.read" };

static const char *cookie_name(const struct console *c)
{
	/* the prefix makes browsers insist on Secure, the host and the path: RFC 6265bis 4.1.3.2 */
	return c->conf.cookie_secure ? "__Host-wgkeeper_session" : "wgkeeper_session";
}

static bool is_unsafe(const struct http_request *req)
{
	return req->method != HTTP_GET && req->method != HTTP_OTHER;
}

/* "http://host:port" against the Host header. */
static bool same_origin(const char *origin, const char *host)
{
	const char *at = strstr(origin, "://");

	return at && host && !strcmp(at + 3, host);
}

int session_admit(struct http_request *req, struct err *err)
{
	const char *site = http_header(req, "Sec-Fetch-Site");
	const char *origin = http_header(req, "Origin");

	if (!is_unsafe(req))
		return 0;
	/* browsers say one of the two with every such request; programs say neither, and have no
	 * cookies of a browser's */
	if ((site && strcmp(site, "same-origin") != 0) ||
		(!site && origin && !same_origin(origin, http_header(req, "Host"))))
		return err_set(err, REASON_CROSS_SITE, NULL,
			"the request came from another site; use the Console's own pages");
	return 0;
}

static const char *csrf_of(struct arena *arena, const char *token)
{
	struct digest mac = digest_hmac(span_of(token), span_of(csrf_purpose));
	char *text = arena_alloc(arena, TOKEN_TEXT_SIZE);

	if (text)
		sodium_bin2base64(text, TOKEN_TEXT_SIZE, mac.bytes, sizeof mac.bytes,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return text;
}

static struct actor actor_of(const struct http_request *req, const struct session_row *session)
{
	return (struct actor){ .kind = ACTOR_OPERATOR, .operator = session->id,
		.username = session->username, .auth = AUTH_SESSION, .request_id = req->id,
		.source = req->source };
}

static int find_session(struct console *c, const struct digest *token, struct session_row *row,
	struct arena *arena, struct err *err)
{
	int r;

	pthread_mutex_lock(&c->auth_lock);
	r = store_session_get(c->auth_db, token, row, arena, err);
	pthread_mutex_unlock(&c->auth_lock);
	return r;
}

int session_authenticate(struct http_request *req, struct err *err)
{
	struct console *c = console_of(req);
	const char *token = http_cookie(req, cookie_name(c));
	struct caller *caller = arena_alloc(req->arena, sizeof *caller);
	int r;

	if (!caller)
		return arena_full(req->arena, err);
	if (!token || strlen(token) != TOKEN_TEXT_SIZE - 1)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "sign in first");
	caller->token = digest_of(span_of(token));
	r = find_session(c, &caller->token, &caller->session, req->arena, err);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "the session is over; sign in again");
	if (r < 0)
		return r;
	caller->csrf = csrf_of(req->arena, token);
	caller->actor = actor_of(req, &caller->session);
	req->caller = caller;
	return caller->csrf ? 0 : arena_full(req->arena, err);
}

int session_authorize(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	const char *csrf = http_header(req, "X-CSRF");

	if (!caller)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "sign in first");
	if (is_unsafe(req) && (!csrf || strlen(csrf) != strlen(caller->csrf) ||
				      sodium_memcmp(csrf, caller->csrf, strlen(csrf)) != 0))
		return err_set(err, REASON_CROSS_SITE, "X-CSRF",
			"send the csrfToken of GET /api/v1/session as X-CSRF");
	if (caller->session.must_change_password && req->route->perm != PERM_SESSION)
		return err_set(err, REASON_PASSWORD_CHANGE, NULL,
			"change the password first: PUT /api/v1/me/password");
	switch (req->route->perm) {
	case PERM_SESSION:
	case PERM_READ:
	case PERM_WRITE:
		if (caller->session.role == ROLE_ADMINISTRATOR)
			return 0;
		break;
	default: break;
	}
	return err_set(err, REASON_FORBIDDEN, NULL, "your role does not allow this");
}

static void set_cookie(struct http_request *req, const char *value, int64_t max_age)
{
	const struct console *c = console_of(req);
	char cookie[256];

	snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
		cookie_name(c), value, (long long)max_age, c->conf.cookie_secure ? "; Secure" : "");
	http_set_header(req, "Set-Cookie", cookie);
	explicit_bzero(cookie, sizeof cookie);
}

void session_clear_cookie(struct http_request *req)
{
	set_cookie(req, "", 0);
}

/* Plain HTTP from another machine: whoever is in between reads along. */
static bool is_insecure(const struct http_request *req)
{
	struct cidr loopback4, loopback6;

	(void)cidr_parse(span_of("127.0.0.0/8"), &loopback4);
	(void)cidr_parse(span_of("::1/128"), &loopback6);
	return !console_of(req)->conf.cookie_secure && !cidr_contains(&loopback4, &req->source) &&
	       !cidr_contains(&loopback6, &req->source);
}

void session_show(const struct http_request *req, const struct session_row *session, const char *csrf,
	struct session_view *ret)
{
	*ret = (struct session_view){
		.operator = { session->id, session->username, session->role,
			session->must_change_password },
		.csrf_token = csrf,
		.expires_at = session->expires_at,
		.capabilities = { (void *)(uintptr_t)capabilities, N_ELEMENTS(capabilities) },
		.console = { "WGKeeper", WGKEEPER_VERSION, is_insecure(req) },
	};
}

int session_begin(struct http_request *req, const struct actor *actor, const struct operator_row *op,
	bool renewed, struct session_view *ret, struct err *err)
{
	struct console *c = console_of(req);
	struct timestamp expires = { time_now().us + c->conf.session_ttl_s * USEC_PER_SEC };
	const struct session_row session = { .expires_at = expires, .id = op->id,
		.username = op->username, .role = op->role,
		.must_change_password = op->must_change_password };
	char token[TOKEN_TEXT_SIZE];
	struct digest digest;
	int r;

	token_make(token);
	digest = digest_of(span_of(token));
	r = store_session_start(console_db(), actor, &digest, expires, renewed, req->arena, err);
	if (r >= 0) {
		set_cookie(req, token, c->conf.session_ttl_s);
		session_show(req, &session, csrf_of(req->arena, token), ret);
	}
	explicit_bzero(token, sizeof token);
	return r;
}
