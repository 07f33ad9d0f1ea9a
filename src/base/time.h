/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Points in time: microseconds since 1970-01-01T00:00:00Z, and their RFC 3339 text.
 * Years 0000 to 9999; leap seconds do not exist here (":60" is refused).
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define USEC_PER_MS  INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)

struct timestamp {
	int64_t us;
};

#define TIME_TEXT_SIZE 36

/** The wall clock. */
struct timestamp time_now(void);

/** A clock that never goes back and knows no date, in microseconds. */
int64_t time_monotonic_us(void);

/** RFC 3339 section 5.6 `date-time` with upper-case T and Z and any number of fractional digits
 * (kept to the microsecond). */
bool time_parse(struct span text, struct timestamp *ret_time);

/** As time_parse, and also what Go's time.RFC3339 takes: one-digit hours, a comma before the
 * fraction, offsets up to 24:00. */
bool time_parse_lax(struct span text, struct timestamp *ret_time);

enum time_precision { TIME_SECONDS, TIME_FRACTION };

/** Writes UTC, e.g. "2026-05-01T10:00:00Z"; with TIME_FRACTION the microseconds follow, without
 * trailing zeros, unless there are none. Returns `buf`. */
const char *time_format(char buf[TIME_TEXT_SIZE], struct timestamp t, enum time_precision p);
