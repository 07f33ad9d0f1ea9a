/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "http/server.h"
#include "node/ipc.h"
#include "node/sockets.h"

static struct {
	int in, out;
} safes[N_LISTENERS];

int sockets_open(struct err *err)
{
	for (unsigned i = 0; i < N_LISTENERS; i++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
			return err_set(err, REASON_INTERNAL, NULL, "no socketpair: %s",
				strerror(errno));
		safes[i].in = ends[0];
		safes[i].out = ends[1];
	}
	return 0;
}

void sockets_leave(void)
{
	for (unsigned i = 0; i < N_LISTENERS; i++) {
		closep(&safes[i].in);
		closep(&safes[i].out);
	}
}

/* What lies in the safe; looking leaves it there. -1: nothing. */
static int look(enum listener which, int flags)
{
	struct ipc_head head;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &head, sizeof head };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof control };

	if (recvmsg(safes[which].out, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags) <= 0)
		return -1;
	return ipc_passed_fd(&msg);
}

static int put(enum listener which, int fd, struct err *err)
{
	const struct ipc_head head = { .version = IPC_VERSION, .type = IPC_SETUP };

	if (ipc_send_fd(safes[which].in, &head, NULL, 0, fd) <= 0)
		return err_set(err, REASON_INTERNAL, NULL, "the listening socket cannot be kept: %s",
			strerror(errno));
	return 0;
}

int sockets_listen(enum listener which, const char *address, uint16_t port, int *ret_fd, struct err *err)
{
	scoped(closep) int kept = look(which, MSG_PEEK);
	scoped(closep) int fd = -1;
	int r;

	if (kept >= 0 && http_listens_at(kept, address, port)) {
		*ret_fd = TAKE_FD(kept);
		return 0;
	}
	if (kept >= 0) { /* of another configuration */
		scoped(closep) int old = look(which, 0);
	}
	r = http_listen(address, port, &fd, err);
	if (r >= 0)
		r = put(which, fd, err);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}
