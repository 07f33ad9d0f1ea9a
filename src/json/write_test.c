/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "json/write.h"

struct inner {
	int64_t n;
};

struct sample {
	const char *name;
	int64_t count, maybe;
	bool enabled;
	struct wgkey public_key, preshared_key;
	struct uuid id;
	struct timestamp made_at, seen_at;
	struct cidr address, prefix;
	int color;
	struct blob digest;
	struct json_text extra;
	struct list tags, things;
	struct inner inner;
	struct secret password;
};

static const struct word colors[] = { { 1, "red" }, { 0 } };
static const struct field inner_fields[] = { FIELD(struct inner, n), { 0 } };
static const struct type inner_type = TYPE(struct inner, "inner", inner_fields);

/* clang-format off */
static const struct field fields[] = {
	FIELD(struct sample, name),
	FIELD(struct sample, count),
	FIELD(struct sample, maybe, .flags = F_NULLABLE),
	FIELD(struct sample, enabled),
	FIELD(struct sample, public_key),
	FIELD(struct sample, preshared_key, .flags = F_SECRET),
	FIELD(struct sample, id),
	FIELD(struct sample, made_at, .flags = F_SECONDS),
	FIELD(struct sample, seen_at, .flags = F_NULLABLE),
	FIELD(struct sample, address, .flags = F_HOST),
	FIELD(struct sample, prefix),
	FIELD(struct sample, color, .words = colors),
	FIELD(struct sample, digest),
	FIELD(struct sample, extra, .flags = F_OMIT | F_NULLABLE),
	FIELD(struct sample, tags, .of = FIELD_TEXT),
	FIELD(struct sample, things, .of = FIELD_OBJECT, .type = &inner_type),
	FIELD_SUB(struct sample, inner, &inner_type),
	FIELD(struct sample, password),
	{ 0 },
};
/* clang-format on */
static const struct type type = TYPE(struct sample, "sample", fields);

/* The whole document on purpose: a search for parts would pass with a quote missing. */
TEST(every_kind_in_one_document)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	const char *tags[] = { "a", "b" };
	struct inner things[] = { { 1 }, { 2 } };
	struct sample sample = { .name = "laptop", .count = -3, .maybe = INT_NONE, .enabled = true,
		.preshared_key = { { 1 } }, .made_at = { 1500000 }, .seen_at = { 0 }, .color = 1,
		.digest = { (const uint8_t *)"\1\2\3\4", 4 }, .tags = { tags, 2 },
		.things = { things, 2 }, .inner = { 7 }, .password = { "hunter22", 8 } };

	assert_true(cidr_parse_any(span_of("10.0.0.2"), &sample.address));
	assert_true(cidr_parse_any(span_of("fd00::/64"), &sample.prefix));
	json_object(&out, &type, &sample);
	assert_ok(sbuf_finish(&out, NULL), &(struct err){ 0 });
	assert_string_equal(out.data,
		"{\"name\":\"laptop\",\"count\":-3,\"maybe\":null,\"enabled\":true,"
		"\"publicKey\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
		"\"id\":\"00000000-0000-0000-0000-000000000000\","
		"\"madeAt\":\"1970-01-01T00:00:01Z\",\"seenAt\":null,\"address\":\"10.0.0.2\","
		"\"prefix\":\"fd00::/64\",\"color\":\"red\",\"digest\":\"AQIDBA==\","
		"\"tags\":[\"a\",\"b\"],\"things\":[{\"n\":1},{\"n\":2}],\"inner\":{\"n\":7}}");
}

TEST(texts_are_escaped)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
		{ "two\nlines\ttab\r\b", "\"two\\nlines\\ttab\\r\\u0008\"" },
		{ "back\\slash", "\"back\\\\slash\"" },
		{ "</script>&", "\"\\u003c/script\\u003e\\u0026\"" },
		{ "Zürich", "\"Zürich\"" },
		{ "", "\"\"" },
		{ NULL, "null" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(sbuf_done) struct sbuf out = SBUF_INIT(64);

		json_string(&out, cases[i].text);
		assert_string_equal(out.data, cases[i].json);
	}
}

TEST(arrays_and_hand_written_members)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(64);
	struct inner things[] = { { 1 }, { 2 } };

	sbuf_putc(&out, '{');
	json_name(&out, "data", false);
	json_array(&out, &inner_type, things, 2);
	json_members(&out, &inner_type, &things[0], true);
	sbuf_putc(&out, '}');
	assert_string_equal(out.data, "{\"data\":[{\"n\":1},{\"n\":2}],\"n\":1}");
}

TEST(a_document_has_its_limit)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(20);
	struct err err;

	json_string(&out, "this text is longer than twenty bytes");
	assert_fails(sbuf_finish(&out, &err), &err, REASON_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_in_one_document),
		cmocka_unit_test(texts_are_escaped),
		cmocka_unit_test(arrays_and_hand_written_members),
		cmocka_unit_test(a_document_has_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
