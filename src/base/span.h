/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * A piece of somebody else's bytes: what parsers read. Never NUL-terminated,
 * never owned; valid as long as the bytes are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

static inline struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static inline bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && !memcmp(span.at, text, span.len);
}

/** ASCII letters count as equal whatever their case. */
bool span_is_nocase(struct span span, const char *text);

static inline bool span_starts(struct span span, const char *text)
{
	return span.len >= strlen(text) && !memcmp(span.at, text, strlen(text));
}

/** Cuts off and returns what stands before the first `sep` (all of it when there is none);
 * `rest` then holds what follows, or is empty with `at` NULL after the last piece. */
struct span span_cut(struct span *rest, char sep);

/** Without ASCII blanks (space, tab, CR, LF) at both ends. */
struct span span_trim(struct span span);
