/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include "model/enrol.h"

#define PIN "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define KEY "an-api-key-of-thirty-two-letters-"

TEST(reads_what_init_prints)
{
	struct enrol enrol;
	struct err err;

	assert_ok(enrol_parse(span_of("wgk1:vpn.example.org:51821:" PIN ":" KEY "\n"), &enrol, &err),
		&err);
	assert_true(span_is(enrol.host, "vpn.example.org"));
	assert_true(span_is(enrol.port, "51821"));
	assert_true(span_is(enrol.api_key, KEY));
	assert_int_equal(enrol.pin[31], 31);
	assert_ok(enrol_parse(span_of("wgk1:[2001:db8::1]:443:" PIN ":" KEY), &enrol, &err), &err);
	assert_true(span_is(enrol.host, "[2001:db8::1]"));
}

TEST(refuses_pieces_and_shows_nothing_of_them)
{
	static const char *const wrong[] = { "", "wgk1", "wgk1:", "wgk2:h:1:" PIN ":" KEY,
		"wgk1:h:0:" PIN ":" KEY, "wgk1:h:70000:" PIN ":" KEY, "wgk1:h:1:" PIN,
		"wgk1:h:1:" PIN ":short", "wgk1:h:1:AAAA:" KEY, "wgk1:[::1:1:" PIN ":" KEY,
		"wgk1:h h:1:" PIN ":" KEY };

	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		struct enrol enrol;
		struct err err;

		assert_fails(enrol_parse(span_of(wrong[i]), &enrol, &err), &err, REASON_INVALID_FIELD);
		assert_string_equal(err.field, "enrol");
		assert_null(strstr(err.msg, KEY));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_init_prints),
		cmocka_unit_test(refuses_pieces_and_shows_nothing_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
