/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * News to browsers (server-sent events, WHATWG HTML section 9.2). What a reader missed
 * it reads again: a stream that is full is told to `reset`, never waited for. Any thread.
 */

#include "crypto/digest.h"
#include "http/http.h"

struct events; /* opaque */

struct events *events_new(void);

/** Makes `req` a stream of the session. REASON_BUSY: too many. */
int events_subscribe(struct events *events, struct http_request *req, const struct digest *session,
	int64_t seq, struct err *err) must_check;

/** Tells everybody. `json` is the data, on one line. */
void events_publish(struct events *events, const char *name, int64_t seq, const char *json);

/** A comment to everybody, so that dead connections are found. */
void events_heartbeat(struct events *events);

/** Ends the streams of a session; NULL: all. */
void events_end(struct events *events, const struct digest *session);

void events_free(struct events *events);
DEFINE_FREEP(struct events, events_free);
