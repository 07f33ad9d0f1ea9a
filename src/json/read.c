/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "json/read.h"

struct reader {
	unsigned flags;
	struct arena *arena;
	struct err *err;
};

/* What jansson frees may have held a secret. */
static void free_wiped(void *ptr)
{
	if (ptr)
		explicit_bzero(ptr, malloc_usable_size(ptr));
	free(ptr);
}

__attribute__((constructor)) static void wipe_documents(void)
{
	json_set_alloc_funcs(malloc, free_wiped);
}

static int read_object(
	const struct reader *rd, json_t *json, const struct type *type, void *object);
static int read_value(const struct reader *rd, json_t *json, const struct field *field,
	const char *name, void *at);

static int read_list(const struct reader *rd, json_t *json, const struct field *field,
	const char *name, struct list *list)
{
	struct field element = { .name = field->name, .kind = field->of,
		.flags = field->flags & F_HOST, .words = field->words, .type = field->type };
	size_t n = json_array_size(json), size = field_element_size(field);
	char *at;

	if (field->max && n > (size_t)field->max)
		return err_set(rd->err, REASON_INVALID_FIELD, name,
			"'%s' has more than %" PRId64 " elements", name, field->max);
	at = arena_alloc(rd->arena, n * size + 1);
	if (!at)
		return arena_full(rd->arena, rd->err);
	for (size_t i = 0; i < n; i++) {
		char path[64];
		int r;

		snprintf(path, sizeof path, "%s[%zu]", name, i);
		r = read_value(rd, json_array_get(json, i), &element, path, at + i * size);
		if (r < 0)
			return r;
	}
	*list = (struct list){ at, n };
	return 0;
}

static int read_nested(const struct reader *rd, json_t *json, const struct field *field,
	const char *name, void *at)
{
	int r = read_object(rd, json, field->type, at);

	if (r < 0 && rd->err && rd->err->field[0]) {
		char inner[sizeof rd->err->field];

		memcpy(inner, rd->err->field, sizeof inner);
		snprintf(rd->err->field, sizeof rd->err->field, "%.20s.%.26s", name, inner);
	}
	return r;
}

static int read_json(const struct reader *rd, json_t *json, struct json_text *at)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		return err_nomem(rd->err);
	at->text = arena_strdup(rd->arena, text);
	free_wiped(text);
	return at->text ? 0 : arena_full(rd->arena, rd->err);
}

/* 0, 1 when the value is not of the row's kind, or negative. */
static int read_kind(const struct reader *rd, json_t *json, const struct field *field,
	const char *name, void *at)
{
	switch (field->kind) {
	case FIELD_BOOL:
		*(bool *)at = json_is_true(json);
		return !json_is_boolean(json);
	case FIELD_INT:
		*(int64_t *)at = json_integer_value(json);
		return !json_is_integer(json);
	case FIELD_LIST: return json_is_array(json) ? read_list(rd, json, field, name, at) : 1;
	case FIELD_OBJECT: return json_is_object(json) ? read_nested(rd, json, field, name, at) : 1;
	case FIELD_JSON: return read_json(rd, json, at);
	case FIELD_TEXT:
	case FIELD_KEY:
	case FIELD_UUID:
	case FIELD_TIME:
	case FIELD_CIDR:
	case FIELD_WORD:
	case FIELD_SECRET:
	case FIELD_BLOB: break;
	}
	if (!json_is_string(json))
		return 1;
	return field_scan(field,
		(struct span){ json_string_value(json), json_string_length(json) }, at, rd->arena,
		rd->err);
}

static int read_value(const struct reader *rd, json_t *json, const struct field *field,
	const char *name, void *at)
{
	int r;

	if (json_is_null(json)) {
		if (!(field->flags & F_NULLABLE))
			return field_wrong_kind(rd->err, field, name);
		if (field->kind == FIELD_INT)
			*(int64_t *)at = INT_NONE;
		return 0;
	}
	r = read_kind(rd, json, field, name, at);
	if (r > 0)
		return field_wrong_kind(rd->err, field, name);
	return r < 0 ? r : field_check(field, at, name, rd->err);
}

