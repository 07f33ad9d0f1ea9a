/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "base/field.h"

static const struct {
	size_t size;
	const char *name;
} kinds[] = {
	[FIELD_BOOL] = { sizeof(bool), "true or false" },
	[FIELD_INT] = { sizeof(int64_t), "a whole number" },
	[FIELD_TEXT] = { sizeof(const char *), "a text" },
	[FIELD_KEY] = { sizeof(struct wgkey), "a WireGuard key (44 characters of base64)" },
	[FIELD_UUID] = { sizeof(struct uuid), "a UUID" },
	[FIELD_TIME] = { sizeof(struct timestamp), "an RFC 3339 time" },
	[FIELD_CIDR] = { sizeof(struct cidr), "an address or a prefix" },
	[FIELD_WORD] = { sizeof(int), "a word" },
	[FIELD_SECRET] = { sizeof(struct secret), "a text" },
	[FIELD_BLOB] = { sizeof(struct blob), "base64" },
	[FIELD_JSON] = { sizeof(struct json_text), "a document" },
	[FIELD_LIST] = { sizeof(struct list), "a list" },
	[FIELD_OBJECT] = { 0, "an object" },
};

size_t field_kind_size(enum field_kind kind)
{
	return kind == FIELD_LIST ? 0 : kinds[kind].size;
}

size_t field_element_size(const struct field *field)
{
	return field->of == FIELD_OBJECT ? field->type->size : kinds[field->of].size;
}

const char *field_kind_name(enum field_kind kind)
{
	return kinds[kind].name;
}

bool field_is_none(const struct field *field, const void *at)
{
	static const char zero[sizeof(struct wgkey)];
	size_t size = field->kind == FIELD_OBJECT ? 0 : kinds[field->kind].size;
	const char *bytes = at;

	switch (field->kind) {
	case FIELD_BOOL: return false;
	case FIELD_INT: return *(const int64_t *)at == INT_NONE;
	case FIELD_OBJECT:
		for (size_t i = 0; i < field->type->size; i++)
			if (bytes[i])
				return false;
		return true;
	case FIELD_LIST: return ((const struct list *)at)->n == 0;
	case FIELD_TEXT:
	case FIELD_SECRET:
	case FIELD_BLOB:
	case FIELD_JSON: return !*(const void *const *)at; /* each begins with its pointer */
	case FIELD_KEY:
	case FIELD_UUID:
	case FIELD_TIME:
	case FIELD_CIDR:
	case FIELD_WORD: break;
	}
	return !memcmp(at, zero, size);
}

size_t field_json_name_put(const struct field *field, char buf[FIELD_NAME_SIZE])
{
	const char *from = field->json ? field->json : field->name;
	bool camel = !field->json;
	size_t n = 0;

	for (; *from && n < FIELD_NAME_SIZE - 1; from++) {
		if (!camel || *from != '_')
			buf[n++] = *from;
		else if (from[1] >= 'a' && from[1] <= 'z')
			buf[n++] = (char)(*++from - 32);
	}
	buf[n] = '\0';
	return n;
}

const char *field_json_name(const struct field *field, char buf[FIELD_NAME_SIZE])
{
	field_json_name_put(field, buf);
	return buf;
}

const struct field *field_by_json(const struct field *fields, struct span name, bool any_case)
{
	char buf[FIELD_NAME_SIZE];

	for (const struct field *f = fields; f->name; f++) {
		const char *json = field_json_name(f, buf);

		if (any_case ? span_is_nocase(name, json) : span_is(name, json))
			return f;
	}
	return NULL;
}

const struct field *field_by_sql(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f->name; f++)
		if (!strcmp(f->sql ? f->sql : f->name, name))
			return f;
	return NULL;
}

const char *word_text(const struct word *words, int value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return NULL;
}

int word_value(const struct word *words, struct span text)
{
	for (; words->word; words++)
		if (span_is(text, words->word))
			return words->value;
	return 0;
}

static int check_text(const struct field *field, struct span text, const char *name, struct err *err)
{
	if (field->max && (int64_t)text.len > field->max)
		return err_set(err, REASON_INVALID_FIELD, name,
			"'%s' is longer than %" PRId64 " bytes", name, field->max);
	if ((int64_t)text.len < field->min)
		return err_set(err, REASON_INVALID_FIELD, name,
			field->min == 1 ? "'%s' must not be empty"
					: "'%s' must have at least %" PRId64 " bytes",
			name, field->min);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if ((c < 0x20 || c == 0x7f) &&
			!((field->flags & F_LINES) && (c == '\n' || c == '\t')))
			return err_set(err, REASON_INVALID_FIELD, name,
				"'%s' has a control character at byte %zu", name, i + 1);
	}
	return 0;
}

static int check_int(const struct field *field, int64_t value, const char *name, struct err *err)
{
	if ((field->min || field->max) && (value < field->min || value > field->max))
		return err_set(err, REASON_INVALID_FIELD, name,
			"'%s' must be between %" PRId64 " and %" PRId64, name, field->min,
			field->max);
	return 0;
}

static int check_bounds(const struct field *field, const void *at, const char *name, struct err *err)
{
	const struct secret *secret = at;
	const char *text;

	switch (field->kind) {
	case FIELD_INT: return check_int(field, *(const int64_t *)at, name, err);
	case FIELD_TEXT:
		text = *(const char *const *)at;
		return text ? check_text(field, span_of(text), name, err) : 0;
	case FIELD_SECRET:
		return secret->at ? check_text(field, (struct span){ secret->at, secret->len }, name,
					    err)
				  : 0;
	case FIELD_LIST:
		if (field->max && ((const struct list *)at)->n > (size_t)field->max)
			return err_set(err, REASON_INVALID_FIELD, name,
				"'%s' has more than %" PRId64 " elements", name, field->max);
		return 0;
	case FIELD_BOOL:
	case FIELD_KEY:
	case FIELD_UUID:
	case FIELD_TIME:
	case FIELD_CIDR:
	case FIELD_WORD:
	case FIELD_BLOB:
	case FIELD_JSON:
	case FIELD_OBJECT: break;
	}
	return 0;
}

int field_check(const struct field *field, const void *at, const char *name, struct err *err)
{
	int r = check_bounds(field, at, name, err);

	if (r == 0 && field->check && !field_is_none(field, at)) {
		r = field->check(at, err);
		if (r < 0 && err && !err->field[0])
			snprintf(err->field, sizeof err->field, "%s", name);
	}
	return r;
}
