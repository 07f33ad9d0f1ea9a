/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "node/gate/exposition.h"

TEST(help_and_label_values_are_escaped)
{
	const struct label hostile = { "path", "a\\b\"c\nd" }, plain = { "x", "" };
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);

	exposition_head(&out, "m_total", "counter", "back\\slash, \"quotes\" and\nlines");
	exposition_number(&out, "m_total", &hostile, 1, 7);
	exposition_number(&out, "m_total", &plain, 1, 0);
	assert_string_equal(out.data,
		"# HELP m_total back\\\\slash, \"quotes\" and\\nlines\n"
		"# TYPE m_total counter\n"
		"m_total{path=\"a\\\\b\\\"c\\nd\"} 7\n"
		"m_total{x=\"\"} 0\n");
}

TEST(numbers_are_written_whole)
{
	static const struct {
		uint64_t us;
		const char *text;
	} cases[] = {
		{ 0, "s 0\n" },
		{ 1, "s 0.000001\n" },
		{ 1000, "s 0.001\n" },
		{ 250000, "s 0.25\n" },
		{ 12000000, "s 12\n" },
		{ 12345678, "s 12.345678\n" },
		{ METRIC_INFINITE, "s +Inf\n" },
		{ METRIC_NONE, "" },
	};
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		sbuf_clear(&out);
		exposition_seconds(&out, "s", NULL, 0, cases[i].us);
		assert_string_equal(out.len ? out.data : "", cases[i].text);
	}
	sbuf_clear(&out);
	exposition_number(&out, "n", NULL, 0, UINT64_MAX - 2);
	exposition_number(&out, "n", NULL, 0, METRIC_INFINITE);
	exposition_number(&out, "n", NULL, 0, METRIC_NONE);
	assert_string_equal(out.data, "n 18446744073709551613\nn +Inf\n");
}

TEST(a_histogram_is_cumulated_and_ends_in_infinity)
{
	const struct label op = { "op", "create" };
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(8192);
	struct histogram h = { 0 };
	static const int64_t observed[] = { -5, 0, 1000, 1001, 5000000, 5000001, 60000000 };

	for (size_t i = 0; i < N_ELEMENTS(observed); i++)
		histogram_add(&h, observed[i]);
	exposition_histogram(&out, "h", &op, 1, &h);
	assert_string_equal(out.data,
		"h_bucket{op=\"create\",le=\"0.001\"} 3\n"
		"h_bucket{op=\"create\",le=\"0.005\"} 4\n"
		"h_bucket{op=\"create\",le=\"0.01\"} 4\n"
		"h_bucket{op=\"create\",le=\"0.025\"} 4\n"
		"h_bucket{op=\"create\",le=\"0.05\"} 4\n"
		"h_bucket{op=\"create\",le=\"0.1\"} 4\n"
		"h_bucket{op=\"create\",le=\"0.25\"} 4\n"
		"h_bucket{op=\"create\",le=\"0.5\"} 4\n"
		"h_bucket{op=\"create\",le=\"1\"} 4\n"
		"h_bucket{op=\"create\",le=\"2.5\"} 4\n"
		"h_bucket{op=\"create\",le=\"5\"} 5\n"
		"h_bucket{op=\"create\",le=\"+Inf\"} 7\n"
		"h_sum{op=\"create\"} 70.002002\n"
		"h_count{op=\"create\"} 7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_and_label_values_are_escaped),
		cmocka_unit_test(numbers_are_written_whole),
		cmocka_unit_test(a_histogram_is_cumulated_and_ends_in_infinity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
