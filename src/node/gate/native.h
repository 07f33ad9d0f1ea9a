/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Handlers of the native surface, /v1. */

#include "node/gate/gate.h"

int native_ready(struct http_request *req, struct err *err);
int native_node(struct http_request *req, struct err *err);
int native_changes(struct http_request *req, struct err *err);
int native_get(struct http_request *req, struct err *err);
int native_put(struct http_request *req, struct err *err);
int native_delete(struct http_request *req, struct err *err);
int native_key(struct http_request *req, struct err *err);
int native_counters(struct http_request *req, struct err *err);
