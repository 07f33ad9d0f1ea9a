/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "base/parse.h"
#include "base/rng.h"
#include "base/uuid.h"

static const uint8_t group_digits[] = { 8, 4, 4, 4, 12 };

bool uuid_parse(struct span text, struct uuid *ret_uuid)
{
	char digits[32];
	size_t n = 0, at = 0;

	if (text.len != 36)
		return false;
	for (size_t g = 0; g < sizeof group_digits; g++) {
		memcpy(digits + n, text.at + at, group_digits[g]);
		n += group_digits[g];
		at += group_digits[g];
		if (at < text.len && text.at[at++] != '-')
			return false;
	}
	return parse_hex((struct span){ digits, sizeof digits }, ret_uuid->bytes, 16);
}

bool uuid_parse_lax(struct span text, struct uuid *ret_uuid)
{
	switch (text.len) {
	case 32: return parse_hex(text, ret_uuid->bytes, 16);
	case 36: return uuid_parse(text, ret_uuid);
	case 38: return uuid_parse((struct span){ text.at + 1, 36 }, ret_uuid);
	case 45:
		return span_is_nocase((struct span){ text.at, 9 }, "urn:uuid:") &&
		       uuid_parse((struct span){ text.at + 9, 36 }, ret_uuid);
	default: return false;
	}
}

bool uuid_is_v4(const struct uuid *uuid)
{
	return uuid->bytes[6] >> 4 == 4 && uuid->bytes[8] >> 6 == 2;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return !memcmp(a, b, sizeof *a);
}

bool uuid_is_zero(const struct uuid *uuid)
{
	static const struct uuid zero;

	return uuid_equal(uuid, &zero);
}

static void stamp(struct uuid *uuid, unsigned version)
{
	uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | version << 4);
	uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
}

void uuid_make_v4(struct uuid *ret_uuid)
{
	rng_bytes(ret_uuid, sizeof *ret_uuid);
	stamp(ret_uuid, 4);
}

void uuid_make_v7(struct timestamp now, struct uuid *ret_uuid)
{
	uint64_t ms = (uint64_t)(now.us / USEC_PER_MS);

	rng_bytes(ret_uuid, sizeof *ret_uuid);
	for (int i = 0; i < 6; i++)
		ret_uuid->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
	stamp(ret_uuid, 7);
}

const char *uuid_format(char buf[UUID_TEXT_SIZE], const struct uuid *uuid)
{
	static const char digits[] = "0123456789abcdef";
	char *at = buf;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[uuid->bytes[i] >> 4];
		*at++ = digits[uuid->bytes[i] & 15];
	}
	*at = '\0';
	return buf;
}
