/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Generic netlink messages of WG_CMD_GET_DEVICE, as <linux/wireguard.h> describes them.
 *
 * A dump is several messages. A peer whose allowed IPs did not fit goes on as the
 * first one of the next, so a peer is reported when the next one begins.
 */

#include "wg/backend.h"

struct nlmsghdr;

struct netlink_parser {
	struct wgdev_peer peer; /* being read; wiped at the end */
	bool in_peer;
};

/** Reads one message. REASON_DEVICE: malformed. */
int netlink_parse(struct netlink_parser *parser, const struct nlmsghdr *message,
	struct wgdev_sink *sink, struct err *err) must_check;

/** Reports the last peer. */
void netlink_parse_end(struct netlink_parser *parser, struct wgdev_sink *sink);
