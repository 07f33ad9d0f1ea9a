/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "json/read.h"

enum { HAS_EXPIRES_AT = 1 };

struct part {
	int64_t n;
};

struct sample {
	struct has has;
	const char *device_name;
	int64_t count;
	bool enabled;
	struct wgkey public_key;
	struct timestamp expires_at, made_at;
	struct cidr address;
	int color;
	struct secret password;
	struct list families, parts;
	struct part part;
};

static const struct word colors[] = { { 1, "red" }, { 2, "green" }, { 0 } };
static const struct field part_fields[] = { FIELD(struct part, n, .min = 1, .max = 9), { 0 } };
static const struct type part_type = TYPE(struct part, "part", part_fields);

/* clang-format off */
static const struct field fields[] = {
	FIELD(struct sample, device_name, .flags = F_REQUIRED, .min = 1, .max = 8),
	FIELD(struct sample, count, .dflt = "7", .min = 0, .max = 10),
	FIELD(struct sample, enabled, .dflt = "true"),
	FIELD(struct sample, public_key),
	FIELD(struct sample, expires_at, .flags = F_NULLABLE, .opt = HAS_EXPIRES_AT),
	FIELD(struct sample, made_at, .flags = F_READONLY),
	FIELD(struct sample, address, .flags = F_HOST),
	FIELD(struct sample, color, .words = colors),
	FIELD(struct sample, password, .min = 2, .max = 64),
	FIELD(struct sample, families, .of = FIELD_WORD, .words = colors, .max = 2),
	FIELD(struct sample, parts, .of = FIELD_OBJECT, .type = &part_type, .max = 3),
	FIELD_SUB(struct sample, part, &part_type),
	{ 0 },
};
/* clang-format on */
static const struct type type = TYPE_HAS(struct sample, "sample", fields, has);

static struct arena *arena;

static int read_as(const char *text, unsigned flags, struct sample *sample, struct err *err)
{
	memset(sample, 0, sizeof *sample);
	memset(err, 0, sizeof *err);
	return json_read(span_of(text), &type, flags, sample, arena, err);
}

TEST(every_kind_is_read)
{
	struct sample s;
	struct err err;

	assert_ok(read_as("{\"deviceName\":\"mbp-14\",\"count\":3,\"enabled\":false,"
			  "\"publicKey\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
			  "\"expiresAt\":\"1970-01-01T00:00:01Z\",\"address\":\"10.0.0.2\","
			  "\"color\":\"green\",\"password\":\"hunter22\","
			  "\"families\":[\"red\",\"green\"],\"parts\":[{\"n\":1},{\"n\":2}],"
			  "\"part\":{\"n\":3}}",
			  READ_STRICT, &s, &err),
		&err);
	assert_string_equal(s.device_name, "mbp-14");
	assert_int_equal(s.count, 3);
	assert_false(s.enabled);
	assert_int_equal(s.public_key.bytes[0], 1);
	assert_int_equal(s.expires_at.us, 1000000);
	assert_int_equal(s.has.given, HAS_EXPIRES_AT);
	assert_int_equal(s.address.bits, 32);
	assert_int_equal(s.color, 2);
	assert_int_equal(s.password.len, 8);
	assert_int_equal(((int *)s.families.at)[1], 2);
	assert_int_equal(((struct part *)s.parts.at)[1].n, 2);
	assert_int_equal(s.part.n, 3);
}

TEST(absent_null_and_default_are_three_things)
{
	struct sample s;
	struct err err;

	assert_ok(read_as("{\"deviceName\":\"x\",\"expiresAt\":null}", READ_STRICT, &s, &err), &err);
	assert_int_equal(s.has.given, 0);
	assert_int_equal(s.has.null, HAS_EXPIRES_AT);
	assert_int_equal(s.count, 7);
	assert_true(s.enabled);
	assert_ok(read_as("{\"deviceName\":\"x\"}", READ_STRICT, &s, &err), &err);
	assert_int_equal(s.has.null, 0);
}

