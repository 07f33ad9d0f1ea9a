/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

char sbuf_empty[1];

char *sbuf_room(struct sbuf *buf, size_t len)
{
	if (buf->failed || len > buf->max || buf->len > buf->max - len) {
		buf->failed = 1;
		return NULL;
	}
	if (buf->len + len + 1 > buf->cap) {
		size_t cap = (buf->len + len + 1) * 2;
		char *data = realloc(buf->cap ? buf->data : NULL, cap);

		if (!data) {
			buf->failed = 1;
			return NULL;
		}
		buf->data = data;
		buf->cap = cap;
		data[buf->len] = '\0';
	}
	buf->data[buf->len + len] = '\0';
	return buf->data + buf->len;
}

void sbuf_add(struct sbuf *buf, const void *data, size_t len)
{
	char *at = sbuf_room(buf, len);

	if (!at || len == 0)
		return;
	memcpy(at, data, len);
	buf->len += len;
}

void sbuf_puts(struct sbuf *buf, const char *text)
{
	sbuf_add(buf, text, strlen(text));
}

void sbuf_putc(struct sbuf *buf, char c)
{
	sbuf_add(buf, &c, 1);
}

void sbuf_int(struct sbuf *buf, int64_t value)
{
	char digits[24], *at = digits + sizeof digits;
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (value < 0)
		*--at = '-';
	sbuf_add(buf, at, (size_t)(digits + sizeof digits - at));
}

void sbuf_printf(struct sbuf *buf, const char *fmt, ...)
{
	va_list ap, again;
	char *at;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	at = n < 0 ? NULL : sbuf_room(buf, (size_t)n);
	if (at) {
		vsnprintf(at, (size_t)n + 1, fmt, ap);
		buf->len += (size_t)n;
	} else {
		buf->failed = 1;
	}
	va_end(ap);
}

int sbuf_finish(const struct sbuf *buf, struct err *err)
{
	if (buf->failed)
		return err_set(err, REASON_INTERNAL, NULL, "a text of more than %zu bytes", buf->max);
	return 0;
}

char *sbuf_take(struct sbuf *buf)
{
	char *text = buf->cap ? buf->data : calloc(1, 1);

	*buf = (struct sbuf)SBUF_INIT(buf->max);
	return text;
}

void sbuf_clear(struct sbuf *buf)
{
	buf->len = 0;
	buf->failed = 0;
	if (buf->cap)
		buf->data[0] = '\0';
}

void sbuf_done(struct sbuf *buf)
{
	if (buf->cap)
		free(buf->data);
	*buf = (struct sbuf)SBUF_INIT(buf->max);
}

void sbuf_wipe(struct sbuf *buf)
{
	if (buf->cap)
		explicit_bzero(buf->data, buf->cap);
	sbuf_done(buf);
}
