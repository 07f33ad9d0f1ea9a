/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Addresses of peers: one of a family at most, from the pools of both families.
 *
 * All or nothing: a call that fails leaves the peer and the pools as they were.
 */

#include "node/keeper/peers.h"

struct keeper;

/** Where an address of this family stands in a peer. */
unsigned allot_slot(uint8_t family);

/** Gives a new peer an address of each family asked for (none asked for: all there are).
 * REASON_FAMILY_UNSUPPORTED (about `field`), REASON_NO_ADDRESS; REASON_DEVICE_AWAY before the device was read
 * for the first time: who is there and has which address is not known yet. */
int allot_some(struct keeper *k, struct peer *peer, const uint8_t *families, unsigned n,
	const char *field, struct err *err) must_check;

/** Gives a new peer these very addresses. Errors as pool_claim(), and REASON_DEVICE_AWAY as above. */
int allot_these(struct keeper *k, struct peer *peer, const struct cidr *wanted, unsigned n,
	struct err *err) must_check;

/** Takes them back as if they had not been given; the peer has none then. */
void allot_undo(struct keeper *k, struct peer *peer);

/** Takes them back from a peer that has ended: they rest. */
void allot_end(struct keeper *k, const struct peer *peer);

/** Gives a peer other addresses. Those it had stay taken until one of the two below says what became of the
 * change; `before` is a copy of the peer from before it. */
int allot_move(struct keeper *k, struct peer *peer, const struct cidr wanted[2], struct err *err)
	must_check;
void allot_moved(struct keeper *k, const struct peer *peer, const struct peer *before);
void allot_move_back(struct keeper *k, struct peer *peer, const struct peer *before);