TEST(what_is_wrong_is_named)
{
	static const struct {
		const char *text, *field;
		enum err_reason reason;
	} cases[] = {
		{ "", "", REASON_INVALID_JSON },
		{ "null", "", REASON_INVALID_JSON },
		{ "[]", "", REASON_INVALID_JSON },
		{ "{", "", REASON_INVALID_JSON },
		{ "{\"deviceName\":\"x\"} x", "", REASON_INVALID_JSON },
		{ "\xef\xbb\xbf{\"deviceName\":\"x\"}", "", REASON_INVALID_JSON },
		{ "{\"deviceName\":\"\xff\"}", "", REASON_INVALID_JSON },
		{ "{\"deviceName\":\"\\u0000\"}", "", REASON_INVALID_JSON },
		{ "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]", "", REASON_INVALID_JSON },
		{ "{}", "deviceName", REASON_MISSING_FIELD },
		{ "{\"deviceName\":null}", "deviceName", REASON_INVALID_FIELD },
		{ "{\"deviceName\":7}", "deviceName", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"\"}", "deviceName", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"123456789\"}", "deviceName", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"a\\nb\"}", "deviceName", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"count\":11}", "count", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"count\":1.0}", "count", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"count\":\"1\"}", "count", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"other\":1}", "other", REASON_UNKNOWN_FIELD },
		{ "{\"deviceName\":\"x\",\"DeviceName\":\"x\"}", "DeviceName", REASON_UNKNOWN_FIELD },
		{ "{\"deviceName\":\"x\",\"deviceName\":\"y\"}", "", REASON_DUPLICATE_FIELD },
		{ "{\"deviceName\":\"x\",\"madeAt\":\"1970-01-01T00:00:01Z\"}", "madeAt",
			REASON_READ_ONLY_FIELD },
		{ "{\"deviceName\":\"x\",\"publicKey\":\"AAA=\"}", "publicKey", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"color\":\"blue\"}", "color", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"address\":\"10.0.0.0/24\"}", "address",
			REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"password\":\"1\"}", "password", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"families\":[\"red\",\"blue\"]}", "families[1]",
			REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"families\":[\"red\",\"red\",\"red\"]}", "families",
			REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"part\":{\"n\":0}}", "part.n", REASON_INVALID_FIELD },
		{ "{\"deviceName\":\"x\",\"parts\":[{\"n\":0}]}", "parts[0].n", REASON_INVALID_FIELD },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct sample s;
		struct err err;

		assert_fails(read_as(cases[i].text, READ_STRICT, &s, &err), &err, cases[i].reason);
		assert_string_equal(err.field, cases[i].field);
		assert_null(strstr(err.msg, "hunter"));
	}
}

TEST(words_are_listed_in_the_remedy)
{
	struct sample s;
	struct err err;

	assert_true(read_as("{\"deviceName\":\"x\",\"color\":\"blue\"}", 0, &s, &err) < 0);
	assert_string_equal(err.msg, "'color' must be one of: red, green");
}

TEST(the_lax_reader_takes_what_the_published_node_takes)
{
	struct sample s;
	struct err err;

	assert_ok(read_as("{\"DEVICENAME\":\"a\",\"devicename\":\"b\",\"other\":{},\"count\":1,"
			  "\"count\":2} {\"second\":1}",
			  READ_LAX, &s, &err),
		&err);
	assert_string_equal(s.device_name, "b");
	assert_int_equal(s.count, 2);
	assert_fails(read_as("\xef\xbb\xbf{\"deviceName\":\"x\"}", READ_LAX, &s, &err), &err,
		REASON_INVALID_JSON);
}

TEST(answers_may_hold_more_than_we_know)
{
	struct sample s;
	struct err err;

	assert_ok(read_as("{\"deviceName\":\"x\",\"madeAt\":\"1970-01-01T00:00:01Z\",\"new\":1}",
			  READ_ANSWER, &s, &err),
		&err);
	assert_int_equal(s.made_at.us, 1000000);
}

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return arena ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(absent_null_and_default_are_three_things),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(words_are_listed_in_the_remedy),
		cmocka_unit_test(the_lax_reader_takes_what_the_published_node_takes),
		cmocka_unit_test(answers_may_hold_more_than_we_know),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
