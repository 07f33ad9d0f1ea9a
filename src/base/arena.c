/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_CHUNK 0 /* every piece its own allocation, so that ASan sees each edge */
#else
#define ARENA_CHUNK 4000
#endif

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

struct deferred {
	struct deferred *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	struct chunk *chunks;
	struct deferred *deferred;
	size_t max, total;
	int exceeded;
};

struct arena *arena_new(size_t max)
{
	struct arena *arena = calloc(1, sizeof *arena);

	if (arena)
		arena->max = max;
	return arena;
}

static struct chunk *chunk_new(struct arena *arena, size_t size)
{
	size_t room = size > ARENA_CHUNK ? size : ARENA_CHUNK;
	struct chunk *chunk = calloc(1, sizeof *chunk + room);

	if (!chunk)
		return NULL;
	chunk->size = room;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t align = sizeof(max_align_t), want = (size + align - 1) & ~(align - 1);
	struct chunk *chunk = arena->chunks;
	void *at;

	if (want < size || want > arena->max - arena->total) {
		arena->exceeded = 1;
		return NULL;
	}
	if (!chunk || chunk->size - chunk->used < want)
		chunk = chunk_new(arena, want);
	if (!chunk)
		return NULL;
	at = chunk->data + chunk->used;
	chunk->used += want;
	arena->total += want;
	return at;
}

char *arena_strndup(struct arena *arena, struct span text)
{
	char *copy = arena_alloc(arena, text.len + 1);

	if (copy && text.len)
		memcpy(copy, text.at, text.len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text ? arena_strndup(arena, span_of(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	char *text = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n >= 0)
		text = arena_alloc(arena, (size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

int arena_defer(struct arena *arena, void (*fn)(void *arg), void *arg)
{
	struct deferred *entry = arena_alloc(arena, sizeof *entry);

	if (!entry) {
		fn(arg);
		return -1;
	}
	*entry = (struct deferred){ arena->deferred, fn, arg };
	arena->deferred = entry;
	return 0;
}

static void wipe_text(void *text)
{
	explicit_bzero(text, strlen(text));
}

char *arena_secret(struct arena *arena, struct span text)
{
	char *copy = arena_strndup(arena, text);

	return copy && arena_defer(arena, wipe_text, copy) == 0 ? copy : NULL;
}

int arena_full(const struct arena *arena, struct err *err)
{
	if (arena->exceeded)
		return err_set(err, REASON_TOO_LARGE, NULL, "the request needs more memory than allowed");
	return err_nomem(err);
}

void arena_reset(struct arena *arena)
{
	for (struct deferred *d = arena->deferred; d; d = d->next)
		d->fn(d->arg);
	arena->deferred = NULL;
	while (arena->chunks) {
		struct chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	arena->total = 0;
	arena->exceeded = 0;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	arena_reset(arena);
	free(arena);
}
