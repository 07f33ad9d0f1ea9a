/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Passwords: Argon2id (RFC 9106), as libsodium's self-describing text. */

#include "base/err.h"
#include "base/field.h"

enum { PASSWORD_HASH_SIZE = 128 };

/** Memory and time of one hash: 19 MiB and 2 passes (OWASP's minimum), some 15 ms. At most
 * PASSWORD_AT_ONCE run at the same time, however many threads ask; others wait. */
enum { PASSWORD_AT_ONCE = 2 };

int password_hash(struct span password, char ret_hash[PASSWORD_HASH_SIZE], struct err *err)
	must_check;

/** Whether `password` made `hash`. With `hash` NULL it takes as long and is false, so that an unknown
 * user is not told from a wrong password by time. */
bool password_verify(struct span password, const char *hash);

/** REASON_WEAK_PASSWORD: fewer than 15 characters, more than 256 bytes, or easy to guess (crypto/guess.h).
 * So NIST SP 800-63B-4 section 3.1.1.2 has it for a password that is the only factor; rules of
 * composition there are none, and no password grows old. */
int password_check(struct span password, const char *username, const char *field, struct err *err)
	must_check;
