/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"

/*
 * Every way into the Console. A row says who may (auth/permission.h), within which scope (app.h), and
 * whether that takes the password (ROUTE_REAUTH) or a session (ROUTE_SESSION). A row that forgets its
 * permission or scope stops the start.
 */
#define API "/api/v1"

/* clang-format off */
const struct route console_routes[] = {
	{ HTTP_GET,    "/healthz",              HTTP_PERM_ANYONE, ROUTE_HIDDEN,   POOL_DB,   api_health,          .scope = SCOPE_SELF, .summary = "Whether the process lives" },
	{ HTTP_GET,    "/readyz",               HTTP_PERM_ANYONE, ROUTE_HIDDEN,   POOL_DB,   api_ready,           .scope = SCOPE_SELF, .summary = "Whether this instance serves" },
	{ HTTP_POST,   API "/session",          HTTP_PERM_ANYONE, 0,              POOL_DB,   api_session_create,  .scope = SCOPE_SELF, .in = &login_type, .out = &session_view_type, .max_body = 4096, .summary = "Sign in" },
	{ HTTP_GET,    API "/session",          PERM_SESSION,     ROUTE_SESSION,  POOL_DB,   api_session_get,     .scope = SCOPE_SELF, .out = &session_view_type, .summary = "Who is signed in" },
	{ HTTP_DELETE, API "/session",          PERM_SESSION,     ROUTE_SESSION,  POOL_DB,   api_session_delete,  .scope = SCOPE_SELF, .summary = "Sign out" },
	{ HTTP_POST,   API "/session/reauth",   PERM_SESSION,     ROUTE_SESSION | ROUTE_SECRET, POOL_DB, api_session_reauth, .scope = SCOPE_SELF, .in = &reauth_type, .out = &session_view_type, .max_body = 4096, .status = 200, .summary = "Give the password again" },
	{ HTTP_GET,    API "/me",               PERM_SESSION,     0,              POOL_DB,   api_me_get,          .scope = SCOPE_SELF, .out = &me_view_type, .summary = "Who is asking, and what they may do" },
	{ HTTP_PUT,    API "/me/password",      PERM_SESSION,     ROUTE_SESSION,  POOL_DB,   api_password_change, .scope = SCOPE_SELF, .in = &password_change_type, .max_body = 4096, .summary = "Change one's password" },
	{ HTTP_GET,    API "/me/sessions",      PERM_SESSION,     ROUTE_SESSION,  POOL_DB,   api_me_sessions,     .scope = SCOPE_SELF, .query = &session_query_type, .out = &session_page_type, .summary = "One's own sessions" },
	{ HTTP_DELETE, API "/me/sessions",      PERM_SESSION,     ROUTE_SESSION,  POOL_DB,   api_me_sessions_end, .scope = SCOPE_SELF, .summary = "End one's other sessions" },
	{ HTTP_DELETE, API "/me/sessions/{id}", PERM_SESSION,     ROUTE_SESSION,  POOL_DB,   api_me_session_end,  .scope = SCOPE_SELF, .summary = "End one of one's own sessions" },
	{ HTTP_GET,    API "/operators",        PERM_OPERATOR_READ,  0,           POOL_DB,   api_operators_list,  .scope = SCOPE_FLEET, .query = &operator_query_type, .out = &operator_page_type, .summary = "List operators" },
	{ HTTP_POST,   API "/operators",        PERM_OPERATOR_WRITE, ROUTE_SESSION | ROUTE_REAUTH, POOL_DB, api_operators_create, .scope = SCOPE_FLEET, .in = &operator_add_type, .out = &operator_view_type, .max_body = 4096, .status = 201, .again = api_again_operator, .summary = "Add an operator" },
	{ HTTP_GET,    API "/operators/{id}",   PERM_OPERATOR_READ,  0,           POOL_DB,   api_operators_get,   .scope = SCOPE_FLEET, .out = &operator_view_type, .summary = "One operator" },
	{ HTTP_PATCH,  API "/operators/{id}",   PERM_OPERATOR_WRITE, ROUTE_SESSION | ROUTE_REAUTH, POOL_DB, api_operators_change, .scope = SCOPE_FLEET, .in = &operator_change_type, .out = &operator_view_type, .again = api_again_operator, .summary = "Change an operator's name or role" },
	{ HTTP_POST,   API "/operators/{id}/disable",  PERM_OPERATOR_WRITE, ROUTE_SESSION | ROUTE_REAUTH, POOL_DB, api_operators_disable, .scope = SCOPE_FLEET, .out = &operator_view_type, .status = 200, .again = api_again_operator, .summary = "Lock an operator out: ends sessions, tokens and streams" },
	{ HTTP_POST,   API "/operators/{id}/enable",   PERM_OPERATOR_WRITE, ROUTE_SESSION | ROUTE_REAUTH, POOL_DB, api_operators_enable,  .scope = SCOPE_FLEET, .out = &operator_view_type, .status = 200, .again = api_again_operator, .summary = "Let an operator in again" },
	{ HTTP_POST,   API "/operators/{id}/password", PERM_OPERATOR_WRITE, ROUTE_SESSION | ROUTE_REAUTH, POOL_DB, api_operators_reset,   .scope = SCOPE_FLEET, .in = &password_reset_type, .out = &operator_view_type, .max_body = 4096, .status = 200, .again = api_again_operator, .summary = "Give an operator a temporary password" },
	{ HTTP_GET,    API "/sessions",         PERM_OPERATOR_WRITE, ROUTE_SESSION, POOL_DB, api_sessions_list,   .scope = SCOPE_FLEET, .query = &session_query_type, .out = &session_page_type, .summary = "Everybody's sessions" },
	{ HTTP_DELETE, API "/sessions/{id}",    PERM_OPERATOR_WRITE, ROUTE_SESSION, POOL_DB, api_sessions_end,    .scope = SCOPE_FLEET, .summary = "End a session" },
	{ HTTP_GET,    API "/tokens",           PERM_TOKEN_READ,  0,              POOL_DB,   api_tokens_list,     .scope = SCOPE_ROWS, .query = &token_query_type, .out = &token_page_type, .summary = "List API tokens: one's own, or everybody's" },
	{ HTTP_POST,   API "/tokens",           PERM_TOKEN_WRITE, ROUTE_SESSION | ROUTE_REAUTH | ROUTE_SECRET, POOL_DB, api_tokens_create, .scope = SCOPE_SELF, .in = &token_add_type, .out = &token_made_type, .status = 201, .again = api_again_token, .summary = "Make an API token" },
	{ HTTP_GET,    API "/tokens/{id}",      PERM_TOKEN_READ,  0,              POOL_DB,   api_tokens_get,      .scope = SCOPE_ROWS, .out = &token_view_type, .summary = "One API token" },
	{ HTTP_DELETE, API "/tokens/{id}",      PERM_TOKEN_WRITE, ROUTE_SESSION,  POOL_DB,   api_tokens_revoke,   .scope = SCOPE_ROWS, .summary = "Revoke an API token" },
	{ HTTP_POST,   API "/nodes/check",      PERM_NODE_WRITE,  ROUTE_NO_AUDIT, POOL_NODE, api_nodes_check,     .scope = SCOPE_FLEET, .in = &node_check_type, .out = &check_answer_type, .summary = "Look at a node before adding it" },
	{ HTTP_GET,    API "/nodes",            PERM_READ,        0,              POOL_DB,   api_nodes_list,      .scope = SCOPE_ROWS, .query = &node_query_type, .out = &node_page_type, .summary = "List nodes" },
	{ HTTP_POST,   API "/nodes",            PERM_NODE_WRITE,  0,              POOL_NODE, api_nodes_add,       .scope = SCOPE_FLEET, .in = &node_add_type, .out = &node_view_type, .status = 201, .again = api_again_node, .summary = "Add a node" },
	{ HTTP_GET,    API "/nodes/{id}",       PERM_READ,        0,              POOL_DB,   api_nodes_get,       .scope = SCOPE_NODE, .out = &node_view_type, .summary = "One node" },
	{ HTTP_PATCH,  API "/nodes/{id}",       PERM_NODE_WRITE,  0,              POOL_DB,   api_nodes_change,    .scope = SCOPE_NODE, .in = &node_change_type, .out = &node_view_type, .again = api_again_node, .summary = "Change a node's name or client endpoint" },
	{ HTTP_POST,   API "/nodes/{id}/check", PERM_NODE_CHECK,  ROUTE_NO_AUDIT, POOL_NODE, api_nodes_recheck,   .scope = SCOPE_NODE, .out = &node_view_type, .status = 200, .summary = "Ask a node now" },
	{ HTTP_DELETE, API "/nodes/{id}",       PERM_NODE_WRITE,  ROUTE_REAUTH,   POOL_DB,   api_nodes_remove,    .scope = SCOPE_NODE, .query = &node_delete_type, .out = &node_removed_type, .status = 200, .summary = "Remove a node" },
	{ HTTP_GET,    API "/people",           PERM_READ,        0,              POOL_DB,   api_people_list,     .scope = SCOPE_ROWS, .query = &person_query_type, .out = &person_page_type, .summary = "List people" },
	{ HTTP_POST,   API "/people",           PERM_WRITE,       0,              POOL_DB,   api_people_create,   .scope = SCOPE_SELF, .in = &person_add_type, .out = &person_view_type, .status = 201, .again = api_again_person, .summary = "Add a person" },
	{ HTTP_GET,    API "/people/{id}",      PERM_READ,        0,              POOL_DB,   api_people_get,      .scope = SCOPE_PERSON, .out = &person_view_type, .summary = "One person" },
	{ HTTP_POST,   API "/people/{id}/revoke", PERM_WRITE,     0,              POOL_NODE, api_people_revoke,   .scope = SCOPE_PERSON, .out = &revoke_all_type, .status = 200, .summary = "End all of a person's peers" },
	{ HTTP_GET,    API "/peers",            PERM_READ,        0,              POOL_DB,   api_peers_list,      .scope = SCOPE_ROWS, .query = &peer_query_type, .out = &peer_page_type, .summary = "List peers of the fleet" },
	{ HTTP_POST,   API "/peers",            PERM_WRITE,       0,              POOL_NODE, api_peers_issue,     .scope = SCOPE_ROWS, .in = &peer_issue_type, .out = &peer_issued_type, .status = 201, .again = api_again_issue, .summary = "Issue a peer" },
	{ HTTP_GET,    API "/peers/{id}",       PERM_READ,        0,              POOL_DB,   api_peers_get,       .scope = SCOPE_PEER, .out = &peer_view_type, .summary = "One peer" },
	{ HTTP_PATCH,  API "/peers/{id}",       PERM_WRITE,       0,              POOL_NODE, api_peers_change,    .scope = SCOPE_PEER, .in = &peer_change_type, .out = &peer_view_type, .again = api_again_peer, .summary = "Change a peer's expiry" },
	{ HTTP_POST,   API "/peers/{id}/revoke", PERM_WRITE,      0,              POOL_NODE, api_peers_revoke,    .scope = SCOPE_PEER, .out = &peer_view_type, .status = 200, .again = api_again_peer, .summary = "End a peer" },
	{ HTTP_GET,    API "/audit",            PERM_AUDIT_READ,  0,              POOL_DB,   api_audit_list,      .scope = SCOPE_ROWS, .query = &audit_query_type, .out = &audit_page_type, .summary = "The audit log, newest first" },
	{ HTTP_GET,    API "/audit/{seq}",      PERM_AUDIT_READ,  0,              POOL_DB,   api_audit_get,       .scope = SCOPE_ROWS, .out = &audit_view_type, .summary = "One audit entry" },
	{ HTTP_GET,    API "/openapi.json",     HTTP_PERM_ANYONE, ROUTE_HIDDEN,   POOL_DB,   api_openapi,         .scope = SCOPE_SELF, .summary = "This description" },
	{ HTTP_GET,    API "/events",           PERM_READ,        0,              POOL_DB,   api_events,          .scope = SCOPE_FLEET, .summary = "News, as server-sent events" },
};
/* clang-format on */

const size_t console_n_routes = N_ELEMENTS(console_routes);
