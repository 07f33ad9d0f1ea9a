/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Statements and migrations as tools/sqlgen.py writes them down: the complete list
 * of what a program may say to its database.
 */

#include <stdbool.h>
#include <stddef.h>

enum query_mode { QUERY_ONE, QUERY_MANY, QUERY_EXEC, QUERY_LIST };

enum query_flag {
	QUERY_WRITES = 1 << 0,
	QUERY_UNAUDITED = 1 << 1, /* a write that needs no audit entry */
	QUERY_AUDIT = 1 << 2,     /* the audit entry itself */
};

enum query_part_kind { QUERY_FILTER, QUERY_SORT };

/** A constant piece of a list statement. */
struct query_part {
	const char *name;
	enum query_part_kind kind;
	bool text_key;                 /* a sort's key is text, else an integer */
	const char *sqlite, *postgres; /* the condition, or the sort's key */
	const char *tie;               /* a sort's second key, unique */
};

struct query {
	const char *name;
	enum query_mode mode;
	unsigned flags, n_params;
	const char *const *params; /* names, in the order of their numbers, then NULL */
	const struct query_part *parts; /* of a list, then a row without a name */
	const char *sqlite, *postgres;
};

struct migration {
	int number; /* from 1, without gaps */
	const char *name, *checksum;
	const char *sqlite, *postgres;
};
