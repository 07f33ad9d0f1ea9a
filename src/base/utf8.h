/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* UTF-8 (RFC 3629): shortest forms only, no surrogates. */

#include <stdint.h>

#include "base/span.h"

/** Bytes of the sequence that begins at `at`, with `left` bytes to go (at least 1), or 0 when there is none.
 * A NUL is none. */
size_t utf8_sequence(const uint8_t *at, size_t left);

/** Whether all of it is UTF-8, without NULs. */
bool utf8_ok(struct span text);

/** Copies `text` for people to read on one line, NUL-terminated: control characters and what is not
 * UTF-8 left out, blanks at both ends too, cut between two characters where it is longer than `size`
 * allows. Returns the bytes written, without the NUL. */
size_t utf8_clean(char *buf, size_t size, struct span text);
