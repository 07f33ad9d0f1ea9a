/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"

/* API tokens: the text is said once, in the answer that makes it. */

/* Whose tokens the caller may see: NULL, everybody's. */
static const struct uuid *owner_of(const struct http_request *req)
{
	const struct caller *caller = caller_of(req);

	return permission_of(caller->session.role, PERM_TOKEN_READ_ALL) ? NULL : &caller->session.id;
}

static void tell(struct http_request *req, const struct uuid *id)
{
	fleet_tell(console_of(req)->fleet, console_db(), "token", id);
}

int api_tokens_list(struct http_request *req, struct err *err)
{
	return store_tokens(console_db(), req->query, owner_of(req), req->out, req->arena, err);
}

int api_tokens_get(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_TOKEN_NOT_FOUND, &id, err);

	return r < 0 ? r : store_token(console_db(), &id, owner_of(req), req->out, req->arena, err);
}

static int check_new(const struct caller *caller, const struct token_add *in, struct err *err)
{
	int64_t now = time_now().us;

	if (in->role < caller->session.role)
		return err_set(err, REASON_ROLE_TOO_HIGH, "role",
			"a token may do what you may do, or less: at most '%s'",
			word_text(operator_role_words, caller->session.role) ?: "");
	if (in->expires_at.us <= now || in->expires_at.us > now + TOKEN_MOST_S * USEC_PER_SEC)
		return err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"a token ends in the future, and within a year");
	return 0;
}

/* Overwritten when the request is over. */
static char *make_secret(struct arena *arena)
{
	char text[sizeof API_TOKEN_PREFIX - 1 + TOKEN_TEXT_SIZE] = API_TOKEN_PREFIX, *secret;

	token_make(text + strlen(API_TOKEN_PREFIX));
	secret = arena_secret(arena, span_of(text));
	explicit_bzero(text, sizeof text);
	return secret;
}

int api_tokens_create(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	struct token_new fresh = { .in = req->in };
	struct token_made *out = req->out;
	char *secret;
	struct uuid id;
	int r = check_new(caller, req->in, err);

	if (r < 0)
		return r;
	secret = make_secret(req->arena);
	if (!secret)
		return arena_full(req->arena, err);
	fresh.digest = digest_of(span_of(secret));
	fresh.last4 = secret + strlen(secret) - 4;
	r = store_token_create(console_db(), &caller->actor, &fresh, &id, req->arena, err);
	if (r >= 0)
		r = store_token(console_db(), &id, NULL, &out->token, req->arena, err);
	if (r < 0)
		return r;
	out->secret = secret;
	tell(req, &id);
	return 0;
}

int api_tokens_revoke(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	bool anybodys = permission_of(caller->session.role, PERM_OPERATOR_WRITE);
	struct uuid id;
	int r = path_id(req, 0, REASON_TOKEN_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_token_revoke(console_db(), &caller->actor, &id, anybodys, req->arena, err);
	if (r < 0)
		return r;
	events_end(console_of(req)->events, &id);
	tell(req, &id);
	return 0;
}
