/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Signed notes (C2SP signed-note): text for people, with Ed25519 signatures below.
 *
 *     text, one or more lines
 *     (an empty line)
 *     — NAME BASE64(key id, signature)
 *
 * What is signed is the text with its last line break. A key is known by its name and
 * its id, SHA-256(name || 0x0A || 0x01 || public key), of which four bytes are shown; its
 * own text ("vkey") is NAME+ID+BASE64(0x01 || public key). Signatures of keys that
 * nobody asks for are passed over, so that others may sign beside us.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/sbuf.h"
#include "base/span.h"

enum {
	NOTE_MAX = 8192, /* bytes of a whole note that is read */
	NOTE_SIGNATURES_MAX = 16,
	NOTE_NAME_MAX = 127,
	NOTE_ID_SIZE = 4,
	NOTE_KEY_SIZE = 32,
	NOTE_SEED_SIZE = 32,
	NOTE_VKEY_SIZE = NOTE_NAME_MAX + 1 + 8 + 1 + 44 + 1, /* with its NUL */
};

struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint8_t id[NOTE_ID_SIZE], bytes[NOTE_KEY_SIZE];
};

struct note_signer {
	struct note_key key;
	uint8_t secret[64]; /* libsodium's form: seed and public key */
};

/** A key from its parts. REASON_INVALID_FIELD ("name"): a name has 1 to NOTE_NAME_MAX visible ASCII characters
 * and no '+'. */
int note_key_make(const char *name, const uint8_t bytes[NOTE_KEY_SIZE], struct note_key *ret_key,
	struct err *err) must_check;

/** From a vkey. REASON_INVALID_KEY: malformed, of another algorithm, or its id is not its own. */
int note_key_parse(struct span vkey, struct note_key *ret_key, struct err *err) must_check;

/** The vkey. Returns `buf`. */
const char *note_key_format(char buf[NOTE_VKEY_SIZE], const struct note_key *key);

/** Name and public key. */
bool note_key_equal(const struct note_key *a, const struct note_key *b);

/** A signer from a secret seed. Errors as note_key_make(). */
int note_signer_make(const char *name, const uint8_t seed[NOTE_SEED_SIZE],
	struct note_signer *ret_signer, struct err *err) must_check;

/** For scoped(). */
void note_signer_wipe(struct note_signer *signer);

/** Appends `text` with a signature of each of `n` signers. REASON_INVALID_NOTE: the text does not end in a
 * line break, or has control characters, or is not UTF-8. */
int note_sign(struct sbuf *out, struct span text, const struct note_signer *signers, size_t n,
	struct err *err) must_check;

/** The text of a note, if `key` has signed it; it points into `note`. REASON_INVALID_NOTE: it is no signed
 * note; REASON_INVALID_SIGNATURE: none by this key, or one that does not hold. */
int note_open(struct span note, const struct note_key *key, struct span *ret_text,
	struct err *err) must_check;
