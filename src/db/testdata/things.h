/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the tests of this folder keep in their databases. */

#include "db/db.h"
#include "db/testdb.h"

enum { THINGS_ID = 0x54455354 };

struct thing {
	struct uuid id;
	const char *name;
	int color;
	int64_t size;
	struct timestamp made_at;
	struct wgkey public_key;
	const char *extra;
};
extern const struct type thing_type;

struct thing_row {
	struct uuid id;
	const char *name, *cursor_key;
	int64_t size;
};
extern const struct type thing_row_type;

extern struct arena *things_arena;

struct db_conf things_conf(const char *url);

/** Opened and migrated. */
struct db *things_open(const struct testdb *testdb);

/** In a transaction of its own, with the entry that it needs. */
int things_insert(struct db *db, const struct thing *thing, struct err *err);

/** The audit entry. */
int things_note(struct db *db, struct err *err);

int64_t things_count(struct db *db);

int things_set_up(void **state);
int things_tear_down(void **state);
