/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <unistd.h>

#include "base/test.h"
#include "log/log.h"

/* What `write` puts on standard error meanwhile. */
static void captured(void (*write_lines)(void), char *ret_text, size_t size)
{
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	write_lines();
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	close(saved);
	n = read(ends[0], ret_text, size - 1);
	close(ends[0]);
	ret_text[n > 0 ? n : 0] = '\0';
}

static void hostile_line(void)
{
	log_warn("a text from outside", LOG_STR("name", "x\n<3>forged \"quoted\" \\ end"),
		LOG_STR("plain", "de-1"), LOG_INT("n", -5));
}

TEST(logfmt_is_one_line_whatever_the_text)
{
	char text[2048];

	log_init("test", LOG_LEVEL_INFO, LOG_LOGFMT);
	captured(hostile_line, text, sizeof text);
	assert_string_equal(text,
		"<4>level=warn program=test msg=\"a text from outside\" "
		"name=\"x\\u000a<3>forged \\\"quoted\\\" \\\\ end\" plain=de-1 n=-5\n");
}

static void not_utf8(void)
{
	log_warn("bytes", LOG_STR("a", "\xff\xc3(\xc0\xaf"), LOG_STR("b", "z\xc3\xbcrich \xc2\x9b"),
		LOG_STR("c", "\xed\xa0\x80"), LOG_STR("d", "\xf0\x9f\x94\x91"));
}

TEST(what_is_no_text_is_replaced)
{
	static const char fields[] = "\"\\ufffd\\ufffd(\\ufffd\\ufffd\" b=\"z\xc3\xbcrich \\u009b\" "
				     "c=\"\\ufffd\\ufffd\\ufffd\" d=\"\xf0\x9f\x94\x91\"\n";
	char text[2048];

	log_init("test", LOG_LEVEL_INFO, LOG_LOGFMT);
	captured(not_utf8, text, sizeof text);
	assert_string_equal(strstr(text, " a=") + 3, fields);
}

TEST(json_carries_the_same)
{
	char text[2048];

	log_init("test", LOG_LEVEL_INFO, LOG_JSON);
	captured(hostile_line, text, sizeof text);
	assert_non_null(strstr(text,
		"\"level\":\"warn\",\"program\":\"test\",\"msg\":\"a text from outside\","
		"\"name\":\"x\\u000a<3>forged \\\"quoted\\\" \\\\ end\",\"plain\":\"de-1\",\"n\":-5}\n"));
}

static void below_the_level(void)
{
	log_debug("not shown");
}

static void with_context(void)
{
	struct err err;

	err_set(&err, REASON_BUSY, "field", "too much");
	log_context("request", "r1");
	log_error("failed", LOG_ERR(&err));
	log_context("request", NULL);
	log_notice("after");
}

TEST(levels_context_and_errors)
{
	char text[2048];

	log_init("test", LOG_LEVEL_INFO, LOG_LOGFMT);
	captured(below_the_level, text, sizeof text);
	assert_string_equal(text, "");
	captured(with_context, text, sizeof text);
	assert_non_null(strstr(text, "msg=\"failed\" request=r1 reason=busy error=\"too much\" "
				     "field=field at=log_test.c:"));
	assert_non_null(strstr(text, "msg=\"after\"\n"));
}

static char huge[10000];

static void too_long(void)
{
	memset(huge, 'y', sizeof huge - 1);
	log_info("long", LOG_STR("a", "b"), LOG_STR("huge", huge));
}

TEST(a_line_has_an_end)
{
	char text[8192];

	captured(too_long, text, sizeof text);
	assert_non_null(strstr(text, "msg=\"long\" a=b fields_cut=1\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_is_one_line_whatever_the_text),
		cmocka_unit_test(what_is_no_text_is_replaced),
		cmocka_unit_test(json_carries_the_same),
		cmocka_unit_test(levels_context_and_errors),
		cmocka_unit_test(a_line_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
