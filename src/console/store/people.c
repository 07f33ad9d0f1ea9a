/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"
#include "json/write.h"

struct person_filter {
	struct uuid id;
	const char *q;
	int kind;
};

static const struct field filter_fields[] = {
	FIELD(struct person_filter, id, .flags = F_NULLABLE),
	FIELD(struct person_filter, q, .flags = F_NULLABLE),
	FIELD(struct person_filter, kind, .flags = F_NULLABLE),
	{ 0 },
};
static const struct type filter_type = TYPE(struct person_filter, "PersonFilter", filter_fields);

struct person_counts {
	int64_t n_all, staff, contractor, partner, service;
};

#define COUNT(member, ...) FIELD(struct person_counts, member, __VA_ARGS__)
static const struct field count_fields[] = {
	COUNT(n_all, .json = "all"),
	COUNT(staff),
	COUNT(contractor),
	COUNT(partner),
	COUNT(service),
	{ 0 },
};
static const struct type counts_type = TYPE(struct person_counts, "PersonCounts", count_fields);

static const struct store_list person_list = {
	.list = CONSOLE_PERSON_LIST,
	.total = CONSOLE_PERSON_TOTAL,
	.filter_type = &filter_type,
	.row_type = &person_view_type,
	.dflt_sort = "name",
	.id_offset = offsetof(struct person_view, id),
	.cursor_offset = offsetof(struct person_view, cursor_key),
};

int store_people(struct db *db, const struct person_query *query, struct page *ret_page,
	struct arena *arena, struct err *err)
{
	struct person_filter filter = { .q = store_like(arena, query->q, true), .kind = query->kind };
	struct person_filter any = { .q = filter.q };
	struct store_list list = person_list;
	int r;

	list.filter = &filter;
	r = store_list_page(db, &list, &query->page, ret_page, arena, err);
	if (r >= 0)
		r = store_counts(db, CONSOLE_PERSON_COUNTS, &filter_type, &any, NULL, &counts_type,
			ret_page, arena, err);
	return r < 0 ? r : store_page_rest(db, ret_page, arena, err);
}

int store_person(struct db *db, const struct uuid *id, struct person_view *ret_person,
	struct arena *arena, struct err *err)
{
	struct person_filter filter = { .id = *id };
	int r = store_list_one(db, CONSOLE_PERSON_LIST, &filter_type, &filter, NULL,
		&person_view_type, ret_person, arena, err);

	return r == -ERR_NOT_FOUND
		? err_set(err, REASON_PERSON_NOT_FOUND, NULL, "there is no person with this id")
		: r;
}

/* A row of people. */
struct person_row {
	struct uuid id, created_by;
	const char *name, *email, *organisation;
	int kind;
};

#define ROW(member, ...) FIELD(struct person_row, member, __VA_ARGS__)
static const struct field row_fields[] = {
	ROW(id),
	ROW(created_by),
	ROW(name, .flags = F_PERSONAL),
	ROW(email, .flags = F_PERSONAL | F_NULLABLE),
	ROW(organisation, .flags = F_PERSONAL | F_NULLABLE),
	ROW(kind, .words = person_kind_words),
	{ 0 },
};
static const struct type row_type = TYPE(struct person_row, "PersonRow", row_fields);

static int insert(struct db *db, const struct actor *actor, const struct person_row *row,
	struct arena *arena, struct err *err)
{
	struct audit_record record = { .action = AUDIT_PERSON_CREATE, .outcome = OUTCOME_OK,
		.target = TARGET_PERSON, .target_id = row->id, .person = row->id };
	struct timestamp now = time_now();
	int r = db_exec(db, CONSOLE_PERSON_INSERT, DB_BOTH(&row_type, row, DB_ARG("now", now)), NULL,
		err);

	if (r == -ERR_CONFLICT && err && err->reason == REASON_EXISTS)
		return err_set(err, REASON_NAME_IN_USE, "email",
			"another person has this e-mail address");
	if (r < 0)
		return r;
	for (const struct field *f = &row_fields[2]; f->name; f++)
		if (!field_is_none(f, field_of(f, row)))
			audit_change(&record, f, NULL, field_of(f, row));
	return audit_write(db, actor, &record, NULL, NULL, arena, err);
}

int store_person_create(struct db *db, const struct actor *actor, const struct person_add *in,
	struct uuid *ret_id, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct person_row row = { .created_by = actor->operator, .name = in->name,
		.email = in->email, .organisation = in->organisation, .kind = in->kind };
	int r = db_begin(db, DB_WRITE, err);

	uuid_make_v7(time_now(), &row.id);
	if (r >= 0)
		r = insert(db, actor, &row, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	*ret_id = row.id;
	return r;
}
