/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * GET /v1/ready: whether a node serves, and what is wrong with it.
 *
 * `ready` is what /readyz says: the device can be read. A failed check does not by
 * itself make a node unready; it says what will not work, and what mends it.
 */

#include "base/field.h"

enum node_check_state { NODE_CHECK_OK = 1, NODE_CHECK_WARNING, NODE_CHECK_FAILED };

struct node_check {
	const char *name;
	int state;
	const char *detail, *remedy; /* the latter NULL where there is nothing to do */
};

struct node_ready {
	struct uuid epoch;
	int64_t revision;
	bool ready;
	struct list checks; /* of struct node_check */
};

extern const struct word node_check_state_words[];
extern const struct type node_check_type, node_ready_type;
