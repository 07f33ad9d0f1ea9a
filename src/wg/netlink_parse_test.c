/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include "base/test.h"

#include "wg/netlink_parse.h"

struct seen {
	struct wgdev_peer peers[4];
	unsigned n;
};

static void take(void *ctx, const struct wgdev_peer *peer)
{
	struct seen *seen = ctx;

	assert_true(seen->n < N_ELEMENTS(seen->peers));
	seen->peers[seen->n++] = *peer;
}

static struct nlmsghdr *begin(char *buffer)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	mnl_nlmsg_put_extra_header(message, sizeof(struct genlmsghdr));
	return message;
}

static void put_allowed(struct nlmsghdr *message, uint8_t last, uint8_t bits)
{
	const uint8_t address[4] = { 10, 0, 0, last };
	struct nlattr *list = mnl_attr_nest_start(message, WGPEER_A_ALLOWEDIPS);
	struct nlattr *one = mnl_attr_nest_start(message, 0);

	mnl_attr_put_u16(message, WGALLOWEDIP_A_FAMILY, AF_INET);
	mnl_attr_put(message, WGALLOWEDIP_A_IPADDR, sizeof address, address);
	mnl_attr_put_u8(message, WGALLOWEDIP_A_CIDR_MASK, bits);
	mnl_attr_nest_end(message, one);
	mnl_attr_nest_end(message, list);
}

static void put_peer(struct nlmsghdr *message, uint8_t key, uint8_t last, uint8_t bits)
{
	struct nlattr *peer = mnl_attr_nest_start(message, 0);
	uint8_t bytes[32] = { key };

	mnl_attr_put(message, WGPEER_A_PUBLIC_KEY, sizeof bytes, bytes);
	put_allowed(message, last, bits);
	mnl_attr_nest_end(message, peer);
}

TEST(a_peer_goes_on_in_the_next_message)
{
	char buffer[2048];
	struct seen seen = { .n = 0 };
	struct wgdev_sink sink = { .peer = take, .ctx = &seen };
	struct netlink_parser parser = { 0 };
	struct err err;

	for (uint8_t i = 0; i < 2; i++) {
		struct nlmsghdr *message = begin(buffer);
		struct nlattr *peers = mnl_attr_nest_start(message, WGDEVICE_A_PEERS);

		put_peer(message, 1, (uint8_t)(2 + i), 32);
		if (i)
			put_peer(message, 9, 7, 24);
		mnl_attr_nest_end(message, peers);
		assert_ok(netlink_parse(&parser, message, &sink, &err), &err);
	}
	netlink_parse_end(&parser, &sink);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.peers[0].n_allowed, 2);
	assert_int_equal(seen.peers[1].n_allowed, 1);
	assert_int_equal(seen.peers[1].allowed[0].addr[3], 0);
}

TEST(refuses_payloads_of_another_size)
{
	char buffer[512];
	struct seen seen = { .n = 0 };
	struct wgdev_sink sink = { .peer = take, .ctx = &seen };
	struct netlink_parser parser = { 0 };
	struct nlmsghdr *message = begin(buffer);
	struct err err;

	mnl_attr_put_u32(message, WGDEVICE_A_PRIVATE_KEY, 1);
	assert_fails(netlink_parse(&parser, message, &sink, &err), &err, REASON_DEVICE);
}

TEST(refuses_prefixes_that_are_too_long)
{
	char buffer[512];
	struct seen seen = { .n = 0 };
	struct wgdev_sink sink = { .peer = take, .ctx = &seen };
	struct netlink_parser parser = { 0 };
	struct nlmsghdr *message = begin(buffer);
	struct nlattr *peers = mnl_attr_nest_start(message, WGDEVICE_A_PEERS);
	struct err err;

	put_peer(message, 1, 2, 33);
	mnl_attr_nest_end(message, peers);
	assert_fails(netlink_parse(&parser, message, &sink, &err), &err, REASON_DEVICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_goes_on_in_the_next_message),
		cmocka_unit_test(refuses_payloads_of_another_size),
		cmocka_unit_test(refuses_prefixes_that_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
