/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wg/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wg/rtnl.h"

enum { REQUEST_SIZE = 1024, ATTRS_MAX = 64 };

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

static uint32_t get_u32(const struct attrs *attrs, int type, uint32_t dflt)
{
	const struct nlattr *attr = attrs->at[type];

	return attr && mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : dflt;
}

static void get_text(const struct attrs *attrs, int type, char *buf, size_t size)
{
	const struct nlattr *attr = attrs->at[type];

	if (attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(buf, size, "%s", mnl_attr_get_str(attr));
}

/* One request on a socket of its own. errno is the kernel's on failure. */
static int talk(struct nlmsghdr *message, mnl_cb_t cb, void *ctx, struct err *err)
{
	scoped(rtnl_closep) struct mnl_socket *socket = NULL;
	int r = rtnl_open(NETLINK_ROUTE, 0, &socket, err);

	return r < 0 ? r : rtnl_talk(socket, message, cb, ctx, err);
}

static struct nlmsghdr *begin(char buffer[REQUEST_SIZE], uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	return message;
}

static struct ifinfomsg *put_link(struct nlmsghdr *message)
{
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof *info);

	info->ifi_family = AF_UNSPEC;
	return info;
}

/*
 * Links
 */

static int on_link(const struct nlmsghdr *message, void *ctx)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct link_info *link = ctx;
	struct attrs attrs = { 0 }, kind = { 0 };

	if (message->nlmsg_type != RTM_NEWLINK ||
		mnl_attr_parse(message, sizeof *info, collect, &attrs) < 0)
		return MNL_CB_OK;
	link->index = info->ifi_index;
	link->up = (info->ifi_flags & 1 /* IFF_UP */) != 0;
	link->mtu = get_u32(&attrs, IFLA_MTU, 0);
	get_text(&attrs, IFLA_IFNAME, link->name, sizeof link->name);
	if (attrs.at[IFLA_LINKINFO] &&
		mnl_attr_parse_nested(attrs.at[IFLA_LINKINFO], collect, &kind) >= 0)
		get_text(&kind, IFLA_INFO_KIND, link->kind, sizeof link->kind);
	return MNL_CB_OK;
}

static int get_link(const char *name, int index, struct link_info *ret_link, struct err *err)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *message = begin(buffer, RTM_GETLINK, NLM_F_ACK);

	*ret_link = (struct link_info){ 0 };
	put_link(message)->ifi_index = index;
	if (name)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	if (talk(message, on_link, ret_link, err) < 0 || ret_link->index == 0)
		return err_set(err, REASON_DEVICE_AWAY, NULL, "there is no interface '%s'",
			name ?: "(by number)");
	return 0;
}

int link_get(const char *name, struct link_info *ret_link, struct err *err)
{
	return get_link(name, 0, ret_link, err);
}

int link_create_wireguard(const char *name, struct err *err)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *message =
		begin(buffer, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;

	(void)put_link(message);
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(message, info);
	if (talk(message, NULL, NULL, err) >= 0 || errno == EEXIST)
		return 0;
	if (errno == EOPNOTSUPP)
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"this kernel has no WireGuard; load its module, or start wireguard-go %s",
			name);
	return err_set(err, REASON_DEVICE_AWAY, NULL, "interface '%s' cannot be made: %s", name,
		strerror(errno));
}

int link_up(const char *name, uint32_t mtu, struct err *err)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *message;
	struct ifinfomsg *info;
	struct link_info link;
	int r = link_get(name, &link, err);

	if (r < 0 || (link.up && (!mtu || mtu == link.mtu)))
		return r;
	message = begin(buffer, RTM_NEWLINK, NLM_F_ACK);
	info = put_link(message);
	info->ifi_index = link.index;
	info->ifi_change = info->ifi_flags = 1; /* IFF_UP */
	if (mtu)
		mnl_attr_put_u32(message, IFLA_MTU, mtu);
	r = talk(message, NULL, NULL, err);
	return r < 0 ? err_context(err, r, "interface '%s' cannot be brought up", name) : 0;
}

/*
 * Addresses
 */

