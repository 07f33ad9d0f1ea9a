/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/events.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/time.h"
#include "http/stream.h"

enum { PER_SESSION_MAX = 16, RING = 64 * 1024, EVENT_MAX = 32 * 1024 };

struct reader {
	struct http_stream *stream;
	struct event_owner owner;
	bool behind; /* it missed something and is to be told */
	TAILQ_ENTRY(reader) link;
};

struct events {
	pthread_mutex_t lock;
	TAILQ_HEAD(, reader) readers;
	unsigned n;
};

static const char reset[] = "event: reset\ndata: {}\n\n";

struct events *events_new(void)
{
	struct events *events = calloc(1, sizeof *events);

	if (!events)
		return NULL;
	pthread_mutex_init(&events->lock, NULL);
	TAILQ_INIT(&events->readers);
	return events;
}

static void drop(struct events *events, struct reader *reader)
{
	TAILQ_REMOVE(&events->readers, reader, link);
	events->n--;
	stream_end(reader->stream);
	stream_unref(reader->stream);
	free(reader);
}

static unsigned count_of(const struct events *events, const struct uuid *credential)
{
	struct reader *reader;
	unsigned n = 0;

	TAILQ_FOREACH(reader, &events->readers, link)
		n += uuid_equal(&reader->owner.credential, credential);
	return n;
}

static void sweep(struct events *events)
{
	struct reader *reader = TAILQ_FIRST(&events->readers), *next;

	for (; reader; reader = next) {
		next = TAILQ_NEXT(reader, link);
		if (stream_is_closed(reader->stream))
			drop(events, reader);
	}
}

static int add(struct events *events, struct http_request *req, const struct event_owner *owner,
	int64_t seq, struct err *err)
{
	char hello[160], now[TIME_TEXT_SIZE];
	struct reader *reader;

	sweep(events);
	if (events->n >= EVENTS_STREAMS_MAX ||
		count_of(events, &owner->credential) >= PER_SESSION_MAX)
		return err_set(err, REASON_BUSY, NULL, "too many event streams are open");
	reader = calloc(1, sizeof *reader);
	if (!reader)
		return err_nomem(err);
	reader->stream = stream_new(req, RING);
	if (!reader->stream) {
		free(reader);
		return err_nomem(err);
	}
	reader->owner = *owner;
	TAILQ_INSERT_TAIL(&events->readers, reader, link);
	events->n++;
	snprintf(hello, sizeof hello, "event: hello\nid: %lld\ndata: {\"time\":\"%s\",\"seq\":%lld}\n\n",
		(long long)seq, time_format(now, time_now(), TIME_FRACTION), (long long)seq);
	(void)stream_write(reader->stream, hello, strlen(hello)); /* the ring is empty */
	return 0;
}

int events_subscribe(struct events *events, struct http_request *req, const struct event_owner *owner,
	int64_t seq, struct err *err)
{
	int r;

	req->content_type = "text/event-stream";
	pthread_mutex_lock(&events->lock);
	r = add(events, req, owner, seq, err);
	pthread_mutex_unlock(&events->lock);
	return r;
}

static void send_all(struct events *events, const char *text, size_t len)
{
	struct reader *reader;

	pthread_mutex_lock(&events->lock);
	sweep(events);
	TAILQ_FOREACH(reader, &events->readers, link) {
		if (reader->behind)
			reader->behind = !stream_write(reader->stream, reset, strlen(reset));
		else
			reader->behind = !stream_write(reader->stream, text, len);
	}
	pthread_mutex_unlock(&events->lock);
}

void events_publish(struct events *events, const char *name, int64_t seq, const char *json)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(EVENT_MAX);

	sbuf_printf(&text, "event: %s\nid: %lld\ndata: %s\n\n", name, (long long)seq, json);
	if (text.failed)
		send_all(events, reset, strlen(reset));
	else
		send_all(events, text.data, text.len);
}

void events_heartbeat(struct events *events)
{
	send_all(events, ":\n\n", 3);
}

size_t events_owners(struct events *events, struct event_owner ret_owners[EVENTS_STREAMS_MAX])
{
	struct reader *reader;
	size_t n = 0;

	pthread_mutex_lock(&events->lock);
	TAILQ_FOREACH(reader, &events->readers, link)
		ret_owners[n++] = reader->owner;
	pthread_mutex_unlock(&events->lock);
	return n;
}

/* Both may be NULL: then it does not matter. */
static void end_some(struct events *events, const struct uuid *credential, const struct uuid *operator,
	const struct uuid *except)
{
	struct reader *reader, *next;

	pthread_mutex_lock(&events->lock);
	for (reader = TAILQ_FIRST(&events->readers); reader; reader = next) {
		const struct event_owner *owner = &reader->owner;

		next = TAILQ_NEXT(reader, link);
		if ((credential && !uuid_equal(&owner->credential, credential)) ||
			(operator && !uuid_equal(&owner->operator, operator)) ||
			(except && uuid_equal(&owner->credential, except)))
			continue;
		drop(events, reader);
	}
	pthread_mutex_unlock(&events->lock);
}

void events_end(struct events *events, const struct uuid *credential)
{
	end_some(events, credential, NULL, NULL);
}

void events_end_of(struct events *events, const struct uuid *operator, const struct uuid *except)
{
	end_some(events, NULL, operator, except);
}

void events_free(struct events *events)
{
	if (!events)
		return;
	events_end(events, NULL);
	pthread_mutex_destroy(&events->lock);
	free(events);
}
