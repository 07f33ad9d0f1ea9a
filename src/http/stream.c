/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "http/stream.h"

struct http_stream {
	pthread_mutex_t lock;
	struct MHD_Connection *connection;
	unsigned refs;
	bool ended, reader_gone, suspended;
	size_t size, head, used; /* the ring: `used` bytes from `head` on */
	char data[];
};

struct http_stream *stream_new(struct http_request *req, size_t size)
{
	struct http_stream *stream = calloc(1, sizeof *stream + size);

	if (!stream)
		return NULL;
	pthread_mutex_init(&stream->lock, NULL);
	stream->connection = req->connection;
	stream->size = size;
	stream->refs = 2;
	req->stream = stream;
	return stream;
}

void stream_unref(struct http_stream *stream)
{
	unsigned refs;

	if (!stream)
		return;
	pthread_mutex_lock(&stream->lock);
	refs = --stream->refs;
	pthread_mutex_unlock(&stream->lock);
	if (refs)
		return;
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

/* With the lock held. */
static void wake(struct http_stream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->connection);
}

bool stream_write(struct http_stream *stream, const void *data, size_t len)
{
	size_t tail, first;
	bool fits;

	pthread_mutex_lock(&stream->lock);
	fits = !stream->ended && !stream->reader_gone && len <= stream->size - stream->used;
	if (fits) {
		tail = (stream->head + stream->used) % stream->size;
		first = len < stream->size - tail ? len : stream->size - tail;
		memcpy(stream->data + tail, data, first);
		memcpy(stream->data, (const char *)data + first, len - first);
		stream->used += len;
		wake(stream);
	}
	pthread_mutex_unlock(&stream->lock);
	return fits;
}

bool stream_is_closed(struct http_stream *stream)
{
	bool closed;

	pthread_mutex_lock(&stream->lock);
	closed = stream->ended || stream->reader_gone;
	pthread_mutex_unlock(&stream->lock);
	return closed;
}

void stream_end(struct http_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->ended = true;
	wake(stream);
	pthread_mutex_unlock(&stream->lock);
}

static ssize_t read_ring(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct http_stream *stream = ctx;
	ssize_t n = 0;

	(void)pos;
	pthread_mutex_lock(&stream->lock);
	if (stream->used) {
		size_t run = stream->size - stream->head;

		run = run < stream->used ? run : stream->used;
		run = run < max ? run : max;
		memcpy(buf, stream->data + stream->head, run);
		stream->head = (stream->head + run) % stream->size;
		stream->used -= run;
		n = (ssize_t)run;
	} else if (stream->ended) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		stream->suspended = true;
		MHD_suspend_connection(stream->connection);
	}
	pthread_mutex_unlock(&stream->lock);
	return n;
}

static void reader_gone(void *ctx)
{
	struct http_stream *stream = ctx;

	pthread_mutex_lock(&stream->lock);
	stream->reader_gone = true;
	stream->suspended = false;
	pthread_mutex_unlock(&stream->lock);
	stream_unref(stream);
}

struct MHD_Response *stream_response(struct http_stream *stream)
{
	return MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 4096, read_ring, stream, reader_gone);
}
