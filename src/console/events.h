/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * News to browsers (server-sent events, WHATWG HTML section 9.2). What a reader missed
 * it reads again: a stream that is full is told to `reset`, never waited for. A stream
 * goes with the session or token it was opened with. Any thread.
 */

#include "base/uuid.h"
#include "http/http.h"

enum { EVENTS_STREAMS_MAX = 256 };

struct events; /* opaque */

/** Whose a stream is. */
struct event_owner {
	struct uuid operator, credential; /* the session's or the token's */
	int way; /* which of the two: the program's own number */
};

struct events *events_new(void);

/** Makes `req` a stream. REASON_BUSY: too many. */
int events_subscribe(struct events *events, struct http_request *req, const struct event_owner *owner,
	int64_t seq, struct err *err) must_check;

/** Tells everybody. `json` is the data, on one line. */
void events_publish(struct events *events, const char *name, int64_t seq, const char *json);

/** A comment to everybody, so that dead connections are found. */
void events_heartbeat(struct events *events);

/** Whose streams there are; at most EVENTS_STREAMS_MAX. */
size_t events_owners(struct events *events, struct event_owner ret_owners[EVENTS_STREAMS_MAX]);

/** Ends the streams of a session or token; NULL: all. */
void events_end(struct events *events, const struct uuid *credential);

/** Ends an operator's streams, but those of `except` (may be NULL). */
void events_end_of(struct events *events, const struct uuid *operator, const struct uuid *except);

void events_free(struct events *events);
DEFINE_FREEP(struct events, events_free);
