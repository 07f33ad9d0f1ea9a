/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Handlers of the API, by resource. Each row of routes.c names one. */

#include "console/app.h"

int api_session_create(struct http_request *req, struct err *err);
int api_session_get(struct http_request *req, struct err *err);
int api_session_delete(struct http_request *req, struct err *err);
int api_password_change(struct http_request *req, struct err *err);

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

extern const struct type check_answer_type;
