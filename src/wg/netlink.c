/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "wg/netlink_parse.h"
#include "wg/rtnl.h"

/* The kernel backend: generic netlink, family "wireguard". */

enum {
	MESSAGE_MAX = 64 * 1024,
	CHANGE_MAX = 256,   /* bytes of one change, at most */
	NEST_MAX = 60000,   /* an attribute's length has 16 bits */
};

struct channel {
	struct mnl_socket *socket;
	char name[16];
	uint16_t family;
	uint32_t seq;
	struct netlink_parser parser;
	bool interrupted;
	char buffer[MESSAGE_MAX]; /* wiped */
};

/*
 * The family's number
 */

static int on_family(const struct nlattr *attr, void *ctx)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
		*(uint16_t *)ctx = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_family_message(const struct nlmsghdr *message, void *ctx)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), on_family, ctx);
}

static int find_family(struct channel *c, struct err *err)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(c->buffer);
	struct genlmsghdr *genl;
	int r;

	message->nlmsg_type = GENL_ID_CTRL;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(message, sizeof *genl);
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	r = rtnl_talk(c->socket, message, on_family_message, &c->family, err);
	if (r < 0 || !c->family)
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"this kernel has no WireGuard (or its module is not loaded)");
	return 0;
}

static void netlink_close(struct channel *c)
{
	if (!c)
		return;
	if (c->socket)
		mnl_socket_close(c->socket);
	explicit_bzero(c->buffer, sizeof c->buffer);
	explicit_bzero(&c->parser, sizeof c->parser);
	free(c);
}
DEFINE_FREEP(struct channel, netlink_close);

static int netlink_open(const char *name, struct channel **ret_channel, struct err *err)
{
	scoped(netlink_closep) struct channel *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return err_nomem(err);
	snprintf(c->name, sizeof c->name, "%s", name);
	r = rtnl_open(NETLINK_GENERIC, 0, &c->socket, err);
	if (r >= 0)
		r = find_family(c, err);
	if (r < 0)
		return r;
	*ret_channel = TAKE(c);
	return 0;
}

static int netlink_fd(const struct channel *c)
{
	return c->socket ? mnl_socket_get_fd(c->socket) : -1;
}

static bool netlink_wants_write(const struct channel *c)
{
	(void)c;
	return false;
}

/*
 * Requests
 */

static struct nlmsghdr *begin(struct channel *c, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(c->buffer);
	struct genlmsghdr *genl;

	message->nlmsg_type = c->family;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = rtnl_next_seq();
	c->seq = message->nlmsg_seq;
	genl = mnl_nlmsg_put_extra_header(message, sizeof *genl);
	genl->cmd = command;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_strz(message, WGDEVICE_A_IFNAME, c->name);
	return message;
}

/* The kernel works on a request within the send, so this never waits for room. */
static int finish(struct channel *c, const struct nlmsghdr *message, struct err *err)
{
	ssize_t n = c->socket ? mnl_socket_sendto(c->socket, message, message->nlmsg_len) : -1;
	int e = errno;

	explicit_bzero(c->buffer, MESSAGE_MAX);
	if (n < 0)
		return err_set(err, REASON_DEVICE_AWAY, NULL, "netlink: %s", strerror(e));
	return 0;
}

static void put_allowed(struct nlmsghdr *message, const struct wgdev_change *change)
{
	struct nlattr *list = mnl_attr_nest_start(message, WGPEER_A_ALLOWEDIPS);

	for (unsigned i = 0; i < change->n_allowed; i++) {
		const struct cidr *cidr = &change->allowed[i];
		struct nlattr *one = mnl_attr_nest_start(message, 0);

		mnl_attr_put_u16(message, WGALLOWEDIP_A_FAMILY,
			cidr->family == IP_V6 ? AF_INET6 : AF_INET);
		mnl_attr_put(message, WGALLOWEDIP_A_IPADDR, cidr->family == IP_V6 ? 16 : 4,
			cidr->addr);
		mnl_attr_put_u8(message, WGALLOWEDIP_A_CIDR_MASK, cidr->bits);
		mnl_attr_nest_end(message, one);
	}
	mnl_attr_nest_end(message, list);
}

