/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * JSON in, read by field tables.
 *
 * Size, depth, encoding and NULs are checked before the parser (jansson) sees a
 * byte; the table decides the rest: unknown, duplicate, missing, read-only,
 * wrongly typed and out-of-range members are errors that name the member.
 */

#include "base/arena.h"
#include "base/field.h"

enum { JSON_DEPTH_MAX = 16 };

enum read_flag {
	READ_ANY_CASE = 1 << 0,       /* member names in either case */
	READ_LAST_WINS = 1 << 1,      /* a member given twice counts the second time */
	READ_IGNORE_UNKNOWN = 1 << 2, /* members without a row are passed over */
	READ_TRAILING = 1 << 3,       /* bytes behind the document are not looked at */
	READ_READONLY = 1 << 4,       /* read-only members are taken */

	READ_STRICT = 0,
	/* what the published node's surface takes */
	READ_LAX = READ_ANY_CASE | READ_LAST_WINS | READ_IGNORE_UNKNOWN | READ_TRAILING,
	/* a document that another program of ours wrote, perhaps a newer one */
	READ_ANSWER = READ_IGNORE_UNKNOWN | READ_READONLY,
};

/** For a process that will not be able to open /dev/urandom: without it the parser's hash tables would be
 * seeded with the time, which a stranger knows. Once, before anything is read. */
void json_seed(void);

/** Reads one object into `object` (of `type`, zeroed by the caller). Texts and lists are copied into
 * `arena`, secrets with wiping. REASON_INVALID_JSON: not JSON, or not an object;
 * REASON_UNKNOWN_FIELD, _DUPLICATE_FIELD, _MISSING_FIELD, _READ_ONLY_FIELD, _INVALID_FIELD. */
int json_read(struct span text, const struct type *type, unsigned flags, void *object,
	struct arena *arena, struct err *err) must_check;

/** Valid UTF-8 (RFC 3629) without NUL, and nested no deeper than JSON_DEPTH_MAX where it is JSON. */
int json_prescan(struct span text, struct err *err) must_check;
