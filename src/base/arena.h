/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Memory of one request or one job: bounded, zeroed, and freed whole.
 *
 * What is not memory (a secret to wipe, a connection to give back) is put on the
 * arena's list with arena_defer() and undone in reverse order. One thread at a
 * time uses an arena.
 */

#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

struct arena; /* opaque: arena.c */

/** An arena that gives at most `max` bytes. NULL without memory. */
struct arena *arena_new(size_t max);

/** `size` zeroed bytes, aligned for anything; NULL when the arena or the machine is full. */
void *arena_alloc(struct arena *arena, size_t size) must_check;

/** Copies, NUL-terminated. NULL when full; arena_strdup(NULL) is NULL. */
char *arena_strdup(struct arena *arena, const char *text) must_check;
char *arena_strndup(struct arena *arena, struct span text) must_check;
char *arena_printf(struct arena *arena, const char *fmt, ...) must_check
	__attribute__((format(printf, 2, 3)));

/** Runs fn(arg) when the arena is reset or freed. Non-zero when full: `fn` has then run. */
int arena_defer(struct arena *arena, void (*fn)(void *arg), void *arg) must_check;

/** As arena_strndup, and the copy is overwritten before its memory is given back. */
char *arena_secret(struct arena *arena, struct span text) must_check;

/** Raised where arena_* gave NULL: the arena's limit is the client's fault, memory is not. */
int arena_full(const struct arena *arena, struct err *err);

/** Runs what was deferred and gives everything back; the arena is empty and usable. */
void arena_reset(struct arena *arena);

void arena_free(struct arena *arena);
DEFINE_FREEP(struct arena, arena_free);
