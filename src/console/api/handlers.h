/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Handlers of the API, by resource. Each row of routes.c names one. */

#include "console/app.h"

int api_session_create(struct http_request *req, struct err *err);
int api_session_get(struct http_request *req, struct err *err);
int api_session_delete(struct http_request *req, struct err *err);
int api_session_reauth(struct http_request *req, struct err *err);
int api_password_change(struct http_request *req, struct err *err);

int api_me_get(struct http_request *req, struct err *err);
int api_me_sessions(struct http_request *req, struct err *err);
int api_me_sessions_end(struct http_request *req, struct err *err);
int api_me_session_end(struct http_request *req, struct err *err);

int api_operators_list(struct http_request *req, struct err *err);
int api_operators_get(struct http_request *req, struct err *err);
int api_operators_create(struct http_request *req, struct err *err);
int api_operators_change(struct http_request *req, struct err *err);
int api_operators_disable(struct http_request *req, struct err *err);
int api_operators_enable(struct http_request *req, struct err *err);
int api_operators_reset(struct http_request *req, struct err *err);
int api_sessions_list(struct http_request *req, struct err *err);
int api_sessions_end(struct http_request *req, struct err *err);

int api_tokens_list(struct http_request *req, struct err *err);
int api_tokens_get(struct http_request *req, struct err *err);
int api_tokens_create(struct http_request *req, struct err *err);
int api_tokens_revoke(struct http_request *req, struct err *err);

int api_again_node(struct http_request *req, const struct uuid *id, struct err *err);
int api_again_person(struct http_request *req, const struct uuid *id, struct err *err);
int api_again_peer(struct http_request *req, const struct uuid *id, struct err *err);
int api_again_issue(struct http_request *req, const struct uuid *id, struct err *err);
int api_again_operator(struct http_request *req, const struct uuid *id, struct err *err);
int api_again_token(struct http_request *req, const struct uuid *id, struct err *err);

int api_nodes_check(struct http_request *req, struct err *err);
int api_nodes_list(struct http_request *req, struct err *err);
int api_nodes_add(struct http_request *req, struct err *err);
int api_nodes_get(struct http_request *req, struct err *err);
int api_nodes_change(struct http_request *req, struct err *err);
int api_nodes_recheck(struct http_request *req, struct err *err);
int api_nodes_remove(struct http_request *req, struct err *err);

int api_people_list(struct http_request *req, struct err *err);
int api_people_create(struct http_request *req, struct err *err);
int api_people_get(struct http_request *req, struct err *err);
int api_people_revoke(struct http_request *req, struct err *err);

int api_peers_list(struct http_request *req, struct err *err);
int api_peers_issue(struct http_request *req, struct err *err);
int api_peers_get(struct http_request *req, struct err *err);
int api_peers_change(struct http_request *req, struct err *err);
int api_peers_revoke(struct http_request *req, struct err *err);

int api_audit_list(struct http_request *req, struct err *err);
int api_audit_get(struct http_request *req, struct err *err);
int api_events(struct http_request *req, struct err *err);
int api_openapi(struct http_request *req, struct err *err);
int api_health(struct http_request *req, struct err *err);
int api_ready(struct http_request *req, struct err *err);

/** What a client's file is written from, for a peer with these addresses (list of struct cidr). The
 * client's own `addresses` are the caller's to fill in. */
int api_client_conf(struct http_request *req, const struct node_view *node, const struct list *given,
	struct client_conf *client, struct err *err) must_check;

extern const struct type check_answer_type;
