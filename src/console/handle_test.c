/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "console/handle.h"

/* main.c has these; nothing here asks for a request. */
struct db *console_db(void)
{
	return NULL;
}

int path_id(const struct http_request *req, unsigned n, enum err_reason reason, struct uuid *ret_id,
	struct err *err)
{
	(void)req, (void)n, (void)ret_id;
	return err_set(err, reason, NULL, "no request");
}

int if_match(const struct http_request *req, int64_t *ret_etag, struct err *err)
{
	(void)req, (void)ret_etag;
	return err_set(err, REASON_MISSING_FIELD, NULL, "no request");
}

void console_set_db(struct db *db)
{
	(void)db;
}

static int nothing(struct http_request *req, struct err *err)
{
	(void)req, (void)err;
	return 0;
}

static const struct route good = { HTTP_GET, "/things/{id}", PERM_READ, .handle = nothing,
	.scope = SCOPE_ROWS, .summary = "A thing" };

TEST(the_consoles_own_rows_are_complete)
{
	struct err err = { 0 };

	assert_ok(routes_check(console_routes, console_n_routes, &err), &err);
	assert_ok(routes_check(&good, 1, &err), &err);
}

TEST(a_row_that_forgets_something_stops_the_start)
{
	struct route rows[10];
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		rows[i] = good;
	rows[0].perm = HTTP_PERM_NOBODY;
	rows[1].perm = PERM_END;
	rows[2].scope = SCOPE_FORGOTTEN;
	rows[3].scope = SCOPE_FLEET + 1;
	rows[4].summary = NULL;
	rows[5].handle = NULL;
	rows[6].path = "/things";
	rows[6].scope = SCOPE_PEER;
	rows[7].perm = HTTP_PERM_ANYONE; /* and still SCOPE_ROWS: whose rows? */
	rows[8].perm = HTTP_PERM_ANYONE;
	rows[8].scope = SCOPE_SELF;
	rows[8].flags = ROUTE_REAUTH;
	rows[9].path = "things";
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		assert_fails(routes_check(&rows[i], 1, &err), &err, REASON_INTERNAL);
}

TEST(every_list_has_a_scope)
{
	struct err err = { 0 };

	assert_ok(store_check_queries(&err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_consoles_own_rows_are_complete),
		cmocka_unit_test(a_row_that_forgets_something_stops_the_start),
		cmocka_unit_test(every_list_has_a_scope),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
