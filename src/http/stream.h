/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * An answer of unknown length: written by somebody, read by the connection.
 *
 * A bounded ring between the two. A reader that finds it empty is suspended and
 * resumed by the next write; a writer that finds it full is told so and never
 * waits. Writers may be other threads. The stream has two owners (writer and
 * connection) and goes with the last.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct http_stream;
struct http_request;
struct MHD_Response;

/** A stream as the answer of `req` (whose handler then returns 0), with a ring of `size` bytes. NULL
 * without memory. The caller holds the writer's share until stream_unref(). */
struct http_stream *stream_new(struct http_request *req, size_t size);

/** Puts all of `data` into the ring, or nothing: false when there is no room, or the reader is gone. */
bool stream_write(struct http_stream *stream, const void *data, size_t len);

/** Whether the connection is gone, or the stream was ended. */
bool stream_is_closed(struct http_stream *stream);

/** No more will be written; what is in the ring is still sent. */
void stream_end(struct http_stream *stream);

void stream_unref(struct http_stream *stream);
DEFINE_FREEP(struct http_stream, stream_unref);

/** For the server. */
struct MHD_Response *stream_response(struct http_stream *stream);
