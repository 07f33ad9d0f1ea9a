/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Whether somebody may still do what they have asked for.
 *
 * Rights are looked at when a request comes. Until its change is committed they may
 * have been taken away: so the last statement of every change on an operator's behalf
 * asks again, inside the transaction. `standing` is a number of the operator's that
 * each change of rights raises; the token is looked at itself.
 */

#include "console/audit/write.h"

/** The standing of somebody whose act was allowed when they asked for it, and goes on without them: a job
 * that was started is ended by whoever may cancel it, not by what becomes of its starter. */
enum { STANDING_ASKED = -1 };

/** REASON_UNAUTHORIZED: not any more. The Console itself and the anonymous always stand. */
int actor_stands(struct db *db, const struct actor *actor, struct err *err) must_check;
