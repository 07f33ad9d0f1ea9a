/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include "wg/uapi_parse.h"

#define KEY_A "00000000000000000000000000000000000000000000000000000000000000aa"
#define KEY_B "00000000000000000000000000000000000000000000000000000000000000bb"

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

static int parse(const char *text, struct uapi_parser *parser, struct wgdev_sink *sink, struct err *err)
{
	struct span rest = span_of(text);
	int r = 0;

	while (r >= 0 && rest.at && !parser->done)
		r = uapi_parse_line(parser, span_cut(&rest, '\n'), sink, err);
	return r;
}

TEST(reads_interface_and_peers)
{
	struct seen seen = { .n = 0 };
	struct wgdev_sink sink = { .peer = take, .ctx = &seen };
	struct uapi_parser parser = { 0 };
	struct err err;

	assert_ok(parse("private_key=" KEY_A "\nlisten_port=51820\npublic_key=" KEY_B
			"\npreshared_key=" KEY_A "\nendpoint=[2001:db8::1]:1234\nallowed_ip=10.0.0.2/32\n"
			"allowed_ip=10.1.2.3/24\nlast_handshake_time_sec=100\nlast_handshake_time_nsec=5000\n"
			"rx_bytes=7\ntx_bytes=9\npersistent_keepalive_interval=25\nprotocol_version=1\n"
			"public_key=" KEY_A "\nerrno=0\n\n",
			  &parser, &sink, &err),
		&err);
	assert_true(parser.done);
	assert_int_equal(parser.error, 0);
	assert_int_equal(sink.interface.listen_port, 51820);
	assert_int_equal(sink.interface.private_key.bytes[31], 0xaa);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.peers[0].public_key.bytes[31], 0xbb);
	assert_int_equal(seen.peers[0].endpoint.family, IP_V6);
	assert_int_equal(seen.peers[0].endpoint_port, 1234);
	assert_int_equal(seen.peers[0].n_allowed, 2);
	assert_int_equal(seen.peers[0].allowed[1].addr[3], 0); /* host bits are masked */
	assert_int_equal(seen.peers[0].last_handshake.us, 100000005);
	assert_int_equal(seen.peers[0].rx_bytes, 7);
	assert_int_equal(seen.peers[0].keepalive, 25);
	assert_true(wgkey_is_zero(&seen.peers[1].preshared_key)); /* nothing of the one before */
	assert_int_equal(seen.peers[1].n_allowed, 0);
}

TEST(counts_allowed_ips_beyond_its_array)
{
	struct seen seen = { .n = 0 };
	struct wgdev_sink sink = { .peer = take, .ctx = &seen };
	struct uapi_parser parser = { 0 };
	struct err err;

	assert_ok(uapi_parse_line(&parser, span_of("public_key=" KEY_A), &sink, &err), &err);
	for (int i = 0; i < 20; i++)
		assert_ok(uapi_parse_line(&parser, span_of("allowed_ip=10.0.0.2/32"), &sink, &err), &err);
	assert_int_equal(parser.peer.n_allowed, 20);
}

TEST(refuses_malformed_values_without_showing_them)
{
	static const char *const wrong[] = { "private_key=zz" KEY_A, "private_key=" KEY_A "0",
		"listen_port=70000", "listen_port=", "fwmark=-1", "public_key=", "errno=x", "errno=99999",
		"allowed_ip=10.0.0.2/32", "rx_bytes=1" /* of no peer */ };

	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		struct seen seen = { .n = 0 };
		struct wgdev_sink sink = { .peer = take, .ctx = &seen };
		struct uapi_parser parser = { 0 };
		struct err err = { 0 };

		if (uapi_parse_line(&parser, span_of(wrong[i]), &sink, &err) >= 0)
			fail_msg("'%s' was taken", wrong[i]);
		assert_null(strstr(err.msg, KEY_A));
	}
}

TEST(refuses_malformed_values_of_a_peer)
{
	static const char *const wrong[] = { "allowed_ip=10.0.0.2", "allowed_ip=10.0.0.2/33",
		"endpoint=1.2.3.4", "endpoint=host:1", "endpoint=1.2.3.4:70000",
		"persistent_keepalive_interval=65536", "last_handshake_time_nsec=1000000000",
		"last_handshake_time_sec=99999999999999999999", "rx_bytes=-1", "preshared_key=ab" };

	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		struct uapi_parser parser = { .in_peer = true };
		struct wgdev_sink sink = { .peer = take };
		struct err err = { 0 };

		if (uapi_parse_line(&parser, span_of(wrong[i]), &sink, &err) >= 0)
			fail_msg("'%s' was taken", wrong[i]);
	}
}

TEST(writes_whole_changes)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	struct wgdev_change change = { .keepalive = 25, .n_allowed = 1 };

	change.public_key.bytes[31] = 0xaa;
	assert_true(cidr_parse(span_of("10.0.0.2/32"), &change.allowed[0]));
	uapi_put_change(&out, &change);
	assert_non_null(strstr(out.data, "public_key=" KEY_A "\npreshared_key=0000"));
	assert_non_null(strstr(out.data, "replace_allowed_ips=true\nallowed_ip=10.0.0.2/32\n"));
	sbuf_clear(&out);
	change.remove = true;
	uapi_put_change(&out, &change);
	assert_string_equal(out.data, "public_key=" KEY_A "\nupdate_only=true\nremove=true\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_interface_and_peers),
		cmocka_unit_test(counts_allowed_ips_beyond_its_array),
		cmocka_unit_test(refuses_malformed_values_without_showing_them),
		cmocka_unit_test(refuses_malformed_values_of_a_peer),
		cmocka_unit_test(writes_whole_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
