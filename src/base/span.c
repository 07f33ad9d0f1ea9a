/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/span.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool span_is_nocase(struct span span, const char *text)
{
	if (span.len != strlen(text))
		return false;
	for (size_t i = 0; i < span.len; i++)
		if (lower(span.at[i]) != lower(text[i]))
			return false;
	return true;
}

struct span span_cut(struct span *rest, char sep)
{
	const char *end = rest->len ? memchr(rest->at, sep, rest->len) : NULL;
	struct span head = *rest;

	if (!end) {
		*rest = (struct span){ NULL, 0 };
		return head;
	}
	head.len = (size_t)(end - rest->at);
	rest->at = end + 1;
	rest->len -= head.len + 1;
	return head;
}

struct span span_trim(struct span span)
{
	while (span.len && is_blank(span.at[0])) {
		span.at++;
		span.len--;
	}
	while (span.len && is_blank(span.at[span.len - 1]))
		span.len--;
	return span;
}
