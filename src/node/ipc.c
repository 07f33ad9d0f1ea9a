/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "log/log.h"
#include "node/ipc.h"

static const size_t request_size[IPC_N_TYPES] = {
	[IPC_LIST] = sizeof(struct ipc_range),
	[IPC_CHANGES] = sizeof(struct ipc_range),
	[IPC_COUNTERS] = sizeof(struct ipc_range),
	[IPC_GET] = sizeof(struct ipc_id),
	[IPC_REMOVE] = sizeof(struct ipc_id),
	[IPC_KEY] = sizeof(struct ipc_key),
	[IPC_CREATE] = sizeof(struct ipc_create),
	[IPC_PUT] = sizeof(struct ipc_put),
	[IPC_END] = sizeof(struct ipc_end),
};

_Static_assert(sizeof(struct ipc_head) == 120, "ipc_head has padding, which would travel");

bool ipc_is_change(unsigned type)
{
	return type >= IPC_CREATE && type <= IPC_END;
}

static int sent(ssize_t n)
{
	if (n >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : -1;
}

int ipc_send(int fd, const struct ipc_head *head, const void *body, size_t len, const void *more,
	size_t more_len)
{
	struct iovec iov[] = { { (void *)(uintptr_t)head, sizeof *head },
		{ (void *)(uintptr_t)body, len }, { (void *)(uintptr_t)more, more_len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };

	return sent(sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int ipc_send_fd(int fd, const struct ipc_head *head, const void *body, size_t len, int passed)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov[] = { { (void *)(uintptr_t)head, sizeof *head },
		{ (void *)(uintptr_t)body, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (passed >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof control;
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &passed, sizeof passed);
	}
	return sent(sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int passed_fd(struct msghdr *msg)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
			c->cmsg_len == CMSG_LEN(sizeof fd))
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

int ipc_receive(int fd, void *buf, struct ipc_message *ret_message)
{
	struct ipc_message message = { 0 };
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov[] = { { &message.head, sizeof message.head }, { buf, IPC_MAX } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control,
		.msg_controllen = sizeof control };

	ssize_t n;

	for (;;) {
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0)
			return -1;
		message.fd = passed_fd(&msg);
		if ((size_t)n >= sizeof message.head && !(msg.msg_flags & MSG_TRUNC) &&
			message.head.version == IPC_VERSION && message.head.type > 0 &&
			message.head.type < IPC_N_TYPES)
			break;
		log_error("a malformed message between gate and keeper was dropped",
			LOG_INT("bytes", n));
		closep(&message.fd);
		msg.msg_controllen = sizeof control;
	}
	message.len = (size_t)n - sizeof message.head;
	message.body = buf;
	*ret_message = message;
	return 1;
}

static bool text_ok(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static bool families_ok(const uint8_t *families, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (families[i] != IP_V4 && families[i] != IP_V6)
			return false;
	return n <= 2 && !(n == 2 && families[0] == families[1]);
}

static bool address_ok(const struct cidr *address)
{
	return (address->family == IP_V4 || address->family == IP_V6) &&
	       address->bits == cidr_full_bits(address);
}

static bool put_ok(const struct ipc_put *put)
{
	if (put->n_addresses > 2 || !families_ok(put->families, put->n_families > 2 ? 3 : put->n_families))
		return false;
	for (unsigned i = 0; i < put->n_addresses; i++)
		if (!address_ok(&put->address[i]))
			return false;
	return text_ok(put->label, sizeof put->label) && put->suspended <= 1 &&
	       put->generation >= 0 && put->expires_us >= 0 && put->keepalive >= 0 &&
	       put->keepalive <= 65535;
}

bool ipc_request_ok(const struct ipc_message *m)
{
	const struct ipc_create *create = m->body;
	const struct ipc_range *range = m->body;

	if (!text_ok(m->head.origin.request_id, sizeof m->head.origin.request_id))
		return false;
	if (m->head.type < IPC_STATS || m->head.type > IPC_END ||
		m->len != request_size[m->head.type])
		return false;
	switch (m->head.type) {
	case IPC_LIST:
	case IPC_CHANGES:
	case IPC_COUNTERS:
		return range->after >= 0 && range->offset >= 0 && range->limit >= 0;
	case IPC_CREATE:
		return create->n_families <= 2 && create->expires_us >= 0 &&
		       families_ok(create->families, create->n_families);
	case IPC_PUT: return put_ok(m->body);
	case IPC_END: return ((const struct ipc_end *)m->body)->generation >= 0;
	default: return true;
	}
}