int link_add_address(const char *name, const struct cidr *address, struct err *err)
{
	char buffer[REQUEST_SIZE], text[CIDR_TEXT_SIZE];
	size_t size = address->family == IP_V6 ? 16 : 4;
	struct nlmsghdr *message;
	struct ifaddrmsg *info;
	struct link_info link;
	int r = link_get(name, &link, err);

	if (r < 0)
		return r;
	message = begin(buffer, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	info = mnl_nlmsg_put_extra_header(message, sizeof *info);
	info->ifa_family = address->family == IP_V6 ? AF_INET6 : AF_INET;
	info->ifa_prefixlen = address->bits;
	info->ifa_index = (unsigned)link.index;
	/* nobody else is on this link, and duplicate detection would only make it wait */
	info->ifa_flags = address->family == IP_V6 ? IFA_F_NODAD : 0;
	mnl_attr_put(message, IFA_LOCAL, size, address->addr);
	mnl_attr_put(message, IFA_ADDRESS, size, address->addr);
	r = talk(message, NULL, NULL, err);
	if (r < 0 && errno == EEXIST)
		return 0;
	return r < 0 ? err_context(err, r, "address %s on '%s'", cidr_format(text, address), name)
		     : 0;
}

/* What is looked for among all addresses of the machine. */
struct search {
	int index;                    /* only of this link; 0: of all */
	int except;                   /* but not of this one */
	uint8_t family;               /* 0: both */
	const struct cidr *same, *overlaps;
	bool global;
	bool found;
	int found_index;
	struct cidr found_address;
};

static bool read_address(const struct nlmsghdr *message, const struct ifaddrmsg *info,
	struct cidr *ret_address)
{
	struct attrs attrs = { 0 };
	const struct nlattr *attr;
	size_t size = info->ifa_family == AF_INET6 ? 16 : 4;

	if (mnl_attr_parse(message, sizeof *info, collect, &attrs) < 0)
		return false;
	attr = attrs.at[IFA_LOCAL] ? attrs.at[IFA_LOCAL] : attrs.at[IFA_ADDRESS];
	if (!attr || mnl_attr_get_payload_len(attr) != size)
		return false;
	*ret_address = (struct cidr){ .family = info->ifa_family == AF_INET6 ? IP_V6 : IP_V4,
		.bits = info->ifa_prefixlen };
	memcpy(ret_address->addr, mnl_attr_get_payload(attr), size);
	return true;
}

static bool suits(const struct search *search, const struct ifaddrmsg *info,
	const struct cidr *address)
{
	if ((search->index && (int)info->ifa_index != search->index) ||
		(search->except && (int)info->ifa_index == search->except) ||
		(search->family && address->family != search->family))
		return false;
	if (search->same)
		return cidr_equal(search->same, address);
	if (search->overlaps)
		return info->ifa_scope != RT_SCOPE_HOST && info->ifa_scope != RT_SCOPE_LINK &&
		       cidr_overlaps(search->overlaps, address);
	return info->ifa_scope == RT_SCOPE_UNIVERSE;
}

static int on_address(const struct nlmsghdr *message, void *ctx)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct search *search = ctx;
	struct cidr address;

	if (message->nlmsg_type != RTM_NEWADDR || search->found ||
		(info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
		!read_address(message, info, &address) || !suits(search, info, &address))
		return MNL_CB_OK;
	search->found = true;
	search->found_index = (int)info->ifa_index;
	search->found_address = address;
	return MNL_CB_OK;
}

static int find_address(struct search *search, struct err *err)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *message = begin(buffer, RTM_GETADDR, NLM_F_DUMP);
	struct rtgenmsg *info = mnl_nlmsg_put_extra_header(message, sizeof *info);

	info->rtgen_family = AF_UNSPEC;
	return talk(message, on_address, search, err);
}

int link_has_address(const char *name, const struct cidr *address, bool *ret_has, struct err *err)
{
	struct search search = { .same = address };
	struct link_info link;
	int r = link_get(name, &link, err);

	if (r < 0)
		return r;
	search.index = link.index;
	r = find_address(&search, err);
	*ret_has = search.found;
	return r;
}

