/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/audit/standing.h"

#include "console_sql.h"

struct id_row {
	struct uuid id;
};

static const struct field id_fields[] = { FIELD(struct id_row, id), { 0 } };
static const struct type id_type = TYPE(struct id_row, "Id", id_fields);

int actor_stands(struct db *db, const struct actor *actor, struct err *err)
{
	struct id_row row;
	int r;

	if (actor->kind != ACTOR_OPERATOR || actor->standing == STANDING_ASKED)
		return 0;
	r = db_one(db, CONSOLE_OPERATOR_STANDS,
		DB_ARGS(DB_ARG("operator", actor->operator), DB_ARG("standing", actor->standing)),
		&id_type, &row, NULL, err);
	if (r >= 0 && !uuid_is_zero(&actor->token))
		r = db_one(db, CONSOLE_TOKEN_STANDS, DB_ARGS(DB_ARG("token", actor->token)), &id_type,
			&row, NULL, err);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, REASON_UNAUTHORIZED, NULL,
			"your rights have changed meanwhile, and nothing was done; sign in again");
	return r;
}
