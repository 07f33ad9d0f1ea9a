/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Counts what the keeper does, and tells the log who asked for it. */

#include "node/keeper/keeper.h"

/** What a request would be if it succeeded, so that a failed rotation counts as one. N_PEER_OPS: no change of a
 * peer; a decision about drift says itself what it is. */
enum peer_op meter_op_of(const struct keeper *k, unsigned type, const void *body);

/** The op is over: counted, unless it is none of a peer, with its result and its time. `err` NULL: it is done as
 * asked. */
void meter_op(struct keeper *k, const struct op *op, const struct err *err);

/** The audit line of a change that is durable, for the log. With `err` it is in the store, but was not
 * confirmed by the device. */
void meter_audit(const struct keeper *k, const struct op *op, const struct err *err);

/** A commit ended after `us`; warns once when the ended records have become many. */
void meter_commit(struct keeper *k, int64_t us, int r);
