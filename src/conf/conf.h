/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Configuration, read by a field table: YAML files by `.conf` (a dotted key), the
 * environment by `.env`.
 *
 * Each error is one sentence that begins with the place ("config.yaml:12: …") and
 * names the key. Nothing is coerced: a number is a number, and 80a80 is not one.
 */

#include "base/arena.h"
#include "base/field.h"

enum { CONF_FILE_MAX = 256 * 1024 };

/** Reads a document. `name` is the file's name for messages. Keys without a row are errors with a
 * suggestion, as are keys given twice, aliases, and lists with blank elements; an empty value counts as
 * not given. `object` is zeroed by the caller; defaults are filled in. REASON_CONFIG. */
int conf_read_yaml(const char *name, struct span text, const struct type *type, void *object,
	struct arena *arena, struct err *err) must_check;

/** The same from a file. REASON_CONFIG also where there is none: "config file not found: …". */
int conf_read_file(const char *path, const struct type *type, void *object, struct arena *arena,
	struct err *err) must_check;

/** Reads the variables that rows name. A variable VAR_FILE names a file that holds the value, where the
 * row is a secret. */
int conf_read_env(const struct type *type, void *object, struct arena *arena, struct err *err)
	must_check;

/** Every row with its value, "key: value" a line; secrets as ***. */
void conf_print(struct sbuf *out, const struct type *type, const void *object);

/** The key or variable a row is known by: `.conf`, else `.env`. */
const char *conf_key(const struct field *field);

/** The candidate nearest to `word`, at most a few typing errors away, or NULL. */
const char *conf_suggest(const char *word, const struct field *fields);

/** Reads a whole file of at most `max` bytes into the arena. */
int conf_slurp(const char *path, size_t max, struct span *ret_text, struct arena *arena,
	struct err *err) must_check;
