/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "base/time.h"
#include "base/utf8.h"
#include "log/log.h"

enum { LINE_MAX_BYTES = 4096, LINE_END_BYTES = 32 };

enum log_level log_max = LOG_LEVEL_INFO;

static const char *log_program = "wgkeeper";
static enum log_format log_format;
static bool log_prefix = true;
static __thread struct log_field context;

void log_init(const char *program, enum log_level max, enum log_format format)
{
	log_program = program;
	log_max = max;
	log_format = format;
	log_prefix = !isatty(STDERR_FILENO);
}

void log_context(const char *name, const char *text)
{
	context = (struct log_field){ .name = text ? name : NULL, .text = text };
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *log_origin(const struct err *err, char buf[64])
{
	snprintf(buf, 64, "%s:%d", err->file ? base_name(err->file) : "?", err->line);
	return buf;
}

/* How many bytes at `text` may stand as they are; 0: the first one is to be escaped. Controls of the upper
 * half (U+0080 to U+009F) move terminals as those of the lower one do. */
static size_t harmless(struct span text)
{
	size_t n = utf8_sequence((const uint8_t *)text.at, text.len);
	unsigned char c = (unsigned char)text.at[0];

	if (n == 1)
		return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
	return n == 2 && c == 0xc2 && (unsigned char)text.at[1] < 0xa0 ? 0 : n;
}

/* Writes the first character of `text` escaped; gives its bytes. What is no UTF-8 becomes U+FFFD. */
static size_t escaped(struct sbuf *out, struct span text)
{
	size_t n = utf8_sequence((const uint8_t *)text.at, text.len);
	unsigned char c = (unsigned char)text.at[0];

	if (c == '"' || c == '\\')
		sbuf_printf(out, "\\%c", c);
	else if (c < 0x80)
		sbuf_printf(out, "\\u%04x", c);
	else if (!n)
		sbuf_puts(out, "\\ufffd");
	else
		sbuf_printf(out, "\\u%04x", (unsigned char)text.at[1]);
	return n == 2 ? 2 : 1;
}

/* Both formats escape alike, so a line is one of its format whatever a stranger sent. */
static void quoted(struct sbuf *out, const char *value)
{
	struct span text = span_of(value);

	sbuf_putc(out, '"');
	while (text.len) {
		size_t n = harmless(text);

		if (n)
			sbuf_add(out, text.at, n);
		else
			n = escaped(out, text);
		text = (struct span){ text.at + n, text.len - n };
	}
	sbuf_putc(out, '"');
}

static bool is_plain(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text == '"' || *text == '=' || *text == '\\' || *text > '~')
			return false; /* and what a signed char makes negative */
	return true;
}

static void put_field(struct sbuf *out, const struct log_field *field)
{
	if (!field->name)
		return;
	if (log_format == LOG_JSON)
		sbuf_printf(out, ",\"%s\":", field->name);
	else
		sbuf_printf(out, " %s=", field->name);
	if (!field->text)
		sbuf_int(out, field->number);
	else if (log_format == LOG_LOGFMT && is_plain(field->text))
		sbuf_puts(out, field->text);
	else
		quoted(out, field->text);
}

static void put_head(struct sbuf *out, enum log_level level, const char *msg)
{
	static const char *const words[] = { "", "", "", "error", "warn", "notice", "info", "debug" };
	char at[TIME_TEXT_SIZE];

	time_format(at, time_now(), TIME_FRACTION);
	if (log_format == LOG_JSON) {
		sbuf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"msg\":", at,
			words[level], log_program);
		quoted(out, msg);
		return;
	}
	if (log_prefix)
		sbuf_printf(out, "<%d>", (int)level);
	else
		sbuf_printf(out, "%s ", at);
	sbuf_printf(out, "level=%s program=%s msg=", words[level], log_program);
	quoted(out, msg);
}

/* A field that does not fit is left out whole, and the line says so. */
static void put_fields(struct sbuf *out, const struct log_field *fields, size_t n_fields)
{
	bool cut = false;

	put_field(out, &context);
	for (size_t i = 0; i < n_fields; i++) {
		size_t mark = out->len;

		put_field(out, &fields[i]);
		if (!out->failed)
			continue;
		out->failed = 0;
		out->len = mark;
		cut = true;
	}
	out->max = LINE_MAX_BYTES;
	if (cut)
		put_field(out, &LOG_INT("fields_cut", 1));
}

void log_write(enum log_level level, const char *file, int line, const char *msg,
	const struct log_field *fields, size_t n_fields)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(LINE_MAX_BYTES - LINE_END_BYTES);
	size_t sent = 0;

	put_head(&out, level, msg);
	put_fields(&out, fields, n_fields);
	if (level == LOG_LEVEL_DEBUG) {
		struct err origin = { .file = file, .line = line };
		struct log_field src = LOG_STR("at", log_origin(&origin, (char[64]){ 0 }));

		put_field(&out, &src);
	}
	sbuf_puts(&out, log_format == LOG_JSON ? "}\n" : "\n");
	while (sent < out.len) {
		ssize_t n = write(STDERR_FILENO, out.data + sent, out.len - sent);

		if (n <= 0)
			return; /* nowhere to say so */
		sent += (size_t)n;
	}
}
