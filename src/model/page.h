/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Rows of field tables that all lists share: the answer's, and the query's. */

#include "model/console_api.h"

/* clang-format off */
#define PAGE_ROWS(type_)                                                                                                                   \
	FIELD(struct page, data, .of = FIELD_OBJECT, .type = (type_), .doc = "The rows."),                                                 \
	FIELD(struct page, total, .flags = F_NULLABLE | F_OMIT, .doc = "Rows there are, where they were counted to the end."),             \
	FIELD(struct page, total_at_least, .flags = F_NULLABLE | F_OMIT, .doc = "Rows there are at least."),                               \
	FIELD(struct page, next_cursor, .flags = F_NULLABLE, .doc = "For the next page; null: this was the last."),                        \
	FIELD(struct page, counts, .doc = "Rows by view."),                                                                                \
	FIELD(struct page, fleet, .doc = "As of when nodes were read, and which are unreachable."),                                        \
	FIELD(struct page, seq, .doc = "The audit log's newest entry when this was read.")

#define Q_ROW(struct_, name_, member, kind_, ...) \
	{ .name = (name_), .offset = offsetof(struct_, member), .kind = (kind_), __VA_ARGS__ }
#define PAGE_QUERY(struct_)                                                                                                                  \
	Q_ROW(struct_, "limit", page.limit, FIELD_INT, .dflt = "50", .min = 1, .max = 100, .doc = "Rows a page."),                               \
	Q_ROW(struct_, "offset", page.offset, FIELD_INT, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "Rows to leave out; at most 100000."),  \
	Q_ROW(struct_, "cursor", page.cursor, FIELD_TEXT, .flags = F_NULLABLE, .max = 512, .doc = "A page's nextCursor."),                       \
	Q_ROW(struct_, "sort", page.sort, FIELD_TEXT, .flags = F_NULLABLE, .max = 32, .doc = "What to sort by."),                                \
	Q_ROW(struct_, "dir", page.dir, FIELD_WORD, .flags = F_NULLABLE, .words = sort_dir_words, .doc = "Ascending or descending.")
/* clang-format on */
