/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Handlers of the published surface: docs/compatibility.md. */

#include "node/gate/gate.h"

int compat_health(struct http_request *req, struct err *err);
int compat_ready(struct http_request *req, struct err *err);
int compat_stats(struct http_request *req, struct err *err);
int compat_list(struct http_request *req, struct err *err);
int compat_get(struct http_request *req, struct err *err);
int compat_create(struct http_request *req, struct err *err);
int compat_delete(struct http_request *req, struct err *err);
