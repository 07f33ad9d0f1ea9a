/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/parse.h"

bool parse_u64(struct span text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(unsigned char)text.at[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}

bool parse_i64(struct span text, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = text.len && text.at[0] == '-';
	uint64_t magnitude;
	int64_t value;

	if (text.len && (negative || text.at[0] == '+')) {
		text.at++;
		text.len--;
	}
	if (!parse_u64(text, (uint64_t)INT64_MAX + negative, &magnitude))
		return false;
	value = (int64_t)(negative ? -magnitude : magnitude);
	if (value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool parse_hex(struct span text, uint8_t *ret_bytes, size_t n_bytes)
{
	if (text.len != n_bytes * 2)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (hex_digit(text.at[i]) < 0)
			return false;
	for (size_t i = 0; i < n_bytes; i++)
		ret_bytes[i] = (uint8_t)(hex_digit(text.at[2 * i]) << 4 |
					 hex_digit(text.at[2 * i + 1]));
	return true;
}

bool parse_bool(struct span text, bool *ret_value)
{
	if (!span_is(text, "true") && !span_is(text, "false"))
		return false;
	*ret_value = text.at[0] == 't';
	return true;
}
