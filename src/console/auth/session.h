/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Cookies, CSRF tokens, and who may do what: the server's hooks. */

#include "console/app.h"

/** Refuses what a browser sends on behalf of another site. */
int session_admit(struct http_request *req, struct err *err);

/** Finds the caller by the cookie. Reads one row; in the server's thread. */
int session_authenticate(struct http_request *req, struct err *err);

/** X-CSRF, the forced password change, the row's permission. */
int session_authorize(struct http_request *req, struct err *err);

/** Starts a session for `op` and sets the cookie; `renewed`: it replaces another one. Fills in `ret`. */
int session_begin(struct http_request *req, const struct actor *actor, const struct operator_row *op,
	bool renewed, struct session_view *ret, struct err *err) must_check;

/** Takes the cookie away. */
void session_clear_cookie(struct http_request *req);

/** What GET /session says. */
void session_show(const struct http_request *req, const struct session_row *session, const char *csrf,
	struct session_view *ret);
