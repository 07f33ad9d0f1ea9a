/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Calls to one node, typed: what it says is read by the same tables that write it.
 *
 * Everything may wait up to `timeout_ms`, and everything that comes back was checked;
 * a node can be wrong, or hostile.
 */

#include "console/store/store.h"
#include "model/node_api.h"

enum { NODECALL_REQUEST_MS = 5000, NODECALL_POLL_MS = 10000 };

/** Reads the node: either kind. `published` ones know less. */
int nodecall_info(const struct node_target *target, unsigned timeout_ms, int *ret_kind,
	struct node_info *ret_info, struct arena *arena, struct err *err) must_check;

/** REASON_NODE_UNREACHABLE: certainly not made; the node's own refusals under their reasons;
 * REASON_OUTCOME_UNKNOWN: perhaps. `preshared_key` may be zero with `keeps_preshared_key`. */
int nodecall_put(const struct node_target *target, const struct uuid *id, const struct node_put *put,
	bool keeps_preshared_key, struct node_peer *ret_peer, struct arena *arena, struct err *err)
	must_check;

/** Ends a peer: native by generation, published by DELETE (where 404 means that it is gone). */
int nodecall_delete(const struct node_target *target, const struct uuid *id, int64_t generation,
	struct arena *arena, struct err *err) must_check;

int nodecall_peers(const struct node_target *target, int64_t after, struct node_peer_page *ret_page,
	struct arena *arena, struct err *err) must_check;

int nodecall_counters(const struct node_target *target, int64_t after,
	struct node_counter_page *ret_page, struct arena *arena, struct err *err) must_check;
