/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What somebody typed about a node, made into what can be called. */

#include "console/fleet/nodecall.h"

/** From the enrol string, or from address, key and fingerprint. Fields that are missing stay empty.
 * REASON_INVALID_FIELD, _MISSING_FIELD */
int target_make(const struct node_check *in, struct node_target *ret_target, struct arena *arena,
	struct err *err) must_check;
