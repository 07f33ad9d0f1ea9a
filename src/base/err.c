/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

struct reason_row {
	const char *slug, *title;
	enum err_class class;
	int status;
};

static const struct reason_row rows[] = {
	[REASON_NONE] = { "none", "No error", ERR_OK, 200 },
#define X(reason, slug, class_, http, title) [reason] = { slug, title, class_, http },
	ERR_REASONS(X)
#undef X
};

static const struct reason_row *row_of(enum err_reason reason)
{
	return &rows[(unsigned)reason < REASON_COUNT ? reason : REASON_INTERNAL];
}

const char *err_slug(enum err_reason reason)
{
	return row_of(reason)->slug;
}

const char *err_title(enum err_reason reason)
{
	return row_of(reason)->title;
}

int err_status(enum err_reason reason)
{
	return row_of(reason)->status;
}

enum err_class err_class(enum err_reason reason)
{
	return row_of(reason)->class;
}

enum err_reason err_reason_of(const char *slug)
{
	for (unsigned i = 1; i < REASON_COUNT; i++)
		if (!strcmp(rows[i].slug, slug))
			return (enum err_reason)i;
	return REASON_NONE;
}

int err_exit(int r)
{
	static const int codes[] = {
		0,
#define X(class_, exit, text) exit,
		ERR_CLASSES(X)
#undef X
	};

	if (r >= 0)
		return 0;
	return -(unsigned)r < N_ELEMENTS(codes) ? codes[-r] : 1;
}

int err_raise(struct err *err, enum err_reason reason, const char *field, const char *file,
	int line, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		*err = (struct err){ .reason = reason, .file = file, .line = line };
		if (field)
			snprintf(err->field, sizeof err->field, "%s", field);
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof err->msg, fmt, ap);
		va_end(ap);
	}
	return -(int)err_class(reason);
}

int err_context(struct err *err, int r, const char *fmt, ...)
{
	char head[sizeof err->msg / 2], tail[sizeof err->msg];
	va_list ap;

	if (!err)
		return r;
	va_start(ap, fmt);
	vsnprintf(head, sizeof head, fmt, ap);
	va_end(ap);
	memcpy(tail, err->msg, sizeof tail);
	/* a message that grows too long loses its end, never its beginning */
	snprintf(err->msg, sizeof err->msg, "%s: %.*s", head,
		(int)(sizeof err->msg - sizeof head - 3), tail);
	return r;
}

void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
