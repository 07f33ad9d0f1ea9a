/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Requests with an Idempotency-Key: done once, answered as often as they come, for a
 * day. What is remembered, and when, is in store/once.h.
 *
 * The same key with the same request: the first answer, marked Idempotency-Replayed.
 * Where that was lost with the Console, or must not be kept, it is made again from what
 * is there now (the row's `again`). With another request: REASON_IDEMPOTENCY. While the
 * first is under way: REASON_ONCE_BUSY. A request that changed nothing is not remembered:
 * it failed, and may be tried again under its key.
 */

#include "console/app.h"

struct inflight; /* keys of requests that are under way */

struct inflight *inflight_new(void);
void inflight_free(struct inflight *inflight);
DEFINE_FREEP(struct inflight, inflight_free);

/** Whether the request may change something and has a key. */
bool once_wanted(const struct http_request *req);

/** Calls the row's handler, unless this was done before. REASON_INVALID_FIELD, _IDEMPOTENCY, _ONCE_BUSY,
 * _ONCE_LOST, and the handler's. */
int once_run(struct http_request *req, struct err *err);
