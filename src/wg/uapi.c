/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wg/uapi_parse.h"

/* The userspace backend: one connection to /run/wireguard/NAME.sock a conversation. */

enum {
	REQUEST_MAX = 1 << 20,
	CHANGES_AT_ONCE = 512,
	READ_AT_ONCE = 64 * 1024,
	LINE_MAX_ = 4096,
};

struct channel {
	struct sockaddr_un address;
	int fd;
	struct sbuf request; /* wiped */
	size_t sent;
	char *input; /* READ_AT_ONCE + LINE_MAX_ bytes; wiped */
	size_t have;
	struct uapi_parser parser;
	bool dumping;
};

static void uapi_cancel(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	sbuf_wipe(&c->request);
	c->request = (struct sbuf)SBUF_INIT(REQUEST_MAX);
	explicit_bzero(c->input, READ_AT_ONCE + LINE_MAX_);
	explicit_bzero(&c->parser, sizeof c->parser);
	c->sent = c->have = 0;
}

static void uapi_close(struct channel *c)
{
	if (!c)
		return;
	uapi_cancel(c);
	free(c->input);
	free(c);
}

static int uapi_open(const char *name, struct channel **ret_channel, struct err *err)
{
	struct channel *c = calloc(1, sizeof *c);

	if (!c)
		return err_nomem(err);
	c->fd = -1;
	c->request = (struct sbuf)SBUF_INIT(REQUEST_MAX);
	c->input = calloc(1, READ_AT_ONCE + LINE_MAX_);
	c->address.sun_family = AF_UNIX;
	snprintf(c->address.sun_path, sizeof c->address.sun_path, "/var/run/wireguard/%s.sock", name);
	if (!c->input) {
		free(c);
		return err_nomem(err);
	}
	*ret_channel = c;
	return 0;
}

static int uapi_fd(const struct channel *c)
{
	return c->fd;
}

static bool uapi_wants_write(const struct channel *c)
{
	return c->sent < c->request.len;
}

static int connect_now(struct channel *c, struct err *err)
{
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return err_set(err, REASON_INTERNAL, NULL, "socket: %s", strerror(errno));
	if (connect(c->fd, (const struct sockaddr *)&c->address, sizeof c->address) < 0) {
		int e = errno;

		uapi_cancel(c);
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"no userspace WireGuard answers at %s: %s", c->address.sun_path,
			strerror(e));
	}
	return 0;
}

static int uapi_set(struct channel *c, const struct wgdev_config *config,
	const struct wgdev_change *changes, size_t n, size_t *ret_taken, struct err *err)
{
	size_t taken = n < CHANGES_AT_ONCE ? n : CHANGES_AT_ONCE;
	int r = connect_now(c, err);

	if (r < 0)
		return r;
	c->dumping = false;
	sbuf_puts(&c->request, "set=1\n");
	if (config)
		uapi_put_config(&c->request, config);
	for (size_t i = 0; !config && i < taken; i++)
		uapi_put_change(&c->request, &changes[i]);
	sbuf_puts(&c->request, "\n");
	*ret_taken = config ? 0 : taken;
	return sbuf_finish(&c->request, err);
}

static int uapi_dump(struct channel *c, struct err *err)
{
	int r = connect_now(c, err);

	c->dumping = true;
	sbuf_puts(&c->request, "get=1\n\n");
	return r;
}

static int broken(struct channel *c, int e, struct err *err)
{
	bool dumping = c->dumping, begun = c->sent > 0;

	uapi_cancel(c);
	if (dumping || !begun)
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"the userspace WireGuard closed the conversation: %s",
			e ? strerror(e) : "end of file");
	return err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
		"the userspace WireGuard broke off while it was being changed");
}

static int send_more(struct channel *c, struct err *err)
{
	while (uapi_wants_write(c)) {
		ssize_t n = send(c->fd, c->request.data + c->sent, c->request.len - c->sent,
			MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return STEP_WAIT;
		if (n < 0)
			return broken(c, errno, err);
		c->sent += (size_t)n;
	}
	return STEP_DONE;
}

static int finished(struct channel *c, struct err *err)
{
	int64_t error = c->parser.error;

	uapi_cancel(c);
	if (error)
		return err_set(err, REASON_DEVICE, NULL, "WireGuard refused it: %s",
			strerror((int)(error < 0 ? -error : error)));
	return STEP_DONE;
}

/* Parses the whole lines there are. */
static int parse_input(struct channel *c, struct wgdev_sink *sink, struct err *err)
{
	size_t at = 0;

	while (!c->parser.done) {
		const char *end = memchr(c->input + at, '\n', c->have - at);
		int r;

		if (!end)
			break;
		r = uapi_parse_line(&c->parser,
			(struct span){ c->input + at, (size_t)(end - (c->input + at)) }, sink, err);
		if (r < 0)
			return r;
		at = (size_t)(end - c->input) + 1;
	}
	if (c->have - at >= LINE_MAX_ && !c->parser.done)
		return err_set(err, REASON_DEVICE, NULL, "WireGuard's answer has an endless line");
	memmove(c->input, c->input + at, c->have - at);
	c->have -= at;
	return 0;
}

static int uapi_step(struct channel *c, struct wgdev_sink *sink, struct err *err)
{
	ssize_t n;
	int r = send_more(c, err);

	if (r != STEP_DONE)
		return r;
	n = recv(c->fd, c->input + c->have, READ_AT_ONCE + LINE_MAX_ - c->have, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_WAIT;
	if (n <= 0)
		return broken(c, n < 0 ? errno : 0, err);
	c->have += (size_t)n;
	r = parse_input(c, sink, err);
	if (r < 0) {
		uapi_cancel(c);
		return r;
	}
	return c->parser.done ? finished(c, err) : STEP_WAIT;
}

const struct wgdev_ops uapi_ops = {
	.open = uapi_open,
	.close = uapi_close,
	.fd = uapi_fd,
	.wants_write = uapi_wants_write,
	.set = uapi_set,
	.dump = uapi_dump,
	.step = uapi_step,
	.cancel = uapi_cancel,
};
