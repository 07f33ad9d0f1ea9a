/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Checkpoints of an append-only log (C2SP tlog-checkpoint): a signed note that says how
 * large the log's tree is and what its root is.
 *
 *     ORIGIN           which log; we give the log's key the same name
 *     SIZE             decimal
 *     BASE64(root)
 *     (further lines are allowed, signed, and not ours to read)
 */

#include "crypto/digest.h"
#include "crypto/note.h"

enum { CHECKPOINT_ORIGIN_MAX = NOTE_NAME_MAX };

struct checkpoint {
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t size; /* below 2^63 */
	struct digest root;
};

/** Appends the three lines. */
void checkpoint_format(struct sbuf *out, const struct checkpoint *checkpoint);

/** Reads a checkpoint's text, without signatures. REASON_INVALID_CHECKPOINT. */
int checkpoint_parse(
	struct span text, struct checkpoint *ret_checkpoint, struct err *err) must_check;

/** Appends the signed note. */
int checkpoint_sign(struct sbuf *out, const struct checkpoint *checkpoint,
	const struct note_signer *signers, size_t n, struct err *err) must_check;

/** Reads one that `key` has signed; whether its origin is the expected one is the caller's to see. Errors as
 * note_open() and checkpoint_parse(). */
int checkpoint_open(struct span note, const struct note_key *key, struct checkpoint *ret_checkpoint,
	struct err *err) must_check;

bool checkpoint_equal(const struct checkpoint *a, const struct checkpoint *b);
