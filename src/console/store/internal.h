/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the files of this folder share. */

#include "console/store/store.h"
#include "model/console_api.h"

/** One number: column `n`. */
struct count_row {
	int64_t n;
};
extern const struct type store_count_type, store_peer_row_type, store_ref_type,
	store_operator_row_type;

/** A row of struct operator_row's table. */
const struct field *store_operator_field(const char *name);

/** Inside a transaction. Also forgets sessions that are over, whoever's. */
int store_session_insert(struct db *db, const struct actor *actor, const struct session_new *in,
	struct uuid *ret_id, struct err *err) must_check;

/** REASON_NAME_IN_USE. `by`: who makes them; NULL: the Console's first start. */
int store_operator_insert(struct db *db, const struct operator_row *row, const struct uuid *by,
	struct err *err) must_check;

/** "%text%" (or "text%") for LIKE, with the wildcards of `text` escaped. NULL text: NULL. */
const char *store_like(struct arena *arena, const char *text, bool anywhere);

/* A list being answered. */
struct store_list {
	unsigned list, total; /* statements */
	const struct type *filter_type, *row_type;
	const void *filter;
	const struct db_arg *args; /* beyond the filter's; ends without a name; may be NULL */
	const char *dflt_sort;
	bool dflt_descending, int_id;
	size_t id_offset, cursor_offset; /* in a row: what ties are broken by; the sort's key */
};

/** Fills in data, total and next_cursor. REASON_INVALID_CURSOR, _INVALID_PAGINATION, _OFFSET_TOO_DEEP. */
int store_list_page(struct db *db, const struct store_list *list, const struct page_query *query,
	struct page *ret_page, struct arena *arena, struct err *err) must_check;

/** Fills in fleet and seq. */
int store_page_rest(struct db *db, struct page *page, struct arena *arena, struct err *err)
	must_check;

/** Fills in `counts` from a statement that gives one row. */
int store_counts(struct db *db, unsigned query, const struct type *filter_type, const void *filter,
	const struct db_arg *args, const struct type *type, struct page *page, struct arena *arena,
	struct err *err) must_check;

/** The one row of a list statement that its filter leaves. REASON_NOT_FOUND */
int store_list_one(struct db *db, unsigned query, const struct type *filter_type, const void *filter,
	const struct db_arg *args, const struct type *type, void *row, struct arena *arena,
	struct err *err) must_check;

/** Begins an interval / ends the open one. */
int store_interval_open(struct db *db, const struct peer_row *row, const char *addresses, int state,
	int64_t seq, struct timestamp at, struct err *err) must_check;
int store_interval_close(struct db *db, const struct uuid *peer_id, int64_t seq, struct timestamp at,
	struct err *err) must_check;

/** Ends one peer inside a transaction: 1 ended, 0 was already. */
int store_end_in(struct db *db, const struct actor *actor, const struct peer_row *row, int why,
	const char *reason, struct arena *arena, struct err *err) must_check;