int link_find_overlap(const struct cidr *subnet, const char *except, char ret_name[LINK_NAME_SIZE],
	struct cidr *ret_found, struct err *err)
{
	struct search search = { .overlaps = subnet, .family = subnet->family };
	struct link_info link;
	int r;

	if (link_get(except, &link, err) >= 0)
		search.except = link.index;
	r = find_address(&search, err);
	if (r < 0 || !search.found)
		return r;
	*ret_found = search.found_address;
	r = get_link(NULL, search.found_index, &link, err);
	snprintf(ret_name, LINK_NAME_SIZE, "%s", r < 0 ? "?" : link.name);
	return 1;
}

/*
 * The default route
 */

struct route_search {
	bool found;
	uint32_t metric;
	int index;
	struct cidr source;
};

static int on_route(const struct nlmsghdr *message, void *ctx)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct route_search *best = ctx;
	struct attrs attrs = { 0 };
	uint32_t metric;

	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_dst_len != 0 ||
		info->rtm_type != RTN_UNICAST ||
		mnl_attr_parse(message, sizeof *info, collect, &attrs) < 0 ||
		get_u32(&attrs, RTA_TABLE, info->rtm_table) != RT_TABLE_MAIN || !attrs.at[RTA_OIF])
		return MNL_CB_OK;
	metric = get_u32(&attrs, RTA_PRIORITY, 0);
	if (best->found && metric >= best->metric)
		return MNL_CB_OK;
	*best = (struct route_search){ .found = true, .metric = metric,
		.index = (int)get_u32(&attrs, RTA_OIF, 0) };
	if (attrs.at[RTA_PREFSRC]) {
		size_t len = mnl_attr_get_payload_len(attrs.at[RTA_PREFSRC]);

		best->source.family = len == 16 ? IP_V6 : IP_V4;
		best->source.bits = len == 16 ? 128 : 32;
		memcpy(best->source.addr, mnl_attr_get_payload(attrs.at[RTA_PREFSRC]),
			len == 16 ? 16 : 4);
	}
	return MNL_CB_OK;
}

int link_default(enum ip_family family, struct link_info *ret_link, struct cidr *ret_address,
	struct err *err)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *message = begin(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof *info);
	struct route_search best = { 0 };
	struct search search = { .family = (uint8_t)family };
	int r;

	info->rtm_family = family == IP_V6 ? AF_INET6 : AF_INET;
	r = talk(message, on_route, &best, err);
	if (r < 0)
		return r;
	if (!best.found)
		return err_set(err, REASON_NOT_FOUND, NULL, "there is no default route");
	r = get_link(NULL, best.index, ret_link, err);
	if (r < 0)
		return r;
	*ret_address = best.source;
	if (best.source.family)
		return 0;
	search.index = best.index;
	r = find_address(&search, err);
	if (r < 0 || !search.found)
		return err_set(err, REASON_NOT_FOUND, NULL, "interface '%s' has no global address",
			ret_link->name);
	*ret_address = search.found_address;
	ret_address->bits = (uint8_t)cidr_full_bits(ret_address);
	return 0;
}

/*
 * News
 */

int link_watch(int *ret_fd, struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		int e = errno;

		if (fd >= 0)
			close(fd);
		return err_set(err, REASON_INTERNAL, NULL, "netlink: %s", strerror(e));
	}
	*ret_fd = fd;
	return 0;
}

static bool is_about(const struct nlmsghdr *message, const char *name)
{
	char have[LINK_NAME_SIZE] = "";
	struct attrs attrs = { 0 };

	if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) ||
		mnl_attr_parse(message, sizeof(struct ifinfomsg), collect, &attrs) < 0)
		return false;
	get_text(&attrs, IFLA_IFNAME, have, sizeof have);
	return !strcmp(have, name);
}

bool link_watch_read(int fd, const char *name)
{
	static char buffer[32 * 1024]; /* one thread */
	bool about = false;

	for (;;) {
		const struct nlmsghdr *message = (const void *)buffer;
		ssize_t n = recv(fd, buffer, sizeof buffer, 0);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) /* ENOBUFS: news were lost */
			return about || errno != EAGAIN;
		for (; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len))
			about = about || is_about(message, name);
	}
}
