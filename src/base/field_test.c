/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/field.h"
#include "base/test.h"

struct sample {
	const char *device_name;
	int64_t count;
	int color;
	struct list tags;
	struct timestamp at;
};

static const struct word colors[] = { { 1, "red" }, { 2, "green" }, { 0 } };

static int not_forty_two(const void *value, struct err *err)
{
	if (*(const int64_t *)value == 42)
		return err_set(err, REASON_INVALID_FIELD, NULL, "42 is taken");
	return 0;
}

/* clang-format off */
static const struct field fields[] = {
	FIELD(struct sample, device_name, .min = 1, .max = 5),
	FIELD(struct sample, count, .min = 1, .max = 100, .check = not_forty_two),
	FIELD(struct sample, color, .json = "colour", .words = colors),
	FIELD(struct sample, tags, .of = FIELD_TEXT, .max = 2),
	FIELD(struct sample, at, .sql = "made_at", .flags = F_NULLABLE),
	{ 0 },
};
/* clang-format on */

TEST(kinds_follow_the_types)
{
	static const enum field_kind want[] = { FIELD_TEXT, FIELD_INT, FIELD_WORD, FIELD_LIST,
		FIELD_TIME };

	for (size_t i = 0; i < N_ELEMENTS(want); i++)
		assert_int_equal(fields[i].kind, want[i]);
	assert_int_equal(field_element_size(&fields[3]), sizeof(const char *));
}

TEST(names_in_json_and_sql)
{
	char buf[FIELD_NAME_SIZE];

	assert_string_equal(field_json_name(&fields[0], buf), "deviceName");
	assert_ptr_equal(field_by_json(fields, span_of("deviceName"), false), &fields[0]);
	assert_null(field_by_json(fields, span_of("devicename"), false));
	assert_ptr_equal(field_by_json(fields, span_of("DEVICENAME"), true), &fields[0]);
	assert_ptr_equal(field_by_json(fields, span_of("colour"), false), &fields[2]);
	assert_ptr_equal(field_by_sql(fields, "made_at"), &fields[4]);
	assert_null(field_by_sql(fields, "at"));
}

TEST(bounds_name_the_field)
{
	static const struct {
		const char *text;
		bool ok;
	} names[] = { { "a", true }, { "abcde", true }, { "", false }, { "abcdef", false },
		{ "a\nb", false }, { "a\177", false } };
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		assert_int_equal(field_check(&fields[0], &names[i].text, "deviceName", &err) == 0,
			names[i].ok);
	assert_string_equal(err.field, "deviceName");
	assert_int_equal(field_check(&fields[1], &(int64_t){ 100 }, "count", &err), 0);
	assert_fails(field_check(&fields[1], &(int64_t){ 0 }, "count", &err), &err,
		REASON_INVALID_FIELD);
	assert_fails(field_check(&fields[1], &(int64_t){ 42 }, "count", &err), &err,
		REASON_INVALID_FIELD);
	assert_string_equal(err.field, "count");
	assert_fails(field_check(&fields[3], &(struct list){ .n = 3 }, "tags", &err), &err,
		REASON_INVALID_FIELD);
}

TEST(words_and_none)
{
	assert_string_equal(word_text(colors, 2), "green");
	assert_null(word_text(colors, 0));
	assert_int_equal(word_value(colors, span_of("red")), 1);
	assert_int_equal(word_value(colors, span_of("blue")), 0);
	assert_true(field_is_none(&fields[4], &(struct timestamp){ 0 }));
	assert_false(field_is_none(&fields[4], &(struct timestamp){ 1 }));
	assert_true(field_is_none(&fields[1], &(int64_t){ INT_NONE }));
	assert_false(field_is_none(&fields[1], &(int64_t){ 0 }));
}

TEST(values_from_plain_text_and_back)
{
	static const struct {
		int row;
		const char *in, *out; /* NULL: refused */
	} cases[] = {
		{ 0, "mbp", "mbp" },
		{ 0, "too long", NULL },
		{ 1, "10", "10" },
		{ 1, "10x", NULL },
		{ 1, "101", NULL },
		{ 2, "green", "green" },
		{ 2, "blue", NULL },
		{ 3, "a, b,", "a, b" },
		{ 3, "a,b,c", NULL },
		{ 4, "1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z" },
	};
	scoped(arena_freep) struct arena *arena = arena_new(10000);

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(sbuf_done) struct sbuf out = SBUF_INIT(100);
		const struct field *f = &fields[cases[i].row];
		struct sample sample = { 0 };
		struct err err;
		int r = field_from_text(span_of(cases[i].in), f, "x", field_at(f, &sample), arena,
			&err);

		assert_int_equal(r == 0, cases[i].out != NULL);
		if (r < 0)
			continue;
		field_to_text(&out, f, field_at(f, &sample));
		assert_string_equal(out.data, cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_follow_the_types),
		cmocka_unit_test(names_in_json_and_sql),
		cmocka_unit_test(bounds_name_the_field),
		cmocka_unit_test(words_and_none),
		cmocka_unit_test(values_from_plain_text_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
