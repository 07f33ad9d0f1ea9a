/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"
#include "crypto/password.h"

/* Operators. What takes rights away ends the streams that were open with them. */

static void tell(struct http_request *req, const struct uuid *id)
{
	fleet_tell(console_of(req)->fleet, console_db(), "operator", id);
}

int api_operators_list(struct http_request *req, struct err *err)
{
	return store_operators(console_db(), req->query, req->out, req->arena, err);
}

int api_operators_get(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_OPERATOR_NOT_FOUND, &id, err);

	return r < 0 ? r : store_operator(console_db(), &id, req->out, req->arena, err);
}

/* A password that somebody else chooses is for once, and no weaker for that. */
static int hash_temporary(const struct secret *password, const char *username, char *ret_hash,
	struct err *err)
{
	const struct span text = { password->at, password->len };
	int r = password_check(text, username, "password", err);

	return r < 0 ? r : password_hash(text, ret_hash, err);
}

int api_operators_create(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	const struct operator_add *in = req->in;
	char hash[PASSWORD_HASH_SIZE];
	struct uuid id;
	int r = hash_temporary(&in->password, in->username, hash, err);

	if (r >= 0)
		r = store_operator_create(console_db(), &caller->actor, caller->session.role, in, hash, &id,
			req->arena, err);
	if (r < 0)
		return r;
	tell(req, &id);
	return store_operator(console_db(), &id, req->out, req->arena, err);
}

int api_operators_change(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	const struct operator_change *in = req->in;
	struct uuid id;
	int64_t etag;
	int r = path_id(req, 0, REASON_OPERATOR_NOT_FOUND, &id, err);

	if (r >= 0)
		r = if_match(req, &etag, err);
	if (r >= 0 && !in->has.given)
		r = err_set(err, REASON_MISSING_FIELD, "role", "give username or role");
	if (r >= 0)
		r = store_operator_change(console_db(), &caller->actor, caller->session.role, &id, etag,
			in, req->arena, err);
	if (r < 0)
		return r;
	if (r > 0)
		events_end_of(console_of(req)->events, &id, NULL);
	tell(req, &id);
	return store_operator(console_db(), &id, req->out, req->arena, err);
}

int api_operators_disable(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	struct uuid id;
	int r = path_id(req, 0, REASON_OPERATOR_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_operator_disable(console_db(), &caller->actor, caller->session.role, &id,
			req->arena, err);
	if (r < 0)
		return r;
	events_end_of(console_of(req)->events, &id, NULL);
	tell(req, &id);
	return store_operator(console_db(), &id, req->out, req->arena, err);
}

int api_operators_enable(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	struct uuid id;
	int r = path_id(req, 0, REASON_OPERATOR_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_operator_enable(console_db(), &caller->actor, caller->session.role, &id,
			req->arena, err);
	if (r < 0)
		return r;
	tell(req, &id);
	return store_operator(console_db(), &id, req->out, req->arena, err);
}

int api_operators_reset(struct http_request *req, struct err *err)
{
	const struct caller *caller = caller_of(req);
	const struct password_reset *in = req->in;
	char hash[PASSWORD_HASH_SIZE];
	struct operator_row op;
	struct uuid id;
	int r = path_id(req, 0, REASON_OPERATOR_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_operator_row(console_db(), &id, &op, req->arena, err);
	if (r >= 0)
		r = hash_temporary(&in->password, op.username, hash, err);
	if (r >= 0)
		r = store_operator_reset(console_db(), &caller->actor, caller->session.role, &id, hash,
			req->arena, err);
	if (r < 0)
		return r;
	events_end_of(console_of(req)->events, &id, NULL);
	tell(req, &id);
	return store_operator(console_db(), &id, req->out, req->arena, err);
}
