/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Operators, their sessions and their API tokens.
 *
 * What takes rights away takes sessions and tokens with it, in one transaction; ending
 * the streams they had open is the caller's (events_end_of).
 */

#include "console/audit/write.h"
#include "model/operators.h"

/*
 * Operators
 */

struct operator_row {
	struct uuid id;
	const char *username;
	int role;
	struct secret password_hash;
	bool must_change_password;
	int64_t standing;
	struct timestamp disabled_at;
	int64_t etag;
};

/** Makes the first administrator unless there is an operator. 1: made; 0: there was one. */
int store_bootstrap(struct db *db, const char *username, const char *password_hash, struct arena *arena,
	struct err *err) must_check;

/** REASON_NOT_FOUND */
int store_operator_by_name(struct db *db, const char *username, struct operator_row *ret_row,
	struct arena *arena, struct err *err) must_check;

/** REASON_OPERATOR_NOT_FOUND */
int store_operator_row(struct db *db, const struct uuid *id, struct operator_row *ret_row,
	struct arena *arena, struct err *err) must_check;
int store_operator(struct db *db, const struct uuid *id, struct operator_view *ret_view,
	struct arena *arena, struct err *err) must_check;
int store_operators(struct db *db, const struct operator_query *query, struct page *ret_page,
	struct arena *arena, struct err *err) must_check;

/** Sets one's own password, ends every session of one's own and begins `fresh` instead. */
struct session_new;
int store_set_password(struct db *db, const struct actor *actor, const char *hash,
	const struct session_new *fresh, struct uuid *ret_session, struct arena *arena,
	struct err *err) must_check;

/** All of these are acts of an operator whose role is `own_role`, on another one: REASON_ROLE_TOO_HIGH
 * where that one's role, or the one to be given, is above it; REASON_OWN_ACCOUNT, or
 * REASON_LAST_ADMINISTRATOR when there is no other, where it is their own account. */

/** `hash` is of a password to be changed at the first sign-in. REASON_NAME_IN_USE */
int store_operator_create(struct db *db, const struct actor *actor, int own_role,
	const struct operator_add *in, const char *hash, struct uuid *ret_id, struct arena *arena,
	struct err *err) must_check;

/** A new role ends the sessions; a lesser one the tokens too. 1: it did. REASON_CHANGED,
 * REASON_NAME_IN_USE. One's own name may be changed. */
int store_operator_change(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, int64_t etag, const struct operator_change *in, struct arena *arena,
	struct err *err) must_check;

/** Ends sessions and tokens. 1: disabled now; 0: was already. */
int store_operator_disable(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, struct arena *arena, struct err *err) must_check;

/** 1: enabled now; 0: was already. */
int store_operator_enable(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, struct arena *arena, struct err *err) must_check;

/** Gives a temporary password and ends the sessions. */
int store_operator_reset(struct db *db, const struct actor *actor, int own_role,
	const struct uuid *id, const char *hash, struct arena *arena, struct err *err) must_check;

/*
 * Sessions
 */

struct session_row {
	struct uuid session_id;
	struct timestamp expires_at, seen_at, password_at;
	struct uuid id; /* the operator's, as the rest */
	const char *username;
	int role;
	bool must_change_password;
	int64_t standing;
};

enum { SESSION_IDLE_S = 1800, SESSION_TOUCH_S = 30, SESSION_CONFIRMED_S = 900 };

struct session_new {
	struct digest token;
	struct timestamp expires_at;
	const char *user_agent;
};

/** Writes the session and the audit entry of signing in. */
int store_session_start(struct db *db, const struct actor *actor, const struct session_new *in,
	struct uuid *ret_id, struct arena *arena, struct err *err) must_check;

/** REASON_NOT_FOUND: none, or over, or its operator is disabled. Writes nothing. */
int store_session_get(struct db *db, const struct digest *token, struct session_row *ret_row,
	struct arena *arena, struct err *err) must_check;

/** Notes that a session is in use. */
int store_session_touch(struct db *db, const struct uuid *id, struct err *err) must_check;

/** The password was given again: the session gets another token. REASON_SESSION_NOT_FOUND: it is over,
 * or another request was first. */
int store_session_confirm(struct db *db, const struct actor *actor, const struct uuid *id,
	const struct digest *token, const struct digest *fresh, struct arena *arena,
	struct err *err) must_check;

/** Ends a session: one's own, or (`anybodys`) any. REASON_SESSION_NOT_FOUND */
int store_session_end(struct db *db, const struct actor *actor, const struct uuid *id, bool anybodys,
	struct arena *arena, struct err *err) must_check;

/** Ends all of one's own but this one. */
int store_session_end_others(struct db *db, const struct actor *actor, const struct uuid *id,
	struct arena *arena, struct err *err) must_check;

/** Sessions that are open; `current` is marked. */
int store_sessions(struct db *db, const struct session_query *query, const struct uuid *current,
	struct page *ret_page, struct arena *arena, struct err *err) must_check;

/** The entry of `count` failed attempts to sign in as `username`. */
int store_session_failed(struct db *db, const struct actor *actor, const char *username,
	int64_t count, struct arena *arena, struct err *err) must_check;

/*
 * API tokens
 */

enum { TOKEN_MOST_S = 366 * 86400, TOKEN_TOUCH_S = 60 };

struct token_row {
	struct uuid token_id;
	int token_role;
	bool elevated;
	struct timestamp used_at;
	struct uuid id; /* its operator's, as the rest */
	const char *username;
	int role;
	int64_t standing;
};

struct token_new {
	const struct token_add *in;
	struct digest digest;
	const char *last4;
};

int store_token_create(struct db *db, const struct actor *actor, const struct token_new *in,
	struct uuid *ret_id, struct arena *arena, struct err *err) must_check;

/** REASON_NOT_FOUND: none, or over, or its operator is disabled. Writes nothing. */
int store_token_get(struct db *db, const struct digest *token, struct token_row *ret_row,
	struct arena *arena, struct err *err) must_check;
int store_token_touch(struct db *db, const struct uuid *id, const struct cidr *source,
	struct err *err) must_check;

/** Ends a token: one's own, or (`anybodys`) any. 1: ended now; 0: was already. REASON_TOKEN_NOT_FOUND */
int store_token_revoke(struct db *db, const struct actor *actor, const struct uuid *id, bool anybodys,
	struct arena *arena, struct err *err) must_check;

/** Ends all of an operator's tokens, inside a transaction; an entry for each. */
int store_tokens_end(struct db *db, const struct actor *actor, const struct uuid *operator,
	struct arena *arena, struct err *err) must_check;

/** `owner`: only theirs; NULL: everybody's. */
int store_tokens(struct db *db, const struct token_query *query, const struct uuid *owner,
	struct page *ret_page, struct arena *arena, struct err *err) must_check;

/** REASON_TOKEN_NOT_FOUND */
int store_token(struct db *db, const struct uuid *id, const struct uuid *owner,
	struct token_view *ret_token, struct arena *arena, struct err *err) must_check;

/*
 * What streams hold on to
 */

/** Whether the session, or the token, is still good. */
int store_session_alive(struct db *db, const struct uuid *id, bool *ret_alive, struct err *err)
	must_check;
int store_token_alive(struct db *db, const struct uuid *id, bool *ret_alive, struct err *err)
	must_check;
