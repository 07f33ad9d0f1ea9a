/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every way into the node, both surfaces. */
#include "model/node_api.h"
#include "model/node_ready.h"
#include "node/gate/compat.h"
#include "node/gate/native.h"

enum { NATIVE_BODY = 64 * 1024 };

/* clang-format off */
const struct route gate_routes[] = {
	/* the published surface */
	{ HTTP_GET,    "/healthz",      .perm = HTTP_PERM_ANYONE, .handle = compat_health, .flags = ROUTE_LAX, .summary = "Liveness" },
	{ HTTP_GET,    "/readyz",       .perm = HTTP_PERM_ANYONE, .handle = compat_ready,  .flags = ROUTE_LAX, .summary = "Readiness: the device can be read" },
	{ HTTP_GET,    "/stats",        .perm = GATE_PERM_KEY,    .handle = compat_stats,  .flags = ROUTE_LAX, .summary = "Statistics" },
	{ HTTP_GET,    "/peers",        .perm = GATE_PERM_KEY,    .handle = compat_list,   .flags = ROUTE_LAX, .summary = "List peers" },
	{ HTTP_GET,    "/peers/{peerId}", .perm = GATE_PERM_KEY,  .handle = compat_get,    .flags = ROUTE_LAX, .summary = "One peer" },
	{ HTTP_POST,   "/peers",        .perm = GATE_PERM_KEY,    .handle = compat_create, .flags = ROUTE_LAX, .summary = "Make or rotate a peer" },
	{ HTTP_DELETE, "/peers/{peerId}", .perm = GATE_PERM_KEY,  .handle = compat_delete, .flags = ROUTE_LAX, .summary = "Delete a peer" },

	/* the native one */
	{ HTTP_GET,    "/v1/ready",      .perm = GATE_PERM_KEY, .handle = native_ready,    .out = &node_ready_type, .summary = "Whether it serves, and what is wrong" },
	{ HTTP_GET,    "/v1/node",       .perm = GATE_PERM_KEY, .handle = native_node,     .out = &node_info_type, .summary = "The node" },
	{ HTTP_GET,    "/v1/peers",      .perm = GATE_PERM_KEY, .handle = native_changes,  .query = &node_after_query_type, .summary = "Peers and tombstones changed since a revision" },
	{ HTTP_GET,    "/v1/peers/{id}", .perm = GATE_PERM_KEY, .handle = native_get,      .out = &node_peer_live_type, .summary = "One peer" },
	{ HTTP_PUT,    "/v1/peers/{id}", .perm = GATE_PERM_KEY, .handle = native_put,      .in = &node_put_type, .out = &node_peer_type, .max_body = NATIVE_BODY, .summary = "Make a peer, or change it to exactly this state" },
	{ HTTP_DELETE, "/v1/peers/{id}", .perm = GATE_PERM_KEY, .handle = native_delete,   .query = &node_delete_query_type, .out = &node_deleted_type, .summary = "End a peer" },
	{ HTTP_GET,    "/v1/keys/{key}", .perm = GATE_PERM_KEY, .handle = native_key,      .out = &node_key_type, .summary = "Where a key is" },
	{ HTTP_GET,    "/v1/counters",   .perm = GATE_PERM_KEY, .handle = native_counters, .query = &node_after_query_type, .summary = "Counters that moved since a cursor" },
};
/* clang-format on */

const size_t gate_n_routes = N_ELEMENTS(gate_routes);
