/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "base/time.h"

TEST(known_instants_go_both_ways)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-05-01T10:00:00Z", INT64_C(1777629600000000) },
		{ "2000-02-29T23:59:59Z", INT64_C(951868799000000) },
		{ "1969-12-31T23:59:59Z", -1000000 },
		{ "0000-01-01T00:00:00Z", INT64_C(-62167219200000000) },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799000000) },
		{ "2026-05-01T10:00:00.25Z", INT64_C(1777629600250000) },
		{ "1969-12-31T23:59:59.5Z", -500000 },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char text[TIME_TEXT_SIZE];
		struct timestamp t = { 1 };

		assert_true(time_parse(span_of(cases[i].text), &t));
		assert_int_equal(t.us, cases[i].us);
		assert_string_equal(time_format(text, t, TIME_FRACTION), cases[i].text);
	}
}

TEST(offsets_and_fractions)
{
	struct timestamp t, utc;

	assert_true(time_parse(span_of("2026-05-01T10:00:00Z"), &utc));
	assert_true(time_parse(span_of("2026-05-01T12:30:00+02:30"), &t));
	assert_int_equal(t.us, utc.us);
	assert_true(time_parse(span_of("2026-04-30T22:00:00-12:00"), &t));
	assert_int_equal(t.us, utc.us);
	assert_true(time_parse(span_of("2026-05-01T10:00:00.123456789Z"), &t));
	assert_int_equal(t.us, utc.us + 123456);
}

TEST(refused_by_both_readers)
{
	static const char *const cases[] = { "", "2026-05-01", "2026-05-01T10:00:00",
		"2026-05-01t10:00:00Z", "2026-05-01T10:00:00z", "2026-05-01 10:00:00Z",
		"2026-05-01T10:00Z", "2026-05-01T10:00:60Z", "2026-05-01T24:00:00Z",
		"2026-02-30T10:00:00Z", "2025-02-29T10:00:00Z", "2026-13-01T10:00:00Z",
		"2026-00-01T10:00:00Z", " 2026-05-01T10:00:00Z", "2026-05-01T10:00:00Z ",
		"1777629600", "2026-05-01T10:00:00.Z", "2026-05-01T10:00:00+0200",
		"2026-05-01T10:00:00+25:00", "2026-5-01T10:00:00Z", "+026-05-01T10:00:00Z" };

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct timestamp t = { 7 };

		assert_false(time_parse(span_of(cases[i]), &t));
		assert_false(time_parse_lax(span_of(cases[i]), &t));
		assert_int_equal(t.us, 7);
	}
}

TEST(quirks_of_the_lax_reader_only)
{
	static const char *const cases[] = { "2026-05-01T9:00:00Z", "2026-05-01T10:00:00,5Z",
		"2026-05-01T10:00:00+24:00" };
	struct timestamp t;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		assert_false(time_parse(span_of(cases[i]), &t));
		assert_true(time_parse_lax(span_of(cases[i]), &t));
	}
}

TEST(every_day_of_eight_centuries_survives)
{
	for (int64_t day = -146097; day <= 146097; day++) {
		char text[TIME_TEXT_SIZE];
		struct timestamp t = { day * 86400 * USEC_PER_SEC }, back;

		assert_true(time_parse(span_of(time_format(text, t, TIME_SECONDS)), &back));
		assert_int_equal(back.us, t.us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_instants_go_both_ways),
		cmocka_unit_test(offsets_and_fractions),
		cmocka_unit_test(refused_by_both_readers),
		cmocka_unit_test(quirks_of_the_lax_reader_only),
		cmocka_unit_test(every_day_of_eight_centuries_survives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
