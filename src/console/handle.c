/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/handle.h"

#include "console/auth/caller.h"
#include "console/once.h"

/*
 * Before there is a request
 */

static const char *fault_of(const struct route *row)
{
	bool known = row->perm == HTTP_PERM_ANYONE || permission_word(row->perm);

	if (!row->handle || !row->path || row->path[0] != '/')
		return "no handler or path";
	if (!known)
		return "no permission";
	if (row->scope == SCOPE_FORGOTTEN || row->scope > SCOPE_FLEET)
		return "no scope rule";
	if (row->scope >= SCOPE_NODE && row->scope <= SCOPE_PEER && !strchr(row->path, '{'))
		return "a scope rule for {id}, and no {id}";
	if (row->perm == HTTP_PERM_ANYONE &&
		(row->scope != SCOPE_SELF || (row->flags & (ROUTE_REAUTH | ROUTE_SESSION))))
		return "a rule for callers, and none is needed";
	if (!row->summary || !row->summary[0])
		return "no summary";
	return NULL;
}

int routes_check(const struct route *routes, size_t n_routes, struct err *err)
{
	for (size_t i = 0; i < n_routes; i++) {
		const char *fault = fault_of(&routes[i]);

		if (fault)
			return err_set(err, REASON_INTERNAL, NULL, "route %zu (%s): %s", i,
				routes[i].path ?: "?", fault);
	}
	return store_check_queries(err);
}

/*
 * With each request
 */

static int check_scope(struct http_request *req, struct err *err)
{
	static const enum scoped_kind kinds[] = {
		[SCOPE_NODE] = SCOPED_NODE,
		[SCOPE_PERSON] = SCOPED_PERSON,
		[SCOPE_PEER] = SCOPED_PEER,
	};
	static const enum err_reason reasons[] = {
		[SCOPE_NODE] = REASON_NODE_NOT_FOUND,
		[SCOPE_PERSON] = REASON_PERSON_NOT_FOUND,
		[SCOPE_PEER] = REASON_PEER_NOT_FOUND,
	};
	unsigned rule = req->route->scope;
	struct uuid id;
	int r;

	if (rule < SCOPE_NODE || rule > SCOPE_PEER)
		return 0; /* SCOPE_FLEET: caller_allow() */
	r = path_id(req, 0, reasons[rule], &id, err);
	return r < 0 ? r : store_in_scope(console_db(), kinds[rule], &id, req->arena, err);
}

/* The handle works for nobody again. */
static void let_go(struct db **db)
{
	db_work_for(*db, NULL);
}

int request_handle(struct http_request *req, struct err *err)
{
	scoped(let_go) struct db *db = console_db();
	const struct caller *caller = caller_of(req);
	int r;

	if (!caller)
		return req->route->handle(req, err);
	db_work_for(db, &caller->scope);
	caller_touch(req);
	r = check_scope(req, err);
	if (r < 0)
		return r;
	return once_wanted(req) ? once_run(req, err) : req->route->handle(req, err);
}
