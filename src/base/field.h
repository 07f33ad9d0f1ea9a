/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Field tables: a struct described once, and read by many.
 *
 * From one table come the JSON encoder and decoder, the SQL parameters and row
 * loader, the configuration parser and the OpenAPI schema. The kind of a row is
 * derived from the C type, so a table cannot disagree with its struct; a reader
 * that forgot a kind is a compiler warning.
 *
 * Names: `name` is the C member. JSON has it in camelCase, SQL as it is;
 * `.json`, `.sql` and `.conf` say otherwise where they must.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cidr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/sbuf.h"
#include "base/span.h"
#include "base/time.h"
#include "base/uuid.h"

/** Text that must not be seen: no `%s` takes it, the readers never print it. It belongs to an arena
 * that wipes it (arena_secret). */
struct secret {
	const char *at;
	size_t len;
};

/** Bytes; base64 in JSON. */
struct blob {
	const uint8_t *at;
	size_t len;
};

/** A JSON document that is passed on as it is. */
struct json_text {
	const char *text;
};

/** `n` elements of a row's `.of` kind (or of its `.type`), side by side. */
struct list {
	void *at;
	size_t n;
};

enum field_kind {
	FIELD_BOOL,
	FIELD_INT,
	FIELD_TEXT,
	FIELD_KEY,
	FIELD_UUID,
	FIELD_TIME,
	FIELD_CIDR,
	FIELD_WORD,
	FIELD_SECRET,
	FIELD_BLOB,
	FIELD_JSON,
	FIELD_LIST,
	FIELD_OBJECT,
};

enum field_flag {
	F_REQUIRED = 1 << 0, /* must be given */
	F_READONLY = 1 << 1, /* set by the server, refused as input */
	F_SECRET = 1 << 2,   /* taken and stored; never sent, printed or logged */
	F_NULLABLE = 1 << 3, /* may be null; then the member is all zero bytes (an INT: INT_NONE) */
	F_OMIT = 1 << 4,     /* left out of JSON where it would be null or an empty list */
	F_HOST = 1 << 5,     /* CIDR: an address, written without its prefix */
	F_SECONDS = 1 << 6,  /* TIME: written without a fraction */
	F_LINES = 1 << 7,    /* TEXT: line breaks and tabs are fine */
	F_PERSONAL = 1 << 8, /* about a person: in the audit log only as a commitment */
	F_BLANK = 1 << 9,    /* configuration: an empty value is taken for "not given" */
};

#define INT_NONE INT64_MIN

struct word {
	int value; /* never 0, which stands for "none" */
	const char *word;
};

struct type;

struct field {
	const char *name;
	const char *json, *sql; /* where the name is another */
	const char *conf, *env; /* dotted key in a file; variable of the environment */
	enum field_kind kind, of;
	unsigned flags;
	unsigned opt; /* this row's bit (one of 1, 2, 4…) in the object's `struct has`, or 0 */
	size_t offset;
	const char *dflt;         /* as it would be written in the file, or NULL */
	int64_t min, max;         /* of an integer, a text's bytes or a list's length; both 0: none */
	const struct word *words; /* ends with a NULL word */
	const struct type *type;  /* of an object, or of a list of objects */
	/** A further rule for a value of the right kind. The error's field is set by the caller. */
	int (*check)(const void *value, struct err *err);
	const char *doc; /* one sentence for the manual and the API's description */
};

/** Which optional members a document gave, and which of them as null. */
struct has {
	uint32_t given, null;
};

#define NO_HAS SIZE_MAX

/** A described struct. `has` is the offset of its `struct has`, or NO_HAS. */
struct type {
	const char *name;
	const struct field *fields; /* ends with a row without a name */
	size_t size, has;
	const char *doc;
};

/* clang-format off */
#define FIELD_KIND_OF(expr)                        \
	_Generic(expr,                             \
		bool: FIELD_BOOL,                  \
		int64_t: FIELD_INT,                \
		const char *: FIELD_TEXT,          \
		struct wgkey: FIELD_KEY,           \
		struct uuid: FIELD_UUID,           \
		struct timestamp: FIELD_TIME,      \
		struct cidr: FIELD_CIDR,           \
		int: FIELD_WORD,                   \
		struct secret: FIELD_SECRET,       \
		struct blob: FIELD_BLOB,           \
		struct json_text: FIELD_JSON,      \
		struct list: FIELD_LIST)

