/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "base/test.h"

TEST(grows_and_stays_terminated)
{
	scoped(sbuf_done) struct sbuf buf = SBUF_INIT(100000);

	assert_string_equal(buf.data, "");
	for (int i = 0; i < 10000; i++)
		sbuf_printf(&buf, "%d,", i % 10);
	assert_int_equal(buf.len, 20000);
	assert_int_equal(strlen(buf.data), 20000);
	assert_ok(sbuf_finish(&buf, NULL), &(struct err){ 0 });
}

TEST(one_overflow_sticks)
{
	scoped(sbuf_done) struct sbuf buf = SBUF_INIT(8);
	struct err err;

	sbuf_puts(&buf, "12345678");
	assert_ok(sbuf_finish(&buf, &err), &err);
	sbuf_putc(&buf, '9');
	sbuf_clear(&(struct sbuf)SBUF_INIT(1));
	sbuf_puts(&buf, "");
	assert_fails(sbuf_finish(&buf, &err), &err, REASON_INTERNAL);
	assert_string_equal(buf.data, "12345678");
	sbuf_clear(&buf);
	sbuf_puts(&buf, "ok");
	assert_ok(sbuf_finish(&buf, &err), &err);
}

TEST(whole_numbers)
{
	static const int64_t cases[] = { 0, 1, -1, 1234567890123, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(sbuf_done) struct sbuf buf = SBUF_INIT(64);
		char want[32];

		sbuf_int(&buf, cases[i]);
		snprintf(want, sizeof want, "%" PRId64, cases[i]);
		assert_string_equal(buf.data, want);
	}
}

TEST(the_text_can_be_taken)
{
	struct sbuf buf = SBUF_INIT(64);
	char *text;

	sbuf_puts(&buf, "mine");
	text = sbuf_take(&buf);
	assert_string_equal(text, "mine");
	free(text);
	text = sbuf_take(&buf);
	assert_string_equal(text, "");
	free(text);
	sbuf_wipe(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_stays_terminated),
		cmocka_unit_test(one_overflow_sticks),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(the_text_can_be_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
