/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The node as a witness of the Console's audit log: it keeps what the log has signed,
 * and takes nothing that contradicts it. docs/decisions/0006-successor-logs.md says how
 * a log may follow another.
 */

#include "node/keeper/store.h"

struct keeper;
struct op;
struct ipc_checkpoint;

/** The present log and the largest checkpoint of it. log.number 0: none yet. */
struct witness {
	struct witness_log log;
	struct witness_checkpoint held; /* held.note "": none yet */
};

/** Reads what is held. */
int witness_open(struct keeper *k, struct err *err) must_check;

/** The node was enrolled anew: another log may take the place of the present one. To be called in a batch. */
int witness_release(struct keeper *k, struct err *err) must_check;

/** A checkpoint that is handed over. REASON_INVALID_NOTE, _INVALID_SIGNATURE, _INVALID_CHECKPOINT,
 * _CHECKPOINT_BACK, _CHECKPOINT_SIZE, _CHECKPOINT_FORK, _LOG_UNKNOWN. A fork is remembered even so. */
int witness_put(struct keeper *k, const struct ipc_checkpoint *in, struct op *op, struct err *err)
	must_check;

/** Answers with all logs and checkpoints. */
void witness_list(struct keeper *k, uint64_t id);
