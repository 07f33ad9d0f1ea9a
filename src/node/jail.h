/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What each of the node's three processes may still do once it serves.
 *
 * The tables are in jail.c. main goes first: what it gives up its children never have.
 */

#include "contain/contain.h"

enum jail { JAIL_MAIN, JAIL_KEEPER, JAIL_GATE };

/** Takes it on, capabilities included: main keeps what its children need to start, the keeper
 * CAP_NET_ADMIN, the gate, whose user has been changed already, nothing. REASON_CONFIG: CAP_NET_ADMIN is
 * missing. */
int jail_enter(enum jail which, const struct contain_places *places, struct err *err) must_check;
