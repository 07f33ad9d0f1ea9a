/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What the Console does around every handler: says for whom the database works, checks
 * the row's scope, and sees to it that a request with an Idempotency-Key is done once.
 */

#include "console/app.h"

/** The server's hook: calls the row's handler when the row's scope allows it. In a worker's thread. */
int request_handle(struct http_request *req, struct err *err);

/** Every row must say who may, within which scope, and what it is for. REASON_INTERNAL names one that
 * does not; then nothing is served. */
int routes_check(const struct route *routes, size_t n_routes, struct err *err) must_check;
