/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdint.h>

#include "json/read.h"

/* Bytes of the UTF-8 sequence at `at` (RFC 3629: shortest form, no surrogates), or 0. */
static size_t sequence(const uint8_t *at, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (at[0] < 0x80)
		return at[0] ? 1 : 0;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	n = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (n > left)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return n;
}

struct scan {
	int depth;
	bool in_string, escaped;
};

/* Follows strings and brackets; false when too deep. */
static bool scan_byte(struct scan *scan, char c)
{
	if (scan->escaped) {
		scan->escaped = false;
	} else if (scan->in_string) {
		scan->escaped = c == '\\';
		scan->in_string = c != '"';
	} else if (c == '"') {
		scan->in_string = true;
	} else if (c == '{' || c == '[') {
		return ++scan->depth <= JSON_DEPTH_MAX;
	} else if (c == '}' || c == ']') {
		scan->depth--;
	}
	return true;
}

int json_prescan(struct span text, struct err *err)
{
	struct scan scan = { 0 };
	size_t n;

	for (size_t i = 0; i < text.len; i += n) {
		n = sequence((const uint8_t *)text.at + i, text.len - i);
		if (n == 0)
			return err_set(err, REASON_INVALID_JSON, NULL,
				"byte %zu is not UTF-8 text", i + 1);
		if (!scan_byte(&scan, text.at[i]))
			return err_set(err, REASON_INVALID_JSON, NULL,
				"nested deeper than %d levels", JSON_DEPTH_MAX);
	}
	return 0;
}
