/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wg/rtnl.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { TIMEOUT_MS = 1000, BUFFER = 64 * 1024 };

void rtnl_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

unsigned rtnl_next_seq(void)
{
	static unsigned seq;

	return ++seq ? seq : ++seq;
}

int rtnl_open(int family, unsigned groups, struct mnl_socket **ret_socket, struct err *err)
{
	scoped(rtnl_closep) struct mnl_socket *socket =
		mnl_socket_open2(family, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = 1 << 20;

	if (!socket || mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "netlink: %s", strerror(errno));
	/* a change of many peers is one message; without the room the kernel says EMSGSIZE */
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	*ret_socket = TAKE(socket);
	return 0;
}

int rtnl_receive(struct mnl_socket *socket, void *buffer, size_t size)
{
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(socket), .events = POLLIN };
	ssize_t n;

	if (poll(&poll_fd, 1, TIMEOUT_MS) <= 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	n = mnl_socket_recvfrom(socket, buffer, size);
	return (int)n;
}

int rtnl_talk(struct mnl_socket *socket, struct nlmsghdr *message, mnl_cb_t cb, void *ctx,
	struct err *err)
{
	static char buffer[BUFFER]; /* one thread, see wgdev.h */
	unsigned seq = rtnl_next_seq();
	int r = 1;

	message->nlmsg_seq = seq;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		r = -1;
	while (r > 0) {
		int n = rtnl_receive(socket, buffer, sizeof buffer);

		r = n < 0 ? -1
			  : mnl_cb_run(buffer, (size_t)n, seq, mnl_socket_get_portid(socket), cb, ctx);
	}
	if (r < 0) {
		int e = errno;

		(void)err_set(err, REASON_DEVICE, NULL, "netlink: %s", strerror(e));
		errno = e;
		return -ERR_INTERNAL;
	}
	return 0;
}
