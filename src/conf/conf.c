/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"

const char *conf_key(const struct field *field)
{
	return field->conf ? field->conf : field->env;
}

/* Levenshtein's distance; the words are short. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64], n = (unsigned)strlen(b);

	if (n >= N_ELEMENTS(row))
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
		}
	}
	return row[n];
}

const char *conf_suggest(const char *word, const struct field *fields)
{
	unsigned best = 4;
	const char *found = NULL;

	for (const struct field *f = fields; f->name; f++) {
		const char *key = conf_key(f);
		unsigned d = key ? distance(word, key) : 99;

		if (d < best) {
			best = d;
			found = key;
		}
	}
	return found;
}

int conf_slurp(const char *path, size_t max, struct span *ret_text, struct arena *arena,
	struct err *err)
{
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t len = 0;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, REASON_CONFIG, NULL, "cannot read '%s': %s", path,
			strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, REASON_CONFIG, NULL, "'%s' is a directory", path);
	text = arena_alloc(arena, max + 2);
	if (!text)
		return arena_full(arena, err);
	for (;;) {
		ssize_t n = read(fd, text + len, max + 1 - len);

		if (n < 0)
			return err_set(err, REASON_CONFIG, NULL, "cannot read '%s': %s", path,
				strerror(errno));
		len += (size_t)n;
		if (n == 0 || len > max)
			break;
	}
	if (len > max)
		return err_set(err, REASON_CONFIG, NULL, "'%s' is larger than %zu bytes", path, max);
	*ret_text = (struct span){ text, len };
	return 0;
}

/* A secret may come from a file, so that it is in no environment: NAME_FILE=/path. */
static int env_text(const struct field *f, struct span *ret_text, struct arena *arena,
	struct err *err)
{
	const char *value = getenv(f->env), *path;
	char file_var[80];

	ret_text->at = NULL;
	if (value && *value) {
		*ret_text = span_of(value);
		return 0;
	}
	if (f->kind != FIELD_SECRET)
		return 0;
	snprintf(file_var, sizeof file_var, "%s_FILE", f->env);
	path = getenv(file_var);
	if (!path || !*path)
		return 0;
	if (conf_slurp(path, 4096, ret_text, arena, err) < 0)
		return err_context(err, -ERR_INVALID, "%s", file_var);
	*ret_text = span_trim(*ret_text);
	return 0;
}

int conf_read_env(const struct type *type, void *object, struct arena *arena, struct err *err)
{
	for (const struct field *f = type->fields; f->name; f++) {
		struct span text;
		int r;

		if (!f->env)
			continue;
		r = env_text(f, &text, arena, err);
		if (r < 0)
			return r;
		if (!text.at && (f->flags & F_REQUIRED))
			return err_set(err, REASON_CONFIG, f->env, "%s is not set: %s", f->env, f->doc);
		if (!text.at && f->dflt)
			text = span_of(f->dflt);
		if (!text.at)
			continue;
		if (field_from_text(text, f, f->env, field_at(f, object), arena, err) < 0) {
			if (err)
				err->reason = REASON_CONFIG;
			return -ERR_INVALID;
		}
	}
	return 0;
}

void conf_print(struct sbuf *out, const struct type *type, const void *object)
{
	for (const struct field *f = type->fields; f->name; f++) {
		if (!conf_key(f))
			continue;
		sbuf_printf(out, "%s: ", conf_key(f));
		field_to_text(out, f, field_of(f, object));
		sbuf_puts(out, "\n");
	}
}