/** One row. The compiler picks the kind. */
#define FIELD(struct_, member, ...)                                             \
	{                                                                       \
		.name = #member, .offset = offsetof(struct_, member),           \
		.kind = FIELD_KIND_OF(((struct_ *)0)->member), __VA_ARGS__      \
	}

/** A row for a member that is itself a described struct. */
#define FIELD_SUB(struct_, member, type_, ...)                                  \
	{                                                                       \
		.name = #member, .offset = offsetof(struct_, member),           \
		.kind = FIELD_OBJECT, .type = (type_), __VA_ARGS__              \
	}

#define TYPE_RAW(struct_, name_, fields_, has_, ...)                            \
	{                                                                       \
		.name = (name_), .fields = (fields_), .size = sizeof(struct_),  \
		.has = (has_), __VA_ARGS__                                      \
	}
#define TYPE(struct_, name_, fields_, ...) \
	TYPE_RAW(struct_, name_, fields_, NO_HAS, __VA_ARGS__)
/** For a struct with optional members: `member` is its `struct has`. */
#define TYPE_HAS(struct_, name_, fields_, member, ...) \
	TYPE_RAW(struct_, name_, fields_, offsetof(struct_, member), __VA_ARGS__)
/* clang-format on */

static inline void *field_at(const struct field *field, void *object)
{
	return (char *)object + field->offset;
}

static inline const void *field_of(const struct field *field, const void *object)
{
	return (const char *)object + field->offset;
}

static inline struct has *type_has(const struct type *type, void *object)
{
	return type->has == NO_HAS ? NULL : (struct has *)(void *)((char *)object + type->has);
}

/** The row for an object's optional member was given (and not as null). */
static inline bool has_given(const struct has *has, unsigned opt)
{
	return (has->given & opt) != 0;
}

/** Bytes of one value of this kind, objects and lists excepted (0). */
size_t field_kind_size(enum field_kind kind);

/** Bytes of one element of a LIST row. */
size_t field_element_size(const struct field *field);

/** What a reader of documents calls the kind: "a number", "a text"... */
const char *field_kind_name(enum field_kind kind);

/** Whether the value at `at` is "none": see F_NULLABLE. */
bool field_is_none(const struct field *field, const void *at);

#define FIELD_NAME_SIZE 48

/** The JSON name of a row: `.json`, or `name` in camelCase, written into `buf`. */
const char *field_json_name(const struct field *field, char buf[FIELD_NAME_SIZE]);

/** The same; returns its length. */
size_t field_json_name_put(const struct field *field, char buf[FIELD_NAME_SIZE]);

/** The row with this JSON name, or NULL. With `any_case` ASCII letters of both cases match. */
const struct field *field_by_json(const struct field *fields, struct span name, bool any_case);

/** The row with this SQL name, or NULL. */
const struct field *field_by_sql(const struct field *fields, const char *name);

/** The text of a WORD's value, or NULL. */
const char *word_text(const struct word *words, int value);

/** The value of a word, or 0. */
int word_value(const struct word *words, struct span text);

/** Checks a value's bounds, control characters and the row's own check. The error names `name`. */
int field_check(const struct field *field, const void *at, const char *name, struct err *err)
	must_check;

/** "'name' must be a whole number" and the like; lists the words of a WORD. */
int field_wrong_kind(struct err *err, const struct field *field, const char *name);

/** Reads a value whose text is one string: every kind but BOOL, INT, JSON, LIST and OBJECT. 0, or 1
 * when the text is not of the kind, or negative. Bounds are not checked here. */
int field_scan(const struct field *field, struct span text, void *at, struct arena *arena,
	struct err *err) must_check;

/** Reads one value, written as plain text, as `field` says (configuration, queries, defaults): "10",
 * "true", "fd00::1", a word… Lists are separated by commas. Bounds are checked; the error names
 * `name`. */
int field_from_text(struct span text, const struct field *field, const char *name, void *at,
	struct arena *arena, struct err *err) must_check;

/** Writes a value the same way; secrets as ***, none as nothing. */
void field_to_text(struct sbuf *out, const struct field *field, const void *at);
