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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_utf8_and_what_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
