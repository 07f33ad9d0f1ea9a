/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Sessions as a browser holds them: the cookie, the CSRF token, what GET /session says. */

#include "console/app.h"

/** Refuses what a browser sends on behalf of another site. */
int session_admit(struct http_request *req, struct err *err);

/** What the cookie holds, or NULL. */
const char *session_cookie(const struct http_request *req);

/** The CSRF token of a session: its cookie's HMAC. NULL without memory. */
const char *session_csrf(struct arena *arena, const char *token);

/** A session that is being made: the cookie's text, and what is kept of it. */
struct session_pass {
	char token[TOKEN_TEXT_SIZE];
	struct session_new fresh;
};

/** A new pass that ends at `expires_at`. */
void session_make(struct http_request *req, struct timestamp expires_at, struct session_pass *ret_pass);

/** When a session that begins now is over. */
struct timestamp session_end_of(const struct http_request *req);

/** Sets the cookie, and says what GET /session says. */
void session_give(struct http_request *req, const struct session_pass *pass,
	const struct session_row *session, struct session_view *ret);

/** For scoped(): the pass is overwritten. */
void session_pass_wipe(struct session_pass *pass);

/** Takes the cookie away. */
void session_clear_cookie(struct http_request *req);

/** What GET /session says. */
void session_show(const struct http_request *req, const struct session_row *session, const char *csrf,
	struct session_view *ret);
