/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* "host[:port]": a DNS name, an IPv4 address or an IPv6 address in brackets. */

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

enum { ENDPOINT_HOST_MAX = 253 };

struct endpoint {
	struct span host; /* IPv6 with its brackets */
	unsigned port;    /* 0: not given */
};

/** Splits and checks; false when `text` is none. Spans point into it. */
bool endpoint_parse(struct span text, struct endpoint *ret_endpoint);

/** For field tables: a text that endpoint_parse() takes. */
int check_endpoint(const void *value, struct err *err);
