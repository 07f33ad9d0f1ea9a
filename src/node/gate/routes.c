/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every way into the node, both surfaces. */
#include "model/node_api.h"
#include "model/node_ready.h"
#include "node/gate/compat.h"
#include "node/gate/native.h"

enum { NATIVE_BODY = 64 * 1024, BATCH_BODY = 1024 * 1024 };

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
	{ HTTP_GET,    "/v1/ready",         .perm = GATE_PERM_KEY, .handle = native_ready,          .query = &node_no_query_type, .out = &node_ready_type, .summary = "Whether it serves, and what is wrong" },
	{ HTTP_GET,    "/v1/node",          .perm = GATE_PERM_KEY, .handle = native_node,           .query = &node_no_query_type, .out = &node_info_type, .summary = "The node" },
	{ HTTP_GET,    "/v1/peers",         .perm = GATE_PERM_KEY, .handle = native_changes,        .query = &node_after_query_type, .summary = "Peers and tombstones changed since a revision" },
	{ HTTP_GET,    "/v1/peers/{id}",    .perm = GATE_PERM_KEY, .handle = native_get,            .query = &node_no_query_type, .summary = "One peer" },
	{ HTTP_PUT,    "/v1/peers/{id}",    .perm = GATE_PERM_KEY, .handle = native_put,            .query = &node_no_query_type, .in = &node_put_type, .out = &node_peer_type, .max_body = NATIVE_BODY, .summary = "Make a peer, or change it to exactly this state" },
	{ HTTP_DELETE, "/v1/peers/{id}",    .perm = GATE_PERM_KEY, .handle = native_delete,         .query = &node_delete_query_type, .out = &node_deleted_type, .max_body = NATIVE_BODY, .summary = "End a peer" },
	{ HTTP_POST,   "/v1/batch",         .perm = GATE_PERM_KEY, .handle = native_batch,          .query = &node_no_query_type, .in = &node_batch_type, .max_body = BATCH_BODY, .summary = "Many of the two above, in one commit" },
	{ HTTP_GET,    "/v1/keys/{key}",    .perm = GATE_PERM_KEY, .handle = native_key,            .query = &node_no_query_type, .out = &node_key_type, .summary = "Where a key is" },
	{ HTTP_GET,    "/v1/counters",      .perm = GATE_PERM_KEY, .handle = native_counters,       .query = &node_counters_query_type, .summary = "Counters that moved since a cursor" },
	{ HTTP_GET,    "/v1/drift",         .perm = GATE_PERM_KEY, .handle = native_drift,          .query = &node_drift_query_type, .summary = "Differences between store and device" },
	{ HTTP_POST,   "/v1/drift/{key}",   .perm = GATE_PERM_KEY, .handle = native_drift_act,      .query = &node_no_query_type, .in = &node_drift_action_type, .out = &node_drift_done_type, .max_body = NATIVE_BODY, .summary = "Decide about one" },
	{ HTTP_GET,    "/v1/apikeys",       .perm = GATE_PERM_KEY, .handle = native_api_keys,       .query = &node_no_query_type, .out = &node_api_keys_type, .summary = "Keys of this API" },
	{ HTTP_POST,   "/v1/apikeys",       .perm = GATE_PERM_KEY, .handle = native_api_key_add,    .query = &node_no_query_type, .in = &node_api_key_new_type, .out = &node_api_key_answer_type, .max_body = NATIVE_BODY, .summary = "Add a second key" },
	{ HTTP_DELETE, "/v1/apikeys/{id}",  .perm = GATE_PERM_KEY, .handle = native_api_key_end,    .query = &node_no_query_type, .out = &node_api_key_answer_type, .max_body = NATIVE_BODY, .summary = "End a key" },
	{ HTTP_GET,    "/v1/checkpoint",    .perm = GATE_PERM_KEY, .handle = native_witness,        .query = &node_no_query_type, .summary = "Audit checkpoints held" },
	{ HTTP_PUT,    "/v1/checkpoint",    .perm = GATE_PERM_KEY, .handle = native_checkpoint_put, .query = &node_no_query_type, .in = &node_checkpoint_put_type, .out = &node_checkpoint_answer_type, .max_body = NATIVE_BODY, .summary = "Hand over an audit checkpoint" },
};
/* clang-format on */

const size_t gate_n_routes = N_ELEMENTS(gate_routes);
