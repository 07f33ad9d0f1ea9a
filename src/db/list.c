/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>

#include "base/sbuf.h"
#include "db/internal.h"

/* List statements: joined from constant parts; what a client sends only chooses among them. */

uint32_t db_filters(const struct db *db, unsigned id, const struct type *type, const void *object)
{
	const struct query_part *parts = db->conf.queries[id].parts;
	uint32_t filters = 0;

	for (unsigned i = 0; parts[i].name; i++) {
		const struct field *f = field_by_sql(type->fields, parts[i].name);

		if (parts[i].kind != QUERY_FILTER || !f)
			continue;
		if (f->kind == FIELD_BOOL ? *(const bool *)field_of(f, object)
					  : !field_is_none(f, field_of(f, object)))
			filters |= UINT32_C(1) << i;
	}
	return filters;
}

const struct query_part *db_sort(const struct db *db, unsigned id, const char *sort)
{
	for (const struct query_part *part = db->conf.queries[id].parts; part->name; part++)
		if (part->kind == QUERY_SORT && (!sort || !strcmp(part->name, sort)))
			return part;
	return NULL;
}

static void put_where(struct db *db, const struct query *query, const struct list_key *key,
	const char *sort_key, struct sbuf *out)
{
	const char *and = "";

	for (unsigned i = 0; query->parts[i].name; i++) {
		if (!(key->filters >> i & 1))
			continue;
		sbuf_printf(out, "%s(%s)", and,
			db->engine->text_of(query->parts[i].sqlite, query->parts[i].postgres));
		and = " AND ";
	}
	if (key->after) { /* the numbers of :after_key and :after_id are the last two */
		char mark = db->engine->mark;

		sbuf_printf(out, "%s(%s, %s) %s (%c%u, %c%u)", and, sort_key, key->sort->tie,
			key->descending ? "<" : ">", mark, query->n_params - 1, mark,
			query->n_params);
		and = " AND ";
	}
	if (!*and)
		sbuf_puts(out, "1 = 1");
}

static void put_list(struct db *db, const struct list_key *key, struct sbuf *out)
{
	const struct query *query = &db->conf.queries[key->query];
	struct span rest = span_of(db->engine->text_of(query->sqlite, query->postgres));
	const char *dir = key->descending ? "DESC" : "ASC", *sort_key = "";

	if (key->sort)
		sort_key = db->engine->text_of(key->sort->sqlite, key->sort->postgres);
	while (rest.at) {
		struct span piece = span_cut(&rest, '{');
		struct span name;

		sbuf_add(out, piece.at, piece.len);
		if (!rest.at)
			return;
		name = span_cut(&rest, '}');
		if (span_is(name, "where"))
			put_where(db, query, key, sort_key, out);
		else if (span_is(name, "order"))
			sbuf_printf(out, "%s %s, %s %s", sort_key, dir, key->sort->tie, dir);
		else if (span_is(name, "key"))
			sbuf_puts(out, sort_key);
		else
			assert(!"a list statement knows {where}, {order} and {key}");
	}
}

static bool same_list(const struct list_key *a, const struct list_key *b)
{
	return a->query == b->query && a->filters == b->filters && a->sort == b->sort &&
	       a->descending == b->descending && a->after == b->after;
}

static int prepare_list(struct db *db, const struct list_key *key, struct prepared **ret_prepared,
	struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(STATEMENT_MAX);
	struct cached_list *slot;
	int r;

	for (unsigned i = 0; i < LIST_CACHE; i++)
		if (db->lists[i].prepared.stmt && same_list(&db->lists[i].key, key)) {
			*ret_prepared = &db->lists[i].prepared;
			return 0;
		}
	put_list(db, key, &text);
	r = sbuf_finish(&text, err);
	if (r < 0)
		return r;
	slot = &db->lists[db->next_list++ % LIST_CACHE];
	if (slot->prepared.stmt)
		db->engine->finish(slot->prepared.stmt);
	*slot = (struct cached_list){ .key = *key };
	*ret_prepared = &slot->prepared;
	return db_prepare(db, &slot->prepared, text.data, err);
}

int db_list(struct db *db, unsigned id, const struct db_list *list, struct db_in in,
	const struct type *type, struct list *ret_list, struct arena *arena, struct err *err)
{
	struct list_key key = { .query = id, .filters = list->filters,
		.sort = db_sort(db, id, list->sort), .descending = list->descending,
		.after = list->after };
	struct db_arg room[PARAMS_MAX + 1];
	struct prepared *p;
	int r;

	assert(db->conf.queries[id].mode == QUERY_LIST);
	assert(key.sort || !list->sort);
	r = db_scope_list(db, id, &key.filters, &in, room, err);
	if (r >= 0)
		r = db_ready(db, err);
	if (r >= 0)
		r = prepare_list(db, &key, &p, err);
	return r < 0 ? r : db_all_of(db, p, &db->conf.queries[id], in, type, ret_list, arena, err);
}
