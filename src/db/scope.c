/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>

#include "db/internal.h"

static const char part_name[] = "scope";

void db_work_for(struct db *db, const struct db_scope *scope)
{
	db->scope = scope;
}

const struct db_scope *db_works_for(const struct db *db)
{
	return db->scope;
}

/* Its number among the parts; 0 when there is none (the first part's bit is its number 1). */
static unsigned part_of(const struct query *query)
{
	for (unsigned i = 0; query->parts[i].name; i++)
		if (query->parts[i].kind == QUERY_FILTER && !strcmp(query->parts[i].name, part_name))
			return i + 1;
	return 0;
}

int db_check_scopes(const struct query *queries, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (queries[i].mode == QUERY_LIST && !part_of(&queries[i]))
			return err_set(err, REASON_INTERNAL, NULL,
				"the list statement '%s' has no part '%s'", queries[i].name, part_name);
	return 0;
}

int db_scope_list(struct db *db, unsigned id, uint32_t *filters, struct db_in *in,
	struct db_arg room[PARAMS_MAX + 1], struct err *err)
{
	const struct query *query = &db->conf.queries[id];
	unsigned part = part_of(query), n = 0;

	if (!db->conf.scoped)
		return 0;
	if (!db->scope)
		return err_set(err, REASON_FORBIDDEN, NULL, "nobody asks for this list");
	if (db->scope->all)
		return 0;
	if (!part)
		return err_set(err, REASON_FORBIDDEN, NULL, "'%s' has no scope", query->name);
	for (const struct db_arg *arg = in->args; arg && arg->name; arg++) {
		assert(n < PARAMS_MAX - 1);
		room[n++] = *arg;
	}
	room[n++] = (struct db_arg){ part_name, FIELD_UUID, &db->scope->value };
	room[n] = (struct db_arg){ 0 };
	in->args = room;
	*filters |= UINT32_C(1) << (part - 1);
	return 0;
}
