/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"

/* Every way into the Console. A row without a permission lets nobody in. */
#define API "/api/v1"

/* clang-format off */
const struct route console_routes[] = {
	{ HTTP_GET,    "/healthz",              HTTP_PERM_ANYONE, ROUTE_HIDDEN,   POOL_DB,   api_health,          .summary = "Whether the process lives" },
	{ HTTP_GET,    "/readyz",               HTTP_PERM_ANYONE, ROUTE_HIDDEN,   POOL_DB,   api_ready,           .summary = "Whether this instance serves" },
	{ HTTP_POST,   API "/session",          HTTP_PERM_ANYONE, 0,              POOL_DB,   api_session_create,  .in = &login_type, .out = &session_view_type, .max_body = 4096, .summary = "Sign in" },
	{ HTTP_GET,    API "/session",          PERM_SESSION,     0,              POOL_DB,   api_session_get,     .out = &session_view_type, .summary = "Who is signed in" },
	{ HTTP_DELETE, API "/session",          PERM_SESSION,     0,              POOL_DB,   api_session_delete,  .summary = "Sign out" },
	{ HTTP_PUT,    API "/me/password",      PERM_SESSION,     0,              POOL_DB,   api_password_change, .in = &password_change_type, .max_body = 4096, .summary = "Change one's password" },
	{ HTTP_POST,   API "/nodes/check",      PERM_WRITE,       ROUTE_NO_AUDIT, POOL_NODE, api_nodes_check,     .in = &node_check_type, .out = &check_answer_type, .summary = "Look at a node before adding it" },
	{ HTTP_GET,    API "/nodes",            PERM_READ,        0,              POOL_DB,   api_nodes_list,      .query = &node_query_type, .out = &node_page_type, .summary = "List nodes" },
	{ HTTP_POST,   API "/nodes",            PERM_WRITE,       0,              POOL_NODE, api_nodes_add,       .in = &node_add_type, .out = &node_view_type, .status = 201, .summary = "Add a node" },
	{ HTTP_GET,    API "/nodes/{id}",       PERM_READ,        0,              POOL_DB,   api_nodes_get,       .out = &node_view_type, .summary = "One node" },
	{ HTTP_PATCH,  API "/nodes/{id}",       PERM_WRITE,       0,              POOL_DB,   api_nodes_change,    .in = &node_change_type, .out = &node_view_type, .summary = "Change a node's name or client endpoint" },
	{ HTTP_POST,   API "/nodes/{id}/check", PERM_WRITE,       ROUTE_NO_AUDIT, POOL_NODE, api_nodes_recheck,   .out = &node_view_type, .status = 200, .summary = "Ask a node now" },
	{ HTTP_DELETE, API "/nodes/{id}",       PERM_WRITE,       0,              POOL_DB,   api_nodes_remove,    .query = &node_delete_type, .out = &node_removed_type, .status = 200, .summary = "Remove a node" },
	{ HTTP_GET,    API "/people",           PERM_READ,        0,              POOL_DB,   api_people_list,     .query = &person_query_type, .out = &person_page_type, .summary = "List people" },
	{ HTTP_POST,   API "/people",           PERM_WRITE,       0,              POOL_DB,   api_people_create,   .in = &person_add_type, .out = &person_view_type, .status = 201, .summary = "Add a person" },
	{ HTTP_GET,    API "/people/{id}",      PERM_READ,        0,              POOL_DB,   api_people_get,      .out = &person_view_type, .summary = "One person" },
	{ HTTP_POST,   API "/people/{id}/revoke", PERM_WRITE,     0,              POOL_NODE, api_people_revoke,   .out = &revoke_all_type, .status = 200, .summary = "End all of a person's peers" },
	{ HTTP_GET,    API "/peers",            PERM_READ,        0,              POOL_DB,   api_peers_list,      .query = &peer_query_type, .out = &peer_page_type, .summary = "List peers of the fleet" },
	{ HTTP_POST,   API "/peers",            PERM_WRITE,       0,              POOL_NODE, api_peers_issue,     .in = &peer_issue_type, .out = &peer_issued_type, .status = 201, .summary = "Issue a peer" },
	{ HTTP_GET,    API "/peers/{id}",       PERM_READ,        0,              POOL_DB,   api_peers_get,       .out = &peer_view_type, .summary = "One peer" },
	{ HTTP_PATCH,  API "/peers/{id}",       PERM_WRITE,       0,              POOL_NODE, api_peers_change,    .in = &peer_change_type, .out = &peer_view_type, .summary = "Change a peer's expiry" },
	{ HTTP_POST,   API "/peers/{id}/revoke", PERM_WRITE,      0,              POOL_NODE, api_peers_revoke,    .out = &peer_view_type, .status = 200, .summary = "End a peer" },
	{ HTTP_GET,    API "/audit",            PERM_READ,        0,              POOL_DB,   api_audit_list,      .query = &audit_query_type, .out = &audit_page_type, .summary = "The audit log, newest first" },
	{ HTTP_GET,    API "/audit/{seq}",      PERM_READ,        0,              POOL_DB,   api_audit_get,       .out = &audit_view_type, .summary = "One audit entry" },
	{ HTTP_GET,    API "/openapi.json",     HTTP_PERM_ANYONE, ROUTE_HIDDEN,   POOL_DB,   api_openapi,         .summary = "This description" },
	{ HTTP_GET,    API "/events",           PERM_READ,        0,              POOL_DB,   api_events,          .summary = "News, as server-sent events" },
};
/* clang-format on */

const size_t console_n_routes = N_ELEMENTS(console_routes);
