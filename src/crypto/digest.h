/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), comparison in constant time, random tokens. */

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { DIGEST_SIZE = 32, TOKEN_BYTES = 32, TOKEN_TEXT_SIZE = 44, DIGEST_HEX_SIZE = 65 };

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

struct digest digest_of(struct span text);

/** Of several pieces, one after the other. */
struct digest digest_of_many(const struct span *pieces, size_t n);

struct digest digest_hmac(struct span key, struct span text);

bool digest_equal(const struct digest *a, const struct digest *b);

const char *digest_hex(char buf[DIGEST_HEX_SIZE], const struct digest *digest);

/** 256 random bits as 43 characters of base64url. Returns `buf`. */
const char *token_make(char buf[TOKEN_TEXT_SIZE]);
