/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What db.c needs from an engine. Nobody else includes this. */

#include "db/db.h"

struct stmt; /* the engine's */

struct db_engine {
	bool (*serves)(const char *url);
	int (*open)(const struct db_conf *conf, void **ret_handle, struct err *err);
	void (*close)(void *handle);
	/** The engine's text of a query, a part, a migration. */
	const char *(*text_of)(const char *sqlite, const char *postgres);
	/** Several statements without parameters or rows. */
	int (*run)(void *handle, const char *text, struct err *err);
	int (*prepare)(void *handle, const char *text, struct stmt **ret_stmt, struct err *err);
	void (*finish)(struct stmt *stmt);
	/** Parameter `i` (from 0); `at` NULL or none: null. The value must live until reset. */
	int (*bind)(struct stmt *stmt, unsigned i, const struct field *field, const void *at,
		struct err *err);
	/** 1: a row; 0: done. */
	int (*step)(struct stmt *stmt, struct err *err);
	unsigned (*n_columns)(const struct stmt *stmt);
	const char *(*column)(const struct stmt *stmt, unsigned i);
	/** Column `i` of the row into a member; texts are copied into `arena`, or with NULL point into the
	 * statement. */
	int (*load)(struct stmt *stmt, unsigned i, const struct field *field, void *at,
		struct arena *arena, struct err *err);
	void (*reset)(struct stmt *stmt);
	int64_t (*changes)(void *handle);
	const char *begin_read, *begin_write;
};

extern const struct db_engine sqlite_engine;
