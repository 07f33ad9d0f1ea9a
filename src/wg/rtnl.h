/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Short conversations over netlink, bounded to a second. */

#include <libmnl/libmnl.h>

#include "base/err.h"

/** A socket of a netlink family, subscribed to `groups`. Close with mnl_socket_close(). */
int rtnl_open(int family, unsigned groups, struct mnl_socket **ret_socket, struct err *err) must_check;

void rtnl_closep(struct mnl_socket **socket);

/** A sequence number that was not used yet. */
unsigned rtnl_next_seq(void);

/** Sends `message` and hands each answer to `cb` (may be NULL). REASON_DEVICE with errno's text; the
 * number itself is left in errno. */
int rtnl_talk(struct mnl_socket *socket, struct nlmsghdr *message, mnl_cb_t cb, void *ctx,
	struct err *err) must_check;

/** The next datagram: its length, or -1 with errno (ETIMEDOUT after a second). */
int rtnl_receive(struct mnl_socket *socket, void *buffer, size_t size);
