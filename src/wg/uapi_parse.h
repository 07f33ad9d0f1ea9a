/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The userspace protocol's text (https://www.wireguard.com/xplatform/): lines of
 * key=value, ended by an empty one. Parsed line by line, whatever pieces it comes in.
 */

#include "base/sbuf.h"
#include "wg/backend.h"

struct uapi_parser {
	struct wgdev_peer peer; /* being read; wiped at the end */
	bool in_peer, done;
	int64_t error; /* of the line errno= */
};

/** Reads one line without its line break. REASON_DEVICE: malformed. Unknown keys are passed over. */
int uapi_parse_line(struct uapi_parser *parser, struct span line, struct wgdev_sink *sink,
	struct err *err) must_check;

/** Writes a `set` of the interface. */
void uapi_put_config(struct sbuf *out, const struct wgdev_config *config);

/** Writes the lines of one change. */
void uapi_put_change(struct sbuf *out, const struct wgdev_change *change);
