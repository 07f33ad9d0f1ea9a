/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/auth/session.h"

#include <sodium.h>
#include <stdio.h>

enum { USER_AGENT_MAX = 200 };

static const char csrf_purpose[] = "wgkeeper csrf 1";

static const char *cookie_name(const struct console *c)
{
	/* the prefix makes browsers insist on Secure, the host and the path: RFC 6265bis 4.1.3.2 */
	return c->conf.cookie_secure ? "__Host-wgkeeper_session" : "wgkeeper_session";
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

	if (!http_is_unsafe(req))
		return 0;
	/* browsers say one of the two with every such request; programs say neither, and have no
	 * cookies of a browser's */
	if ((site && strcmp(site, "same-origin") != 0) ||
		(!site && origin && !same_origin(origin, http_header(req, "Host"))))
		return err_set(err, REASON_CROSS_SITE, NULL,
			"the request came from another site; use the Console's own pages");
	return 0;
}

const char *session_cookie(const struct http_request *req)
{
	return http_cookie(req, cookie_name(console_of(req)));
}

const char *session_csrf(struct arena *arena, const char *token)
{
	struct digest mac = digest_hmac(span_of(token), span_of(csrf_purpose));
	char *text = arena_alloc(arena, TOKEN_TEXT_SIZE);

	if (text)
		sodium_bin2base64(text, TOKEN_TEXT_SIZE, mac.bytes, sizeof mac.bytes,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return text;
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
		.confirmed_until = { session->password_at.us + SESSION_CONFIRMED_S * USEC_PER_SEC },
		.capabilities = permission_words(session->role, req->arena),
		.console = { "WGKeeper", WGKEEPER_VERSION, is_insecure(req) },
	};
}

/* What the browser calls itself, to tell sessions by; never more than printable ASCII. */
static const char *user_agent(struct http_request *req)
{
	const char *given = http_header(req, "User-Agent");
	char *text = arena_strndup(req->arena,
		given ? (struct span){ given, strnlen(given, USER_AGENT_MAX) } : span_of(""));

	for (char *c = text; c && *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text ?: "";
}

struct timestamp session_end_of(const struct http_request *req)
{
	return (struct timestamp){ time_now().us +
				   console_of(req)->conf.session_ttl_s * USEC_PER_SEC };
}

void session_make(struct http_request *req, struct timestamp expires_at, struct session_pass *ret_pass)
{
	token_make(ret_pass->token);
	ret_pass->fresh = (struct session_new){ .token = digest_of(span_of(ret_pass->token)),
		.expires_at = expires_at, .user_agent = user_agent(req) };
}

void session_give(struct http_request *req, const struct session_pass *pass,
	const struct session_row *session, struct session_view *ret)
{
	int64_t left = (pass->fresh.expires_at.us - time_now().us) / USEC_PER_SEC;

	set_cookie(req, pass->token, left > 0 ? left : 0);
	session_show(req, session, session_csrf(req->arena, pass->token), ret);
}

void session_pass_wipe(struct session_pass *pass)
{
	explicit_bzero(pass->token, sizeof pass->token);
}
