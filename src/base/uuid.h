/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* UUIDs (RFC 9562): version 4 for peers, version 7 for everything else that is ours. */

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/time.h"

struct uuid {
	uint8_t bytes[16];
};

#define UUID_TEXT_SIZE 37

/** The 36-character form, hexadecimal digits of either case; any version. */
bool uuid_parse(struct span text, struct uuid *ret_uuid);

/** The forms the published node takes: 36 characters; 32 without dashes; "urn:uuid:" before 36;
 * 38 with any first and last byte. */
bool uuid_parse_lax(struct span text, struct uuid *ret_uuid);

/** Version 4 and the variant of RFC 9562. */
bool uuid_is_v4(const struct uuid *uuid);

bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_zero(const struct uuid *uuid);

void uuid_make_v4(struct uuid *ret_uuid);

/** Ordered by `now` to the millisecond. */
void uuid_make_v7(struct timestamp now, struct uuid *ret_uuid);

/** Lower case, dashed. Returns `buf`. */
const char *uuid_format(char buf[UUID_TEXT_SIZE], const struct uuid *uuid);