static void put_change(struct nlmsghdr *message, const struct wgdev_change *change)
{
	struct nlattr *peer = mnl_attr_nest_start(message, 0);

	mnl_attr_put(message, WGPEER_A_PUBLIC_KEY, 32, change->public_key.bytes);
	if (change->remove) {
		mnl_attr_put_u32(message, WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY);
	} else {
		mnl_attr_put_u32(message, WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS);
		mnl_attr_put(message, WGPEER_A_PRESHARED_KEY, 32, change->preshared_key.bytes);
		mnl_attr_put_u16(message, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, change->keepalive);
		put_allowed(message, change);
	}
	mnl_attr_nest_end(message, peer);
}

static int netlink_set(struct channel *c, const struct wgdev_config *config,
	const struct wgdev_change *changes, size_t n, size_t *ret_taken, struct err *err)
{
	struct nlmsghdr *message = begin(c, WG_CMD_SET_DEVICE, NLM_F_ACK);
	struct nlattr *peers;

	*ret_taken = 0;
	if (config) {
		mnl_attr_put(message, WGDEVICE_A_PRIVATE_KEY, 32, config->private_key.bytes);
		mnl_attr_put_u16(message, WGDEVICE_A_LISTEN_PORT, config->listen_port);
		return finish(c, message, err);
	}
	peers = mnl_attr_nest_start(message, WGDEVICE_A_PEERS);
	while (*ret_taken < n && message->nlmsg_len < NEST_MAX - CHANGE_MAX)
		put_change(message, &changes[(*ret_taken)++]);
	mnl_attr_nest_end(message, peers);
	return finish(c, message, err);
}

static int netlink_dump(struct channel *c, struct err *err)
{
	c->interrupted = false;
	explicit_bzero(&c->parser, sizeof c->parser);
	return finish(c, begin(c, WG_CMD_GET_DEVICE, NLM_F_DUMP), err);
}

/*
 * Answers
 */

static int refused(int e, struct err *err)
{
	if (e == ENODEV || e == EOPNOTSUPP || e == ENOENT)
		return err_set(err, REASON_DEVICE_AWAY, NULL, "there is no such interface");
	return err_set(err, REASON_DEVICE, NULL, "the kernel refused it: %s", strerror(e));
}

/* The end of the conversation: 0, or -errno as the kernel gives it. */
static int on_end(struct channel *c, const struct nlmsghdr *message, struct wgdev_sink *sink,
	struct err *err)
{
	int code = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof code)
		memcpy(&code, mnl_nlmsg_get_payload(message), sizeof code);
	if (code < 0)
		return refused(-code, err);
	netlink_parse_end(&c->parser, sink);
	return c->interrupted ? STEP_AGAIN : STEP_DONE;
}

static int read_datagram(struct channel *c, int len, struct wgdev_sink *sink, struct err *err)
{
	const struct nlmsghdr *message = (const void *)c->buffer;

	for (; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
		int r;

		if (message->nlmsg_seq != c->seq)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			c->interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE)
			return on_end(c, message, sink, err);
		r = netlink_parse(&c->parser, message, sink, err);
		if (r < 0)
			return r;
	}
	return STEP_WAIT;
}

static int netlink_step(struct channel *c, struct wgdev_sink *sink, struct err *err)
{
	ssize_t n = recv(netlink_fd(c), c->buffer, MESSAGE_MAX, MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_WAIT;
	if (n < 0)
		return refused(errno, err);
	r = read_datagram(c, (int)n, sink, err);
	explicit_bzero(c->buffer, (size_t)n);
	return r;
}

/* The kernel would go on with a dump that nobody wants, and refuse the next one meanwhile: a new socket
 * is the way out of a conversation. */
static void netlink_cancel(struct channel *c)
{
	struct err err;

	explicit_bzero(&c->parser, sizeof c->parser);
	mnl_socket_close(c->socket);
	c->socket = NULL;
	if (rtnl_open(NETLINK_GENERIC, 0, &c->socket, &err) < 0)
		c->socket = NULL;
}

const struct wgdev_ops netlink_ops = {
	.open = netlink_open,
	.close = netlink_close,
	.fd = netlink_fd,
	.wants_write = netlink_wants_write,
	.set = netlink_set,
	.dump = netlink_dump,
	.step = netlink_step,
	.cancel = netlink_cancel,
};
