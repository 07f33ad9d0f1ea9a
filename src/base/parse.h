/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Numbers from text. Each takes the whole text or nothing: no blanks, no sign
 * unless said, no overflow, no rest. Nothing is written on failure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/** Decimal digits only ("0", "42"; "007" is 7), at most `max`. */
bool parse_u64(struct span text, uint64_t max, uint64_t *ret_value);

/** An optional sign, then decimal digits; within [min, max]. */
bool parse_i64(struct span text, int64_t min, int64_t max, int64_t *ret_value);

/** Exactly `n_bytes * 2` hexadecimal digits of either case. */
bool parse_hex(struct span text, uint8_t *ret_bytes, size_t n_bytes);

/** "true" or "false". */
bool parse_bool(struct span text, bool *ret_value);
