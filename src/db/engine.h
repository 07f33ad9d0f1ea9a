/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What db.c needs from an engine. Nobody else includes this. */

#include "db/db.h"

struct stmt; /* the engine's */

struct db_engine {
	bool (*serves)(const char *url);
	/** Checks that the database is ours, or empty, before anything is written. */
	int (*open)(const struct db_conf *conf, void **ret_handle, struct err *err);
	void (*close)(void *handle);
	/** The engine's text of a query, a part, a migration. */
	const char *(*text_of)(const char *sqlite, const char *postgres);
	char mark; /* before a parameter's number */
	/** Outside of a transaction, before the first statement: connects again what was lost. NULL:
	 * there is nothing to lose. */
	int (*ready)(void *handle, struct err *err);
	/** Several statements without parameters or rows. */
	int (*run)(void *handle, const char *text, struct err *err);
	int (*commit)(void *handle, struct err *err);
	/** While `patient`, other writers are waited for without end, and so is an answer. */
	int (*patience)(void *handle, bool patient, struct err *err);
	/** Makes the table of the migrations that were applied, unless it is there. */
	int (*make_log)(void *handle, struct err *err);
	/** As db_claim(); what holds the claim may be a descriptor, which the caller then closes. */
	int (*claim)(void *handle, int *ret_fd, struct err *err);
	/** Gives up what is not a descriptor. NULL: there is nothing else. */
	void (*unclaim)(void *handle);
	/** As db_advice(). NULL: never. */
	const char *(*advice)(void *handle, unsigned i);
	/** As db_why(). NULL: never. */
	const char *(*why)(void *handle);
	int (*prepare)(void *handle, const char *text, struct stmt **ret_stmt, struct err *err);
	void (*finish)(struct stmt *stmt);
	/** Parameter `i` (from 0); `at` NULL or none: null. The value must live until reset. */
	int (*bind)(struct stmt *stmt, unsigned i, const struct field *field, const void *at,
		struct err *err);
	/** 1: a row; 0: done. */
	int (*step)(struct stmt *stmt, struct err *err);
	/** Runs a statement without rows `n` times, with what bind(ctx, i) binds, without waiting for each
	 * answer. NULL: answers are not waited for anyway. */
	int (*run_many)(struct stmt *stmt, size_t n,
		int (*bind)(void *ctx, size_t i, struct err *err), void *ctx, struct err *err);
	/** Before the first step: rows are to come one by one, in bounded memory. NULL: they always do. */
	void (*stream)(struct stmt *stmt);
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
