/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "base/uuid.h"

#define CANONICAL "550e8400-e29b-41d4-a716-446655440000"

TEST(every_published_form_is_one_id)
{
	static const char *const forms[] = { CANONICAL, "550E8400-E29B-41D4-A716-446655440000",
		"550e8400e29b41d4a716446655440000", "{" CANONICAL "}", "x" CANONICAL "y",
		"urn:uuid:" CANONICAL, "URN:UUID:" CANONICAL };

	for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
		char text[UUID_TEXT_SIZE];
		struct uuid id;

		assert_true(uuid_parse_lax(span_of(forms[i]), &id));
		assert_string_equal(uuid_format(text, &id), CANONICAL);
		assert_true(uuid_is_v4(&id));
		assert_int_equal(uuid_parse(span_of(forms[i]), &id), i < 2);
	}
}

TEST(malformed_ids_are_refused)
{
	static const char *const forms[] = { "", "550e8400", CANONICAL "0",
		"550e8400-e29b-41d4-a716-44665544000g", "550e8400e29b-41d4-a716-4466-55440000",
		" " CANONICAL, "urn:uuie:" CANONICAL, "550e8400-e29b-41d4-a716_446655440000" };

	for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
		struct uuid id;

		assert_false(uuid_parse(span_of(forms[i]), &id));
		assert_false(uuid_parse_lax(span_of(forms[i]), &id));
	}
}

TEST(made_ids_have_their_version)
{
	struct uuid a, b;

	uuid_make_v4(&a);
	assert_true(uuid_is_v4(&a));
	uuid_make_v7((struct timestamp){ INT64_C(1777629600000000) }, &a);
	uuid_make_v7((struct timestamp){ INT64_C(1777629600001000) }, &b);
	assert_int_equal(a.bytes[6] >> 4, 7);
	assert_false(uuid_is_v4(&a));
	assert_true(memcmp(a.bytes, b.bytes, 6) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_published_form_is_one_id),
		cmocka_unit_test(malformed_ids_are_refused),
		cmocka_unit_test(made_ids_have_their_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
