/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/cidr.h"
#include "base/test.h"

static struct cidr of(const char *text)
{
	struct cidr cidr;

	assert_true(cidr_parse_any(span_of(text), &cidr));
	return cidr;
}

TEST(texts_are_canonical)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "10.0.0.0/24", "10.0.0.0/24" },
		{ "10.0.0.77/24", "10.0.0.77/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "10.0.0.1", "10.0.0.1/32" },
		{ "FD00:0:0::1/112", "fd00::1/112" },
		{ "::/0", "::/0" },
		{ "::ffff:10.1.2.3", "10.1.2.3/32" },
		{ "::ffff:10.1.2.0/120", "10.1.2.0/24" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char text[CIDR_TEXT_SIZE];
		struct cidr cidr = of(cases[i].in);

		assert_string_equal(cidr_format(text, &cidr), cases[i].out);
	}
}

TEST(malformed_texts_are_refused)
{
	static const char *const cases[] = { "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0/24",
		"10.0.0.00/24", "10.0.0.0/024", "10.0.0.0/ 24", "fd00::/129", "fd00::%eth0", "x",
		"10.0.0.0/24/24", "300.0.0.1", "10.0.0.1 ", "1.2.3.4.5", ":::" };

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct cidr cidr;

		assert_false(cidr_parse_any(span_of(cases[i]), &cidr));
	}
	assert_false(cidr_parse((struct span){ "10.0.0.0", 8 }, &(struct cidr){ 0 }));
	assert_false(cidr_parse_address((struct span){ "10.0.0.0\0x", 10 }, &(struct cidr){ 0 }));
}

TEST(containment_and_overlap)
{
	static const struct {
		const char *outer, *inner;
		bool contains, overlaps;
	} cases[] = {
		{ "10.0.0.0/24", "10.0.0.255", true, true },
		{ "10.0.0.0/24", "10.0.1.0", false, false },
		{ "10.0.0.0/25", "10.0.0.0/24", false, true },
		{ "0.0.0.0/0", "10.0.0.0/8", true, true },
		{ "0.0.0.0/0", "fd00::/8", false, false },
		{ "fd00::/63", "fd00:0:0:1::/64", true, true },
		{ "fd00::/64", "fd00:0:0:1::/64", false, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct cidr outer = of(cases[i].outer), inner = of(cases[i].inner);

		assert_int_equal(cidr_contains(&outer, &inner), cases[i].contains);
		assert_int_equal(cidr_overlaps(&outer, &inner), cases[i].overlaps);
		assert_int_equal(cidr_overlaps(&inner, &outer), cases[i].overlaps);
	}
}

TEST(hosts_are_counted_from_the_network)
{
	static const struct {
		const char *network, *host;
		uint64_t offset;
	} cases[] = {
		{ "10.0.0.0/24", "10.0.0.2", 2 },
		{ "10.0.0.0/8", "10.255.255.255", 0xffffff },
		{ "10.0.255.0/16", "10.0.1.0", 256 },
		{ "fd00::/112", "fd00::ffff", 0xffff },
		{ "fd00::/64", "fd00::ffff:ffff:ffff:ffff", UINT64_MAX },
		{ "fd00:0:0:0:ff00::/72", "fd00::ff00:0:1:0", 0x10000 },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct cidr network = of(cases[i].network), host = of(cases[i].host), got;
		char text[CIDR_TEXT_SIZE];

		got = cidr_host(&network, cases[i].offset);
		assert_string_equal(cidr_format_address(text, &got), cases[i].host);
		assert_int_equal(cidr_offset(&network, &host), cases[i].offset);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_canonical),
		cmocka_unit_test(malformed_texts_are_refused),
		cmocka_unit_test(containment_and_overlap),
		cmocka_unit_test(hosts_are_counted_from_the_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
