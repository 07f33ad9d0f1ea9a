/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Requests to nodes (libcurl), for threads that may wait.
 *
 * Trust is a pin of the server's key and nothing else: no certificate authorities, no
 * redirects, no proxies, no environment. Where a connection goes is checked after name
 * resolution. Any thread.
 */

#include <stdbool.h>

#include "base/field.h"
#include "crypto/digest.h"

struct http_call {
	const char *method, *url; /* http: or https: */
	const char *pin;          /* "sha256//base64", for https */
	struct secret api_key;    /* X-API-Key; nothing when empty */
	struct span body;         /* JSON; nothing when `at` is NULL */
	size_t max_answer;
	unsigned timeout_ms;
};

struct http_reply {
	unsigned status;
	struct span body; /* in the arena */
};

/** REASON_NODE_UNREACHABLE: it certainly did not take the request; REASON_OUTCOME_UNKNOWN: it may have;
 * REASON_NODE_PIN: another key, nothing was sent; REASON_GUARD: no address that may be called;
 * REASON_NODE_ANSWER: the answer is too large. */
int http_call(const struct http_call *call, struct http_reply *ret_reply, struct arena *arena,
	struct err *err) must_check;

/** Connects and looks at the server's key, without a request. REASON_NODE_UNREACHABLE, _GUARD */
int http_probe_pin(const char *url, unsigned timeout_ms, struct digest *ret_pin, struct err *err)
	must_check;

/** Once, before there are threads. */
int http_client_init(struct err *err) must_check;
