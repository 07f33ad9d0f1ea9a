/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"

const struct db_scope scope_everything = { .all = true };

struct id_filter {
	struct uuid id;
};

static const struct field id_fields[] = { FIELD(struct id_filter, id), { 0 } };
static const struct type id_type = TYPE(struct id_filter, "IdFilter", id_fields);

static const struct {
	unsigned total;
	enum err_reason reason;
	const char *what;
} kinds[] = {
	[SCOPED_NODE] = { CONSOLE_NODE_TOTAL, REASON_NODE_NOT_FOUND, "node" },
	[SCOPED_PERSON] = { CONSOLE_PERSON_TOTAL, REASON_PERSON_NOT_FOUND, "person" },
	[SCOPED_PEER] = { CONSOLE_PEER_TOTAL, REASON_PEER_NOT_FOUND, "peer" },
};

int store_in_scope(struct db *db, enum scoped_kind kind, const struct uuid *id, struct arena *arena,
	struct err *err)
{
	const struct db_scope *scope = db_works_for(db);
	const struct id_filter filter = { *id };
	struct count_row row;
	int r;

	if (scope && scope->all)
		return 0; /* whoever looks for it finds out whether it is there */
	r = store_list_one(db, kinds[kind].total, &id_type, &filter, NULL, &store_count_type, &row,
		arena, err);
	if (r >= 0 && row.n == 0)
		return err_set(err, kinds[kind].reason, NULL, "there is no %s with this id",
			kinds[kind].what);
	return r;
}

int store_check_queries(struct err *err)
{
	return db_check_scopes(console_queries, CONSOLE_N_QUERIES, err);
}
