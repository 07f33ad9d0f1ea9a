/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "base/field.h"
#include "base/parse.h"

int field_wrong_kind(struct err *err, const struct field *field, const char *name)
{
	char words[160] = "";
	size_t n = 0;

	if (field->kind != FIELD_WORD)
		return err_set(err, REASON_INVALID_FIELD, name, "'%s' must be %s%s", name,
			field_kind_name(field->kind),
			(field->flags & F_NULLABLE) ? ", or null" : "");
	for (const struct word *w = field->words; w->word && n < sizeof words; w++)
		n += (size_t)snprintf(
			words + n, sizeof words - n, "%s%s", n ? ", " : "", w->word);
	return err_set(err, REASON_INVALID_FIELD, name, "'%s' must be one of: %s", name, words);
}

static int scan_base64(struct span text, struct blob *blob, struct arena *arena, struct err *err)
{
	uint8_t *bytes = arena_alloc(arena, text.len + 1);

	if (!bytes)
		return arena_full(arena, err);
	if (sodium_base642bin(bytes, text.len, text.at, text.len, NULL, &blob->len, NULL,
		    sodium_base64_VARIANT_ORIGINAL) != 0)
		return 1;
	blob->at = bytes;
	return 0;
}

static int scan_string(struct span text, const char **at, struct arena *arena, struct err *err)
{
	if (text.len && memchr(text.at, 0, text.len))
		return 1;
	*at = arena_strndup(arena, text);
	return *at ? 0 : arena_full(arena, err);
}

static int scan_secret(
	struct span text, struct secret *secret, struct arena *arena, struct err *err)
{
	if (text.len && memchr(text.at, 0, text.len))
		return 1;
	secret->at = arena_secret(arena, text);
	secret->len = text.len;
	return secret->at ? 0 : arena_full(arena, err);
}

int field_scan(const struct field *field, struct span text, void *at, struct arena *arena,
	struct err *err)
{
	switch (field->kind) {
	case FIELD_TEXT: return scan_string(text, at, arena, err);
	case FIELD_SECRET: return scan_secret(text, at, arena, err);
	case FIELD_BLOB: return scan_base64(text, at, arena, err);
	case FIELD_KEY: return !wgkey_parse(text, at);
	case FIELD_UUID: return !uuid_parse(text, at);
	case FIELD_TIME: return !time_parse(text, at);
	case FIELD_CIDR:
		return !((field->flags & F_HOST) ? cidr_parse_address(text, at)
						 : cidr_parse_any(text, at));
	case FIELD_WORD:
		*(int *)at = word_value(field->words, text);
		return *(int *)at == 0;
	case FIELD_BOOL:
	case FIELD_INT:
	case FIELD_JSON:
	case FIELD_LIST:
	case FIELD_OBJECT: break;
	}
	return 1;
}

static int list_from_text(struct span text, const struct field *field, const char *name,
	struct list *list, struct arena *arena, struct err *err)
{
	struct field element = { .name = field->name, .kind = field->of,
		.flags = field->flags & F_HOST, .words = field->words };
	size_t size = field_element_size(field), n = 0;
	struct span rest = text;
	char *at;

	for (size_t i = 0; i < text.len; i++)
		n += text.at[i] == ',';
	at = arena_alloc(arena, (n + 1) * size);
	if (!at)
		return arena_full(arena, err);
	for (n = 0; rest.at;) {
		struct span piece = span_trim(span_cut(&rest, ','));
		int r;

		if (piece.len == 0)
			continue;
		r = field_from_text(piece, &element, name, at + n++ * size, arena, err);
		if (r < 0)
			return r;
	}
	*list = (struct list){ at, n };
	return 0;
}

int field_from_text(struct span text, const struct field *field, const char *name, void *at,
	struct arena *arena, struct err *err)
{
	int r;

	if (field->kind == FIELD_BOOL)
		r = !parse_bool(text, at);
	else if (field->kind == FIELD_INT)
		r = !parse_i64(text, INT64_MIN + 1, INT64_MAX, at);
	else if (field->kind == FIELD_LIST)
		r = list_from_text(text, field, name, at, arena, err);
	else
		r = field_scan(field, text, at, arena, err);
	if (r > 0)
		return field_wrong_kind(err, field, name);
	return r < 0 ? r : field_check(field, at, name, err);
}

static void list_to_text(struct sbuf *out, const struct field *field, const struct list *list)
{
	struct field element = { .name = field->name, .kind = field->of, .flags = field->flags,
		.words = field->words };
	size_t size = field_element_size(field);

	for (size_t i = 0; i < list->n; i++) {
		if (i)
			sbuf_puts(out, ", ");
		field_to_text(out, &element, (const char *)list->at + i * size);
	}
}

static void cidr_to_text(struct sbuf *out, const struct field *field, const struct cidr *cidr)
{
	char text[CIDR_TEXT_SIZE];

	sbuf_puts(out, (field->flags & F_HOST) || cidr->bits == cidr_full_bits(cidr)
			       ? cidr_format_address(text, cidr)
			       : cidr_format(text, cidr));
}

void field_to_text(struct sbuf *out, const struct field *field, const void *at)
{
	char text[64];

	if (field_is_none(field, at))
		return;
	if ((field->flags & F_SECRET) || field->kind == FIELD_SECRET) {
		sbuf_puts(out, "***");
		return;
	}
	switch (field->kind) {
	case FIELD_BOOL: sbuf_puts(out, *(const bool *)at ? "true" : "false"); break;
	case FIELD_INT: sbuf_int(out, *(const int64_t *)at); break;
	case FIELD_TEXT: sbuf_puts(out, *(const char *const *)at); break;
	case FIELD_KEY: sbuf_puts(out, wgkey_format(text, at)); break;
	case FIELD_UUID: sbuf_puts(out, uuid_format(text, at)); break;
	case FIELD_TIME:
		sbuf_puts(out, time_format(text, *(const struct timestamp *)at, TIME_FRACTION));
		break;
	case FIELD_CIDR: cidr_to_text(out, field, at); break;
	case FIELD_WORD: sbuf_puts(out, word_text(field->words, *(const int *)at) ?: ""); break;
	case FIELD_JSON: sbuf_puts(out, ((const struct json_text *)at)->text); break;
	case FIELD_LIST: list_to_text(out, field, at); break;
	case FIELD_BLOB: sbuf_printf(out, "%zu bytes", ((const struct blob *)at)->len); break;
	case FIELD_SECRET:
	case FIELD_OBJECT: break;
	}
}
