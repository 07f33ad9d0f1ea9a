/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "json/write.h"

static const char hex[] = "0123456789abcdef";

/* How a byte is written: 0 as it is, 'u' as \u00XX, otherwise behind a backslash. */
static char escape_of(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\': return (char)c;
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	case '<':
	case '>':
	case '&': return 'u';
	default: return c < 0x20 ? 'u' : 0;
	}
}

static void put_escaped(struct sbuf *out, unsigned char c, char how)
{
	char text[6] = { '\\', how, '0', '0', hex[c >> 4], hex[c & 15] };

	sbuf_add(out, text, how == 'u' ? 6 : 2);
}

static void put_text(struct sbuf *out, struct span text)
{
	size_t done = 0;

	sbuf_putc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		char how = escape_of((unsigned char)text.at[i]);

		if (!how)
			continue;
		sbuf_add(out, text.at + done, i - done);
		put_escaped(out, (unsigned char)text.at[i], how);
		done = i + 1;
	}
	if (text.len > done)
		sbuf_add(out, text.at + done, text.len - done);
	sbuf_putc(out, '"');
}

void json_string(struct sbuf *out, const char *text)
{
	if (text)
		put_text(out, span_of(text));
	else
		sbuf_puts(out, "null");
}

/* For texts of ours that hold nothing to escape: digits, base64, addresses. */
static void put_plain(struct sbuf *out, const char *text)
{
	size_t len = strlen(text);
	char *at = sbuf_room(out, len + 2);

	if (!at)
		return;
	at[0] = '"';
	memcpy(at + 1, text, len);
	at[len + 1] = '"';
	out->len += len + 2;
}

static void put_blob(struct sbuf *out, const struct blob *blob)
{
	size_t size = sodium_base64_encoded_len(blob->len, sodium_base64_VARIANT_ORIGINAL);
	char *at;

	sbuf_putc(out, '"');
	at = sbuf_room(out, size);
	if (at) {
		sodium_bin2base64(at, size, blob->at, blob->len, sodium_base64_VARIANT_ORIGINAL);
		out->len += size - 1;
	}
	sbuf_putc(out, '"');
}

static void put_list(struct sbuf *out, const struct field *field, const struct list *list)
{
	struct field element = { .name = field->name, .kind = field->of, .flags = field->flags,
		.words = field->words, .type = field->type };
	size_t size = field_element_size(field);

	sbuf_putc(out, '[');
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			sbuf_putc(out, ',');
		json_value(out, &element, (const char *)list->at + i * size);
	}
	sbuf_putc(out, ']');
}

static void put_key(struct sbuf *out, const struct wgkey *key)
{
	char text[WGKEY_TEXT_SIZE];

	put_plain(out, wgkey_format(text, key));
}

static void put_cidr(struct sbuf *out, const struct cidr *cidr, unsigned flags)
{
	char text[CIDR_TEXT_SIZE];

	put_plain(out, (flags & F_HOST) ? cidr_format_address(text, cidr) : cidr_format(text, cidr));
}

static void put_time(struct sbuf *out, const struct timestamp *t, unsigned flags)
{
	char text[TIME_TEXT_SIZE];

	put_plain(out, time_format(text, *t, (flags & F_SECONDS) ? TIME_SECONDS : TIME_FRACTION));
}

void json_value(struct sbuf *out, const struct field *field, const void *at)
{
	char uuid[UUID_TEXT_SIZE];

	if ((field->flags & F_NULLABLE) && field->kind != FIELD_LIST && field_is_none(field, at)) {
		sbuf_puts(out, "null");
		return;
	}
	switch (field->kind) { /* no default: the compiler names a kind that is missing */
	case FIELD_BOOL: sbuf_puts(out, *(const bool *)at ? "true" : "false"); break;
	case FIELD_INT: sbuf_int(out, *(const int64_t *)at); break;
	case FIELD_TEXT: json_string(out, *(const char *const *)at); break;
	case FIELD_KEY: put_key(out, at); break;
	case FIELD_UUID: put_plain(out, uuid_format(uuid, at)); break;
	case FIELD_TIME: put_time(out, at, field->flags); break;
	case FIELD_CIDR: put_cidr(out, at, field->flags); break;
	case FIELD_WORD: json_string(out, word_text(field->words, *(const int *)at)); break;
	case FIELD_SECRET: sbuf_puts(out, "null"); break;
	case FIELD_BLOB: put_blob(out, at); break;
	case FIELD_JSON: sbuf_puts(out, ((const struct json_text *)at)->text ?: "null"); break;
	case FIELD_LIST: put_list(out, field, at); break;
	case FIELD_OBJECT: json_object(out, field->type, at); break;
	}
}

void json_name(struct sbuf *out, const char *name, bool comma)
{
	size_t len = strlen(name);
	char *at = sbuf_room(out, len + 3 + comma);

	if (!at)
		return;
	if (comma)
		*at++ = ',';
	*at++ = '"';
	memcpy(at, name, len);
	at[len] = '"';
	at[len + 1] = ':';
	out->len += len + 3 + comma;
}

/* `,"name":` of a row, in one piece. */
static void put_member_name(struct sbuf *out, const struct field *field, bool comma)
{
	char text[FIELD_NAME_SIZE + 4], *at = text + comma;
	size_t len;

	text[0] = ',';
	*at++ = '"';
	len = field_json_name_put(field, at);
	at[len] = '"';
	at[len + 1] = ':';
	sbuf_add(out, text, (size_t)(at - text) + len + 2);
}

bool json_members(struct sbuf *out, const struct type *type, const void *object, bool comma)
{
	bool any = false;

	for (const struct field *f = type->fields; f->name; f++) {
		const void *at = field_of(f, object);

		if ((f->flags & F_SECRET) || f->kind == FIELD_SECRET)
			continue;
		if ((f->flags & F_OMIT) && field_is_none(f, at))
			continue;
		put_member_name(out, f, comma || any);
		json_value(out, f, at);
		any = true;
	}
	return any;
}

void json_object(struct sbuf *out, const struct type *type, const void *object)
{
	sbuf_putc(out, '{');
	json_members(out, type, object, false);
	sbuf_putc(out, '}');
}

void json_array(struct sbuf *out, const struct type *type, const void *objects, size_t n)
{
	sbuf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			sbuf_putc(out, ',');
		json_object(out, type, (const char *)objects + i * type->size);
	}
	sbuf_putc(out, ']');
}
