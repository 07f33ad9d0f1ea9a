/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/handlers.h"
#include "console/fleet/settle.h"

int api_people_list(struct http_request *req, struct err *err)
{
	return store_people(console_db(), req->query, req->out, req->arena, err);
}

int api_people_create(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = store_person_create(console_db(), &caller_of(req)->actor, req->in, &id, req->arena, err);

	if (r < 0)
		return r;
	fleet_tell(console_of(req)->fleet, console_db(), "person", &id);
	return store_person(console_db(), &id, req->out, req->arena, err);
}

int api_people_get(struct http_request *req, struct err *err)
{
	struct uuid id;
	int r = path_id(req, 0, REASON_PERSON_NOT_FOUND, &id, err);

	return r < 0 ? r : store_person(console_db(), &id, req->out, req->arena, err);
}

/* First everything is written down, then nodes are asked: whatever happens to us in between, each of the
 * peers will end. */
int api_people_revoke(struct http_request *req, struct err *err)
{
	const struct actor *actor = &caller_of(req)->actor;
	struct revoke_all *out = req->out;
	struct peer_view_row *results;
	struct list rows;
	struct uuid id;
	int r = path_id(req, 0, REASON_PERSON_NOT_FOUND, &id, err);

	if (r >= 0)
		r = store_person(console_db(), &id, &out->person, req->arena, err);
	if (r >= 0)
		r = store_peers_of_person(console_db(), &id, &rows, req->arena, err);
	if (r < 0)
		return r;
	results = arena_alloc(req->arena, (rows.n + 1) * sizeof *results);
	if (!results)
		return arena_full(req->arena, err);
	for (size_t i = 0; r >= 0 && i < rows.n; i++)
		r = store_peer_end(console_db(), actor, &((const struct peer_row *)rows.at)[i].id,
			PEER_END_REVOKED, NULL, req->arena, err);
	for (size_t i = 0; r >= 0 && i < rows.n; i++) {
		const struct uuid *peer = &((const struct peer_row *)rows.at)[i].id;

		settle_now(console_of(req), console_db(), peer, req->arena);
		r = store_peer(console_db(), peer, &results[i], req->arena, err);
	}
	out->results = (struct list){ results, rows.n };
	return r < 0 ? r : store_person(console_db(), &id, &out->person, req->arena, err);
}
