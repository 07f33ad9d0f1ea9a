/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wg/netlink_parse.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>

enum { ATTRS_MAX = 32 };

/* struct __kernel_timespec, which libc does not have */
struct kernel_time {
	int64_t seconds, nanoseconds;
};

struct attrs {
	const struct nlattr *at[ATTRS_MAX];
};

static int collect(const struct nlattr *attr, void *ctx)
{
	struct attrs *attrs = ctx;

	if (mnl_attr_get_type(attr) < ATTRS_MAX)
		attrs->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* The attribute inside `nest` behind `at` (NULL: the first), or NULL. libmnl's macro casts const away. */
static const struct nlattr *next_in(const struct nlattr *nest, const struct nlattr *at)
{
	const char *end = (const char *)nest + mnl_attr_get_len(nest);
	const struct nlattr *next = at ? mnl_attr_next(at) : mnl_attr_get_payload(nest);

	return mnl_attr_ok(next, (int)(end - (const char *)next)) ? next : NULL;
}

/* The attribute's payload, when it has exactly this size. One that is not there is fine. */
static bool take(const struct attrs *attrs, int type, void *at, size_t size)
{
	const struct nlattr *attr = attrs->at[type];

	if (!attr)
		return true;
	if (mnl_attr_get_payload_len(attr) != size)
		return false;
	memcpy(at, mnl_attr_get_payload(attr), size);
	return true;
}

static bool take_endpoint(const struct attrs *attrs, struct wgdev_peer *peer)
{
	const struct nlattr *attr = attrs->at[WGPEER_A_ENDPOINT];
	struct sockaddr_in6 sa = { 0 };
	size_t len;

	if (!attr)
		return true;
	len = mnl_attr_get_payload_len(attr);
	if (len != sizeof(struct sockaddr_in) && len != sizeof sa)
		return false;
	memcpy(&sa, mnl_attr_get_payload(attr), len);
	/* the port is at the same place in both */
	peer->endpoint_port = ntohs(sa.sin6_port);
	return cidr_from_sockaddr((const struct sockaddr *)&sa, &peer->endpoint);
}

static bool take_allowed(const struct nlattr *nest, struct wgdev_peer *peer)
{
	struct attrs attrs = { 0 };
	struct cidr cidr = { 0 };
	uint16_t family = 0;

	if (mnl_attr_parse_nested(nest, collect, &attrs) < 0 ||
		!take(&attrs, WGALLOWEDIP_A_FAMILY, &family, sizeof family) ||
		!take(&attrs, WGALLOWEDIP_A_CIDR_MASK, &cidr.bits, sizeof cidr.bits))
		return false;
	cidr.family = family == AF_INET6 ? IP_V6 : IP_V4;
	if ((family != AF_INET && family != AF_INET6) || !attrs.at[WGALLOWEDIP_A_IPADDR] ||
		!take(&attrs, WGALLOWEDIP_A_IPADDR, cidr.addr, family == AF_INET ? 4 : 16) ||
		cidr.bits > cidr_full_bits(&cidr))
		return false;
	if (peer->n_allowed < WGDEV_ALLOWED_MAX)
		peer->allowed[peer->n_allowed] = cidr_network(&cidr);
	peer->n_allowed++;
	return true;
}

static bool take_all_allowed(const struct attrs *attrs, struct wgdev_peer *peer)
{
	const struct nlattr *list = attrs->at[WGPEER_A_ALLOWEDIPS], *nest = NULL;

	while (list && (nest = next_in(list, nest)))
		if (!take_allowed(nest, peer))
			return false;
	return true;
}

void netlink_parse_end(struct netlink_parser *p, struct wgdev_sink *sink)
{
	if (p->in_peer)
		sink->peer(sink->ctx, &p->peer);
	explicit_bzero(&p->peer, sizeof p->peer);
	p->in_peer = false;
}

static bool read_peer(struct netlink_parser *p, const struct nlattr *nest, struct wgdev_sink *sink)
{
	struct attrs attrs = { 0 };
	struct kernel_time handshake = { 0 };
	struct wgkey key;
	struct wgdev_peer *peer = &p->peer;

	if (mnl_attr_parse_nested(nest, collect, &attrs) < 0 || !attrs.at[WGPEER_A_PUBLIC_KEY] ||
		!take(&attrs, WGPEER_A_PUBLIC_KEY, key.bytes, sizeof key.bytes))
		return false;
	if (!p->in_peer || !wgkey_equal(&key, &peer->public_key)) {
		netlink_parse_end(p, sink);
		peer->public_key = key;
		p->in_peer = true;
	}
	if (!take(&attrs, WGPEER_A_PRESHARED_KEY, peer->preshared_key.bytes, 32) ||
		!take(&attrs, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &peer->keepalive, 2) ||
		!take(&attrs, WGPEER_A_RX_BYTES, &peer->rx_bytes, 8) ||
		!take(&attrs, WGPEER_A_TX_BYTES, &peer->tx_bytes, 8) ||
		!take(&attrs, WGPEER_A_LAST_HANDSHAKE_TIME, &handshake, sizeof handshake) ||
		!take_endpoint(&attrs, peer) || !take_all_allowed(&attrs, peer))
		return false;
	if (attrs.at[WGPEER_A_LAST_HANDSHAKE_TIME] && handshake.seconds >= 0 &&
		handshake.seconds < INT64_MAX / (2 * USEC_PER_SEC))
		peer->last_handshake.us =
			handshake.seconds * USEC_PER_SEC + handshake.nanoseconds / 1000;
	return true;
}

int netlink_parse(struct netlink_parser *p, const struct nlmsghdr *message, struct wgdev_sink *sink,
	struct err *err)
{
	struct attrs attrs = { 0 };
	const struct nlattr *peers, *nest = NULL;
	bool ok = message->nlmsg_len >= NLMSG_HDRLEN + sizeof(struct genlmsghdr) &&
		  mnl_attr_parse(message, sizeof(struct genlmsghdr), collect, &attrs) >= 0;

	ok = ok && take(&attrs, WGDEVICE_A_PRIVATE_KEY, sink->interface.private_key.bytes, 32) &&
	     take(&attrs, WGDEVICE_A_LISTEN_PORT, &sink->interface.listen_port, 2) &&
	     take(&attrs, WGDEVICE_A_FWMARK, &sink->interface.fwmark, 4);
	peers = attrs.at[WGDEVICE_A_PEERS];
	while (ok && peers && (nest = next_in(peers, nest)))
		ok = read_peer(p, nest, sink);
	if (!ok)
		return err_set(err, REASON_DEVICE, NULL, "the kernel's answer is malformed");
	return 0;
}