static int read_member(const struct reader *rd, json_t *json, const struct field *field,
	const struct type *type, void *object)
{
	struct has *has = type_has(type, object);
	char buf[FIELD_NAME_SIZE];
	const char *name = field_json_name(field, buf);

	if ((field->flags & F_READONLY) && !(rd->flags & READ_READONLY))
		return err_set(rd->err, REASON_READ_ONLY_FIELD, name,
			"'%s' is set by the server; leave it out", name);
	if (has && field->opt) {
		has->given |= json_is_null(json) ? 0 : field->opt;
		has->null |= json_is_null(json) ? field->opt : 0;
	}
	return read_value(rd, json, field, name, field_at(field, object));
}

/* Defaults and complaints for rows the document did not have. `seen` has a bit per row. */
static int read_absent(const struct reader *rd, const struct type *type, uint64_t seen, void *object)
{
	char buf[FIELD_NAME_SIZE];
	unsigned i = 0;

	for (const struct field *f = type->fields; f->name; f++, i++) {
		const char *name = field_json_name(f, buf);
		int r = 0;

		if (seen >> i & 1)
			continue;
		if (f->flags & F_REQUIRED)
			return err_set(rd->err, REASON_MISSING_FIELD, name, "'%s' is missing", name);
		if (f->dflt)
			r = field_from_text(span_of(f->dflt), f, name, field_at(f, object), rd->arena,
				rd->err);
		else if (f->kind == FIELD_INT && (f->flags & F_NULLABLE))
			*(int64_t *)field_at(f, object) = INT_NONE;
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_object(
	const struct reader *rd, json_t *json, const struct type *type, void *object)
{
	void *it = json_object_iter(json);
	uint64_t seen = 0;

	for (; it; it = json_object_iter_next(json, it)) {
		const char *name = json_object_iter_key(it);
		const struct field *f = field_by_json(type->fields, span_of(name),
			(rd->flags & READ_ANY_CASE) != 0);
		int r;

		if (!f && (rd->flags & READ_IGNORE_UNKNOWN))
			continue;
		if (!f)
			return err_set(rd->err, REASON_UNKNOWN_FIELD, name,
				"there is no field '%.40s' here; see the API description", name);
		if (seen >> (f - type->fields) & 1 && !(rd->flags & READ_LAST_WINS))
			return err_set(rd->err, REASON_DUPLICATE_FIELD, name,
				"'%s' is given twice", name);
		seen |= UINT64_C(1) << (f - type->fields);
		r = read_member(rd, json_object_iter_value(it), f, type, object);
		if (r < 0)
			return r;
	}
	return read_absent(rd, type, seen, object);
}

static int syntax_error(const json_error_t *error, struct err *err)
{
	/* jansson's text may quote the document, which may hold a secret: only the place is told */
	if (json_error_code(error) == json_error_duplicate_key)
		return err_set(err, REASON_DUPLICATE_FIELD, NULL,
			"a member is given twice (line %d, column %d)", error->line, error->column);
	return err_set(err, REASON_INVALID_JSON, NULL, "not JSON at line %d, column %d", error->line,
		error->column);
}

int json_read(struct span text, const struct type *type, unsigned flags, void *object,
	struct arena *arena, struct err *err)
{
	struct reader rd = { flags, arena, err };
	json_auto_t *json = NULL;
	json_error_t error;
	size_t how = 0;
	int r = json_prescan(text, err);

	if (r < 0)
		return r;
	if (!(flags & READ_LAST_WINS))
		how |= JSON_REJECT_DUPLICATES;
	if (flags & READ_TRAILING)
		how |= JSON_DISABLE_EOF_CHECK;
	json = json_loadb(text.at ? text.at : "", text.len, how, &error);
	if (!json)
		return syntax_error(&error, err);
	if (!json_is_object(json))
		return err_set(err, REASON_INVALID_JSON, NULL, "the body must be a JSON object");
	return read_object(&rd, json, type, object);
}

void json_seed(void)
{
	size_t seed = 0;

	while (!seed) /* 0 would mean: choose one yourself */
		rng_bytes(&seed, sizeof seed);
	json_object_seed(seed);
}
