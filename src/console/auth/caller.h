/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Who asks, and whether they may: by the cookie of a session, or by an API token
 * (Authorization: Bearer wgk_...). A token stands alone: with one, cookies and X-CSRF
 * are not looked at. Both hooks run in the server's threads and only read.
 */

#include "console/app.h"

/** Finds the caller. REASON_UNAUTHORIZED */
int caller_find(struct http_request *req, struct err *err);

/** X-CSRF, the forced password change, the row's permission, the password's age. REASON_CROSS_SITE,
 * _PASSWORD_CHANGE, _FORBIDDEN, _SESSION_ONLY, _REAUTH */
int caller_allow(struct http_request *req, struct err *err);

/** Notes that the session or the token is in use, now and then; from a worker's thread. */
void caller_touch(struct http_request *req);
