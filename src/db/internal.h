/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What db.c, list.c and migrate.c share. Nobody else includes this. */

#include "db/engine.h"

enum { PARAMS_MAX = 48, COLUMNS_MAX = 64, LIST_CACHE = 64, STATEMENT_MAX = 16384 };

/* A prepared statement, and which rows of which table its parameters and columns are. */
struct prepared {
	struct stmt *stmt;
	const struct type *in, *out;
	const struct field *params[PARAMS_MAX], *columns[COLUMNS_MAX];
	size_t column_base[COLUMNS_MAX]; /* where the column's own object begins in the row's */
};

struct list_key {
	unsigned query;
	uint32_t filters;
	const struct query_part *sort;
	bool descending, after;
};

struct cached_list {
	struct list_key key;
	struct prepared prepared;
};

struct db {
	const struct db_engine *engine;
	void *handle;
	struct db_conf conf;
	const struct db_scope *scope;
	struct prepared *prepared; /* one per query */
	struct cached_list lists[LIST_CACHE];
	unsigned next_list;
	int claim_fd;
	unsigned guard; /* a query, if `guarded` */
	int64_t guard_value;
	bool guarded, kept; /* kept: something was, since db_guard() */
	bool in_transaction, writing, wrote, audited, failed, streaming;
};

/** Prepares `text` unless that has been done. */
int db_prepare(struct db *db, struct prepared *p, const char *text, struct err *err) must_check;

/** Whether a statement may be said now: REASON_INTERNAL in a transaction that has failed already, and
 * while rows are streaming. Outside of a transaction a lost connection is made anew. */
int db_ready(struct db *db, struct err *err) must_check;

/** `r` and `err` of a statement outside of a transaction, as they are to be told: see db_guard(). */
int db_told(struct db *db, int r, struct err *err);

/** 1: the query gives a row; 0: none. */
int db_has_row(struct db *db, unsigned query, struct db_in in, struct err *err) must_check;

/** Adds the scope's part and parameter to a list that is about to be asked for; `in` may then use `room`.
 * REASON_FORBIDDEN: the handle works for nobody. */
int db_scope_list(struct db *db, unsigned query, uint32_t *filters, struct db_in *in,
	struct db_arg room[PARAMS_MAX + 1], struct err *err) must_check;

/** All rows of a bound statement, side by side in the arena. */
int db_collect(struct db *db, struct prepared *p, const struct type *type, struct list *ret_list,
	struct arena *arena, struct err *err) must_check;

/** Binds, and collects. */
int db_all_of(struct db *db, struct prepared *p, const struct query *query, struct db_in in,
	const struct type *type, struct list *ret_list, struct arena *arena, struct err *err)
	must_check;
