/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/err.h"
#include "base/test.h"

TEST(a_failure_knows_its_reason_field_and_origin)
{
	struct err err;
	int r = err_set(&err, REASON_KEY_IN_USE, "publicKey", "the key is of peer '%s'", "a");

	assert_int_equal(r, -ERR_CONFLICT);
	assert_int_equal(err_status(err.reason), 409);
	assert_string_equal(err_slug(err.reason), "key_in_use");
	assert_string_equal(err.field, "publicKey");
	assert_string_equal(err.msg, "the key is of peer 'a'");
	assert_non_null(strstr(err.file, "err_test.c"));
	assert_int_equal(err_set(NULL, REASON_BUSY, NULL, "x"), -ERR_UNAVAILABLE);
}

TEST(context_goes_in_front_and_is_cut_at_the_end)
{
	struct err err;
	char big[600];

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_set(&err, REASON_INTERNAL, NULL, "inner");
	assert_int_equal(err_context(&err, -3, "outer %d", 1), -3);
	assert_string_equal(err.msg, "outer 1: inner");
	err_set(&err, REASON_INTERNAL, big, "%s", big);
	err_context(&err, -3, "%s", big);
	assert_true(strlen(err.msg) < sizeof err.msg);
	assert_int_equal(strlen(err.field), sizeof err.field - 1);
	assert_int_equal(err_context(NULL, -3, "x"), -3);
}

TEST(every_reason_has_a_slug_of_its_own)
{
	for (int i = 1; i < REASON_COUNT; i++) {
		enum err_reason reason = (enum err_reason)i;

		assert_int_equal(err_reason_of(err_slug(reason)), reason);
		assert_in_range(err_status(reason), 400, 511);
		assert_in_range(err_class(reason), ERR_INVALID, ERR_INTERNAL);
	}
	assert_int_equal(err_reason_of("no such slug"), REASON_NONE);
	assert_int_equal(err_status((enum err_reason)9999), 500);
}

TEST(exit_codes)
{
	assert_int_equal(err_exit(0), 0);
	assert_int_equal(err_exit(-ERR_INVALID), 2);
	assert_int_equal(err_exit(-ERR_INTERNAL), 1);
	assert_int_equal(err_exit(-99), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_knows_its_reason_field_and_origin),
		cmocka_unit_test(context_goes_in_front_and_is_cut_at_the_end),
		cmocka_unit_test(every_reason_has_a_slug_of_its_own),
		cmocka_unit_test(exit_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
