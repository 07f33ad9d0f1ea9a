/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Operators, who sign in here, their sessions and their API tokens: as the API says
 * them. Roles are in console_api.h.
 */

#include "model/console_api.h"

enum auth_way { WAY_SESSION = 1, WAY_TOKEN };
enum operator_status { OPERATOR_ACTIVE = 1, OPERATOR_DISABLED };
/* computed by token_list in sql/queries/console/operators.sql */
enum token_state { TOKEN_ACTIVE = 1, TOKEN_EXPIRED, TOKEN_REVOKED };
enum token_status { TOKENS_ACTIVE = 1, TOKENS_ENDED };

/** Letters that a token begins with, so that it is known for one wherever it is found. */
#define API_TOKEN_PREFIX "wgk_"

extern const struct word operator_role_words[], auth_way_words[], operator_status_words[],
	token_state_words[], token_status_words[];

/*
 * Who is asking
 */

struct self_view {
	struct uuid id;
	const char *username;
	int role;
	bool must_change_password;
};

struct console_about {
	const char *name, *version;
	bool insecure;
};

struct session_view {
	struct self_view operator;
	const char *csrf_token;
	struct timestamp expires_at, confirmed_until;
	struct list capabilities; /* of texts */
	struct console_about console;
};

struct token_ref {
	struct uuid id;
	const char *name;
	struct timestamp expires_at;
};

struct me_view {
	struct self_view operator;
	int auth; /* enum auth_way */
	struct token_ref token;
	struct list capabilities;
	const char *scope;
};

struct login {
	const char *username;
	struct secret password;
};

struct reauth {
	struct secret password;
};

struct password_change {
	struct secret current_password, new_password;
};

/*
 * Operators
 */

struct operator_view {
	struct uuid id;
	const char *username;
	int role;
	bool must_change_password;
	struct timestamp created_at, disabled_at, signed_in_at;
	struct operator_ref created_by;
	int64_t sessions, tokens, etag;
	const char *cursor_key;
};

struct operator_add {
	const char *username;
	int role;
	struct secret password;
};

enum { OPERATOR_CHANGE_USERNAME = 1, OPERATOR_CHANGE_ROLE = 2 };

struct operator_change {
	const char *username;
	int role;
	struct has has;
};

struct password_reset {
	struct secret password;
};

struct operator_query {
	struct page_query page;
	const char *q;
	int role, status;
};

/*
 * Sessions and tokens
 */

struct session_item {
	struct uuid id;
	struct operator_ref operator;
	struct timestamp created_at, seen_at, expires_at;
	const char *source, *user_agent;
	bool current;
	const char *cursor_key;
};

struct session_query {
	struct page_query page;
	struct uuid operator;
};

struct token_view {
	struct uuid id;
	const char *name;
	struct operator_ref operator;
	int role;
	bool elevated;
	const char *last4;
	struct timestamp created_at, expires_at, used_at;
	const char *used_from;
	struct timestamp revoked_at;
	int state;
	const char *cursor_key;
};

struct token_add {
	const char *name;
	int role;
	bool elevated;
	struct timestamp expires_at;
};

struct token_made {
	struct token_view token;
	const char *secret;
};

struct token_query {
	struct page_query page;
	struct uuid operator;
	int status;
};

extern const struct type session_view_type, me_view_type, login_type, reauth_type,
	password_change_type, operator_view_type, operator_add_type, operator_change_type,
	password_reset_type, operator_query_type, operator_page_type, session_item_type,
	session_query_type, session_page_type, token_view_type, token_add_type, token_made_type,
	token_query_type, token_page_type;

/** 1 to 64 of A-Z a-z 0-9 . _ @ -: no two that look the same, nothing that a log line could be
 * mistaken over. */
int check_username(const void *value, struct err *err);
