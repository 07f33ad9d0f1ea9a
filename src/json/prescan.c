/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/utf8.h"
#include "json/read.h"

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
		n = utf8_sequence((const uint8_t *)text.at + i, text.len - i);
		if (n == 0)
			return err_set(err, REASON_INVALID_JSON, NULL,
				"byte %zu is not UTF-8 text", i + 1);
		if (!scan_byte(&scan, text.at[i]))
			return err_set(err, REASON_INVALID_JSON, NULL,
				"nested deeper than %d levels", JSON_DEPTH_MAX);
	}
	return 0;
}
