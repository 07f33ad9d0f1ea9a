/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/parse.h"
#include "base/test.h"

TEST(unsigned_numbers)
{
	static const struct {
		const char *text;
		uint64_t max, value;
		bool ok;
	} cases[] = {
		{ "0", 10, 0, true },
		{ "007", 10, 7, true },
		{ "10", 10, 10, true },
		{ "11", 10, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "", 10, 0, false },
		{ "-1", 10, 0, false },
		{ "+1", 10, 0, false },
		{ " 1", 10, 0, false },
		{ "1 ", 10, 0, false },
		{ "0x1", 10, 0, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		uint64_t value = 99;

		assert_int_equal(parse_u64(span_of(cases[i].text), cases[i].max, &value),
			cases[i].ok);
		assert_int_equal(value, cases[i].ok ? cases[i].value : 99);
	}
}

TEST(signed_numbers)
{
	static const struct {
		const char *text;
		int64_t value;
		bool ok;
	} cases[] = {
		{ "+1", 1, true },
		{ "-9223372036854775808", INT64_MIN, true },
		{ "9223372036854775807", INT64_MAX, true },
		{ "9223372036854775808", 0, false },
		{ "-9223372036854775809", 0, false },
		{ "--1", 0, false },
		{ "-", 0, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		int64_t value = 99;

		assert_int_equal(parse_i64(span_of(cases[i].text), INT64_MIN, INT64_MAX, &value),
			cases[i].ok);
		assert_int_equal(value, cases[i].ok ? cases[i].value : 99);
	}
	assert_false(parse_i64(span_of("5"), 6, 9, &(int64_t){ 0 }));
}

TEST(hexadecimal)
{
	uint8_t bytes[2] = { 1, 2 };

	assert_true(parse_hex(span_of("aB09"), bytes, 2));
	assert_int_equal(bytes[0], 0xab);
	assert_int_equal(bytes[1], 0x09);
	assert_false(parse_hex(span_of("aB0g"), bytes, 2));
	assert_false(parse_hex(span_of("aB0"), bytes, 2));
	assert_int_equal(bytes[0], 0xab);
}

TEST(spans_are_cut_and_trimmed)
{
	struct span rest = span_of(" a ,b,,c"), piece;

	piece = span_trim(span_cut(&rest, ','));
	assert_true(span_is(piece, "a"));
	assert_true(span_is(span_cut(&rest, ','), "b"));
	assert_int_equal(span_cut(&rest, ',').len, 0);
	assert_true(span_is(span_cut(&rest, ','), "c"));
	assert_null(rest.at);
	assert_int_equal(span_cut(&rest, ',').len, 0);
	assert_true(span_is_nocase(span_of("X-API-Key"), "x-api-key"));
	assert_true(span_starts(span_of("urn:uuid:"), "urn:"));
	assert_false(span_starts(span_of("ur"), "urn:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(spans_are_cut_and_trimmed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
