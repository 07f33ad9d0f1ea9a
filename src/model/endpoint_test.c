/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include "model/endpoint.h"

static void assert_parsed(const char *text, const char *host, unsigned port)
{
	struct endpoint endpoint;

	if (!endpoint_parse(span_of(text), &endpoint))
		fail_msg("'%s' was refused", text);
	assert_true(span_is(endpoint.host, host));
	assert_int_equal(endpoint.port, port);
}

TEST(takes_names_and_addresses_with_and_without_a_port)
{
	assert_parsed("vpn.example.org", "vpn.example.org", 0);
	assert_parsed("vpn.example.org:51820", "vpn.example.org", 51820);
	assert_parsed("192.0.2.1:1", "192.0.2.1", 1);
	assert_parsed("[2001:db8::1]:65535", "[2001:db8::1]", 65535);
	assert_parsed("[2001:db8::1]", "[2001:db8::1]", 0);
	assert_parsed("node_1.lan.", "node_1.lan.", 0);
}

TEST(refuses_what_is_no_host)
{
	static const char *const wrong[] = { "", ":1", "a:", "a:0", "a:65536", "a:1x", "2001:db8::1",
		"[2001:db8::1", "[192.0.2.1]", "[]", "300.1.1.1", "1.2.3", "-a.org", "a-.org", "a..b",
		"a b", "a/b", "a@b", "a\nb", "[::1]x:1", "a:1:2" };

	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		struct endpoint endpoint;

		if (endpoint_parse(span_of(wrong[i]), &endpoint))
			fail_msg("'%s' was taken", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_names_and_addresses_with_and_without_a_port),
		cmocka_unit_test(refuses_what_is_no_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
