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

/* What the files of this surface share. */

/** Reads a peer's id in any of the published spellings. REASON_INVALID_PEER_ID */
int compat_parse_id(struct http_request *req, const char *text, struct uuid *ret_id, struct err *err)
	must_check;

/** "allowedIPs" / "addressFamilies", of the addresses there are. */
void compat_put_addresses(struct sbuf *out, const struct cidr address[2]);
void compat_put_families(struct sbuf *out, const struct cidr address[2]);

/** Writes an error object, members in the order of the alphabet. */
void compat_put_failure(struct http_request *req, int status, const char *code, const char *text,
	const char *detail);
