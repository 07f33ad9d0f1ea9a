/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "base/utf8.h"

/* The borders of RFC 3629 section 4, from both sides. */
TEST(what_is_utf8_and_what_is_not)
{
	static const struct {
		const char *text;
		size_t len;
		bool ok;
	} cases[] = {
		{ "", 0, true },
		{ "plain", 5, true },
		{ "\x7f", 1, true },
		{ "\xc2\x80", 2, true },
		{ "\xdf\xbf", 2, true },
		{ "\xe0\xa0\x80", 3, true },
		{ "\xed\x9f\xbf", 3, true },
		{ "\xee\x80\x80", 3, true },
		{ "\xf0\x90\x80\x80", 4, true },
		{ "\xf4\x8f\xbf\xbf", 4, true },
		{ "a\0b", 3, false },
		{ "\x80", 1, false },
		{ "\xc1\xbf", 2, false }, /* two bytes where one does */
		{ "\xc2", 1, false },     /* cut off */
		{ "\xc2\x41", 2, false },
		{ "\xe0\x9f\xbf", 3, false }, /* three where two do */
		{ "\xed\xa0\x80", 3, false }, /* a surrogate */
		{ "\xe2\x80", 2, false },
		{ "\xf0\x8f\xbf\xbf", 4, false },
		{ "\xf4\x90\x80\x80", 4, false }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 4, false },
		{ "\xff", 1, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		if (utf8_ok((struct span){ cases[i].text, cases[i].len }) != cases[i].ok)
			fail_msg("case %zu", i);
}

TEST(cleans_for_one_line)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "alice", "alice" },
		{ "  Zo\xc3\xab \t laptop\r ", "Zo\xc3\xab  laptop" },
		{ "a\nb\x1b[31mc\x7f", "ab[31mc" },
		{ "\xc2\x85x\xc2\xa0y", "x\xc2\xa0y" },
		{ "\xff\xfe bad \xc3", "bad" },
		{ "", "" },
		{ " \t ", "" },
	};
	char buf[64];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		assert_int_equal(
			utf8_clean(buf, sizeof buf, span_of(cases[i].text)), strlen(cases[i].want));
		assert_string_equal(buf, cases[i].want);
	}
}

TEST(cuts_between_characters)
{
	char buf[5];

	assert_int_equal(utf8_clean(buf, sizeof buf, span_of("ab\xe2\x82\xac")), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(utf8_clean(buf, sizeof buf, span_of("a\xe2\x82\xac")), 4);
	assert_int_equal(utf8_clean(buf, sizeof buf, span_of("abcdefgh")), 4);
	assert_int_equal(utf8_clean(buf, 1, span_of("abc")), 0);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_utf8_and_what_is_not),
		cmocka_unit_test(cleans_for_one_line),
		cmocka_unit_test(cuts_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
