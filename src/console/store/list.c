/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/parse.h"
#include "console/store/internal.h"
#include "console_sql.h"
#include "json/write.h"

enum { OFFSET_MAX = 100000, TOTAL_MAX = 100000, CURSOR_MAX = 512 };

static const struct field count_fields[] = { FIELD(struct count_row, n), { 0 } };
const struct type store_count_type = TYPE(struct count_row, "Count", count_fields);

const char *store_like(struct arena *arena, const char *text, bool anywhere)
{
	char *out = text ? arena_alloc(arena, 2 * strlen(text) + 3) : NULL;
	size_t n = 0;

	if (!out)
		return NULL;
	if (anywhere)
		out[n++] = '%';
	for (; *text; text++) {
		if (*text == '%' || *text == '_' || *text == '\\')
			out[n++] = '\\';
		out[n++] = *text;
	}
	out[n++] = '%';
	return out;
}

/*
 * Cursors: where a page ended. "sort dir id key", in base64url. They are the client's to keep, so
 * everything in one is checked when it comes back.
 */

struct cursor {
	struct span sort, key;
	bool descending;
	struct uuid id;
	int64_t int_id, int_key;
};

static const char *make_cursor(struct arena *arena, const struct query_part *sort, bool descending,
	const struct store_list *list, const char *row)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(CURSOR_MAX);
	const char *key = *(const char *const *)(const void *)(row + list->cursor_offset);
	char id[UUID_TEXT_SIZE], *out;
	size_t size;

	sbuf_printf(&text, "%s %c ", sort->name, descending ? 'd' : 'a');
	if (list->int_id)
		sbuf_int(&text, *(const int64_t *)(const void *)(row + list->id_offset));
	else
		sbuf_puts(&text, uuid_format(id, (const void *)(row + list->id_offset)));
	sbuf_printf(&text, " %s", key ?: "");
	if (text.failed)
		return NULL; /* a key that long: the page has no successor by cursor */
	size = sodium_base64_encoded_len(text.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	out = arena_alloc(arena, size);
	if (out)
		sodium_bin2base64(out, size, (const void *)text.data, text.len,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return out;
}

static bool parse_cursor(struct arena *arena, const char *text, const struct store_list *list,
	struct cursor *ret)
{
	size_t len = strlen(text), n;
	char *bytes = arena_alloc(arena, len + 1);
	struct span rest, dir, id;

	if (!bytes || sodium_base642bin((void *)bytes, len, text, len, NULL, &n, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
		memchr(bytes, 0, n))
		return false;
	rest = (struct span){ bytes, n };
	ret->sort = span_cut(&rest, ' ');
	dir = span_cut(&rest, ' ');
	id = span_cut(&rest, ' ');
	ret->key = rest;
	ret->descending = span_is(dir, "d");
	if (!rest.at || (!ret->descending && !span_is(dir, "a")))
		return false;
	return list->int_id ? parse_i64(id, 0, INT64_MAX, &ret->int_id) : uuid_parse(id, &ret->id);
}

/* What a list asks its statement for. */
struct plan {
	struct db_list how;
	const struct query_part *sort;
	struct cursor cursor;
	const char *text_key;
};

static int plan_cursor(struct db *db, const struct store_list *list, const struct page_query *query,
	struct plan *plan, struct arena *arena, struct err *err)
{
	const char *sort;

	if (!parse_cursor(arena, query->cursor, list, &plan->cursor))
		return err_set(err, REASON_INVALID_CURSOR, "cursor",
			"give 'cursor' as the page before said it in nextCursor");
	sort = arena_strndup(arena, plan->cursor.sort);
	plan->sort = sort ? db_sort(db, list->list, sort) : NULL;
	plan->text_key = arena_strndup(arena, plan->cursor.key);
	if (!plan->sort || !plan->text_key || query->offset ||
		(!plan->sort->text_key && !parse_i64(plan->cursor.key, INT64_MIN + 1, INT64_MAX,
						  &plan->cursor.int_key)))
		return err_set(err, REASON_INVALID_CURSOR, "cursor",
			"'cursor' is not one of this list, or 'offset' was given too");
	plan->how.after = true;
	plan->how.descending = plan->cursor.descending;
	return 0;
}

static int make_plan(struct db *db, const struct store_list *list, const struct page_query *query,
	struct plan *plan, struct arena *arena, struct err *err)
{
	int r = 0;

	*plan = (struct plan){ 0 };
	plan->how.filters = db_filters(db, list->list, list->filter_type, list->filter);
	if (query->offset > OFFSET_MAX)
		return err_set(err, REASON_OFFSET_TOO_DEEP, "offset",
			"'offset' goes to %d; follow nextCursor, or narrow the list", OFFSET_MAX);
	if (query->cursor) {
		r = plan_cursor(db, list, query, plan, arena, err);
	} else {
		plan->sort = db_sort(db, list->list, query->sort ?: list->dflt_sort);
		plan->how.descending = query->dir ? query->dir == DIR_DESC
						  : !query->sort && list->dflt_descending;
		if (!plan->sort)
			r = err_set(err, REASON_INVALID_PAGINATION, "sort",
				"this list cannot be sorted by '%.32s'", query->sort);
	}
	if (r >= 0)
		plan->how.sort = plan->sort->name;
	return r;
}

/* The list's own arguments and ours, side by side. */
static struct db_in make_in(const struct store_list *list, const struct db_arg *ours, size_t n_ours,
	struct arena *arena)
{
	size_t n = 0;
	struct db_arg *all;

	while (list->args && list->args[n].name)
		n++;
	all = arena_alloc(arena, (n + n_ours + 1) * sizeof *all);
	if (all && n)
		memcpy(all, list->args, n * sizeof *all);
	if (all)
		memcpy(all + n, ours, n_ours * sizeof *all);
	return (struct db_in){ .type = list->filter_type, .object = list->filter, .args = all };
}

static int count_all(struct db *db, const struct store_list *list, struct plan *plan,
	struct page *page, struct arena *arena, struct err *err)
{
	int64_t limit = TOTAL_MAX + 1;
	const struct db_arg ours[] = { DB_ARG("limit", limit) };
	struct db_list how = { .filters = plan->how.filters };
	struct list rows;
	int64_t n;
	int r = db_list(db, list->total, &how, make_in(list, ours, 1, arena), &store_count_type,
		&rows, arena, err);

	if (r < 0)
		return r;
	n = ((const struct count_row *)rows.at)->n;
	page->total = n > TOTAL_MAX ? INT_NONE : n;
	page->total_at_least = n > TOTAL_MAX ? TOTAL_MAX : INT_NONE;
	return 0;
}

int store_list_page(struct db *db, const struct store_list *list, const struct page_query *query,
	struct page *page, struct arena *arena, struct err *err)
{
	int64_t limit = query->limit + 1, offset = query->offset;
	struct plan plan;
	int r = make_plan(db, list, query, &plan, arena, err);

	if (r < 0)
		return r;
	const struct db_arg ours[] = {
		DB_ARG("limit", limit),
		DB_ARG("offset", offset),
		{ "after_key", plan.sort->text_key ? FIELD_TEXT : FIELD_INT,
			plan.sort->text_key ? (const void *)&plan.text_key : &plan.cursor.int_key },
		{ "after_id", list->int_id ? FIELD_INT : FIELD_UUID,
			list->int_id ? (const void *)&plan.cursor.int_id : &plan.cursor.id },
	};
	r = db_list(db, list->list, &plan.how, make_in(list, ours, N_ELEMENTS(ours), arena),
		list->row_type, &page->data, arena, err);
	if (r >= 0)
		r = count_all(db, list, &plan, page, arena, err);
	if (r < 0)
		return r;
	if (page->data.n > (size_t)query->limit) {
		page->data.n--;
		page->next_cursor = make_cursor(arena, plan.sort, plan.how.descending, list,
			(const char *)page->data.at + (page->data.n - 1) * list->row_type->size);
	}
	return 0;
}

int store_list_one(struct db *db, unsigned query, const struct type *filter_type, const void *filter,
	const struct db_arg *args, const struct type *type, void *row, struct arena *arena,
	struct err *err)
{
	const struct store_list list = { .filter_type = filter_type, .filter = filter, .args = args };
	int64_t limit = 1, offset = 0;
	const struct db_arg ours[] = { DB_ARG("limit", limit), DB_ARG("offset", offset) };
	struct db_list how = { .filters = db_filters(db, query, filter_type, filter) };
	struct list rows;
	int r = db_list(db, query, &how, make_in(&list, ours, N_ELEMENTS(ours), arena), type, &rows,
		arena, err);

	if (r < 0)
		return r;
	if (rows.n == 0)
		return err_set(err, REASON_NOT_FOUND, NULL, "no such row");
	memcpy(row, rows.at, type->size);
	return 0;
}

int store_counts(struct db *db, unsigned query, const struct type *filter_type, const void *filter,
	const struct db_arg *args, const struct type *type, struct page *page, struct arena *arena,
	struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(1024);
	void *row = arena_alloc(arena, type->size);
	int r = row ? store_list_one(db, query, filter_type, filter, args, type, row, arena, err)
		    : arena_full(arena, err);

	if (r < 0)
		return r;
	json_object(&text, type, row);
	page->counts.text = arena_strdup(arena, text.data);
	return page->counts.text ? 0 : arena_full(arena, err);
}

/*
 * What every page says about the fleet
 */

struct away_row {
	struct uuid id;
	const char *name;
	struct timestamp since;
};

static const struct field away_fields[] = {
	FIELD(struct away_row, id),
	FIELD(struct away_row, name),
	FIELD(struct away_row, since),
	{ 0 },
};
static const struct type away_type = TYPE(struct away_row, "NodeAway", away_fields);

struct fleet_view {
	struct timestamp as_of;
	struct list unreachable;
};

static const struct field fleet_fields[] = {
	FIELD(struct fleet_view, as_of),
	FIELD(struct fleet_view, unreachable, .of = FIELD_OBJECT, .type = &away_type),
	{ 0 },
};
static const struct type fleet_type = TYPE(struct fleet_view, "Fleet", fleet_fields);

struct seq_row {
	int64_t seq;
};

static const struct field seq_fields[] = { FIELD(struct seq_row, seq), { 0 } };
static const struct type seq_type = TYPE(struct seq_row, "Seq", seq_fields);

int store_seq(struct db *db, int64_t *ret_seq, struct err *err)
{
	struct seq_row row;
	int r = db_one(db, CONSOLE_AUDIT_SEQ, DB_NONE, &seq_type, &row, NULL, err);

	*ret_seq = r < 0 ? 0 : row.seq;
	return r;
}

int store_page_rest(struct db *db, struct page *page, struct arena *arena, struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(256 * 1024);
	struct fleet_view fleet = { .as_of = time_now() };
	int r = store_seq(db, &page->seq, err);

	if (r >= 0)
		r = db_list(db, CONSOLE_NODE_UNREACHABLE, &(struct db_list){ 0 }, DB_NONE, &away_type,
			&fleet.unreachable, arena, err);
	if (r < 0)
		return r;
	json_object(&text, &fleet_type, &fleet);
	r = sbuf_finish(&text, err);
	if (r < 0)
		return r;
	page->fleet.text = arena_strdup(arena, text.data);
	return page->fleet.text ? 0 : arena_full(arena, err);
}
