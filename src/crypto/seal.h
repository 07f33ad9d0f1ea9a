/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Secrets at rest: XChaCha20-Poly1305 under a key derived from the master secret.
 *
 * A record says where it belongs (table, row, column) in its associated data, so one
 * cannot be moved to another place. Text form: v1.KEYID.BASE64(nonce, ciphertext, tag).
 */

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/sbuf.h"

enum { SEAL_KEY_SIZE = 32, SEAL_ID_SIZE = 8 };

struct seal_key {
	uint8_t bytes[SEAL_KEY_SIZE];
	char id[SEAL_ID_SIZE + 1]; /* hexadecimal; says which master secret made it */
};

/** Derives the sealing key (BLAKE2b under a context of our own) from any master secret. */
void seal_key_derive(struct span master, struct seal_key *ret_key);

/** For scoped(). */
void seal_key_wipe(struct seal_key *key);

/** Appends the record of `plain` for this place to `out`. */
int seal(const struct seal_key *key, const char *place, struct span plain, struct sbuf *out,
	struct err *err) must_check;

/** Opens a record into the arena. REASON_STORE_CORRUPT: it was not made with this key for this place. */
int seal_open(const struct seal_key *key, const char *place, struct span record,
	struct secret *ret_plain, struct arena *arena, struct err *err) must_check;
