/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>

#include "base/utf8.h"

size_t utf8_sequence(const uint8_t *at, size_t left)
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

bool utf8_ok(struct span text)
{
	size_t n;

	for (size_t i = 0; i < text.len; i += n) {
		n = utf8_sequence((const uint8_t *)text.at + i, text.len - i);
		if (n == 0)
			return false;
	}
	return true;
}

static bool is_control(struct span character)
{
	uint8_t first = (uint8_t)character.at[0];

	/* C0 and DEL; C1 is U+0080 to U+009F */
	return first < 0x20 || first == 0x7f || (first == 0xc2 && (uint8_t)character.at[1] < 0xa0);
}

size_t utf8_clean(char *buf, size_t size, struct span text)
{
	size_t len = 0, n;

	assert(size > 0);
	for (; text.len; text.at += n, text.len -= n) {
		size_t whole = utf8_sequence((const uint8_t *)text.at, text.len);

		n = whole ? whole : 1;
		if (!whole || is_control(text) || (len == 0 && text.at[0] == ' '))
			continue;
		if (len + n >= size)
			break;
		memcpy(buf + len, text.at, n);
		len += n;
	}
	while (len && buf[len - 1] == ' ')
		len--;
	buf[len] = '\0';
	return len;
}
