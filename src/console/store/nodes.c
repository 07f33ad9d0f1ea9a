/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "console/store/internal.h"
#include "console_sql.h"

/* Nodes as they were entered: adding, changing, removing, and what is needed to call one. */

static const char *seal_place(char buf[64], const struct uuid *id)
{
	char text[UUID_TEXT_SIZE];

	snprintf(buf, 64, "nodes/%s/api_key", uuid_format(text, id));
	return buf;
}

/* A row of nodes, as far as somebody enters it. */
struct node_row {
	struct uuid id, added_by;
	const char *name, *address, *fingerprint, *endpoint;
	int transport;
	struct secret api_key; /* sealed */
};

#define ROW(member, ...) FIELD(struct node_row, member, __VA_ARGS__)
static const struct field row_fields[] = {
	ROW(id),
	ROW(added_by),
	ROW(name),
	ROW(address),
	ROW(transport, .words = node_transport_words),
	ROW(fingerprint, .flags = F_NULLABLE),
	ROW(endpoint, .flags = F_NULLABLE),
	ROW(api_key, .flags = F_SECRET),
	{ 0 },
};
static const struct type row_type = TYPE(struct node_row, "NodeRow", row_fields);

static const struct field *row_field(const char *name)
{
	return field_by_sql(row_fields, name);
}

static int name_taken(struct err *err)
{
	if (err && err->reason == REASON_EXISTS && !strcmp(err->field, "address"))
		return err_set(err, REASON_NODE_EXISTS, "address", "this node is already here");
	return err_set(err, REASON_NAME_IN_USE, "name", "another node has this name");
}

static int insert(struct db *db, const struct actor *actor, const struct node_row *row,
	struct arena *arena, struct err *err)
{
	struct audit_record record = { .action = AUDIT_NODE_ADD, .outcome = OUTCOME_OK,
		.target = TARGET_NODE, .target_id = row->id, .node = row->id };
	struct timestamp now = time_now();
	int r = db_exec(db, CONSOLE_NODE_INSERT, DB_BOTH(&row_type, row, DB_ARG("now", now)), NULL,
		err);

	if (r == -ERR_CONFLICT)
		return name_taken(err);
	if (r < 0)
		return r;
	for (const struct field *f = row_field("name"); f->name; f++)
		if (!field_is_none(f, field_of(f, row)))
			audit_change(&record, f, NULL, field_of(f, row));
	return audit_write(db, actor, &record, NULL, NULL, arena, err);
}

int store_node_add(struct db *db, const struct actor *actor, const struct seal_key *key,
	const struct node_new *in, struct uuid *ret_id, struct arena *arena, struct err *err)
{
	scoped(sbuf_done) struct sbuf sealed = SBUF_INIT(2048);
	scoped(db_rollbackp) struct db *tx = db;
	struct node_row row = { .added_by = actor->operator, .name = in->name,
		.address = in->address, .transport = in->transport,
		.fingerprint = in->fingerprint, .endpoint = in->endpoint };
	struct audit_ref same;
	char place[64];
	int r;

	uuid_make_v7(time_now(), &row.id);
	r = seal(key, seal_place(place, &row.id), (struct span){ in->api_key.at, in->api_key.len },
		&sealed, err);
	row.api_key = (struct secret){ sealed.data, sealed.len };
	if (r >= 0)
		r = db_begin(db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = store_node_same(db, in, &same, arena, err);
	if (r >= 0)
		return err_set(err, REASON_NODE_EXISTS, "address", "this node is already here as '%s'",
			same.name);
	if (r != -ERR_NOT_FOUND)
		return r;
	r = insert(db, actor, &row, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	*ret_id = row.id;
	return r;
}

static const struct field ref_fields[] = {
	FIELD(struct audit_ref, id),
	FIELD(struct audit_ref, name),
	{ 0 },
};
const struct type store_ref_type = TYPE(struct audit_ref, "Ref", ref_fields);

int store_node_same(struct db *db, const struct node_new *in, struct audit_ref *ret_node,
	struct arena *arena, struct err *err)
{
	return db_one(db, CONSOLE_NODE_SAME,
		DB_ARGS(DB_ARG("address", in->address), DB_ARG("node_uid", in->node_uid),
			DB_ARG("public_key", in->public_key)),
		&store_ref_type, ret_node, arena, err);
}

static void note_changes(struct audit_record *record, const struct node_view *was,
	const struct node_row *row)
{
	if (strcmp(was->name, row->name) != 0)
		audit_change(record, row_field("name"), &was->name, &row->name);
	if (!was->endpoint != !row->endpoint ||
		(was->endpoint && strcmp(was->endpoint, row->endpoint) != 0))
		audit_change(record, row_field("endpoint"), &was->endpoint, &row->endpoint);
}

static int change_in(struct db *db, const struct actor *actor, const struct uuid *id, int64_t etag,
	const struct node_change *in, struct arena *arena, struct err *err)
{
	struct audit_record record = { .action = AUDIT_NODE_CHANGE, .outcome = OUTCOME_OK,
		.target = TARGET_NODE, .target_id = *id, .node = *id };
	struct node_row row = { .id = *id };
	struct node_view was;
	int64_t changes;
	int r = store_node(db, id, &was, arena, err);

	if (r < 0)
		return r;
	row.name = has_given(&in->has, NODE_CHANGE_NAME) ? in->name : was.name;
	row.endpoint = ((in->has.given | in->has.null) & NODE_CHANGE_ENDPOINT) ? in->endpoint
									       : was.endpoint;
	r = db_exec(db, CONSOLE_NODE_CHANGE, DB_BOTH(&row_type, &row, DB_ARG("etag", etag)), &changes,
		err);
	if (r == -ERR_CONFLICT)
		return name_taken(err);
	if (r >= 0 && changes == 0)
		return err_set(err, REASON_CHANGED, "If-Match",
			"the node has changed meanwhile; read it again");
	note_changes(&record, &was, &row);
	return r < 0 ? r : audit_write(db, actor, &record, NULL, NULL, arena, err);
}

int store_node_change(struct db *db, const struct actor *actor, const struct uuid *id, int64_t etag,
	const struct node_change *in, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = change_in(db, actor, id, etag, in, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

/*
 * Removing
 */

static int not_found(struct err *err)
{
	return err_set(err, REASON_NODE_NOT_FOUND, NULL, "there is no node with this id");
}

static int end_all(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t *ret_n, struct arena *arena, struct err *err)
{
	struct list rows;
	int r = db_all(db, CONSOLE_PEER_LIVE_OF_NODE, DB_ARGS(DB_ARG("node_id", *id)),
		&store_peer_row_type, &rows, arena, err);

	*ret_n = 0;
	for (size_t i = 0; r >= 0 && i < rows.n; i++) {
		r = store_end_in(db, actor, (const struct peer_row *)rows.at + i,
			PEER_END_REVOKED, NULL, arena, err);
		*ret_n += r > 0;
	}
	return r;
}

int store_node_remove(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t *ret_revoking, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = { .action = AUDIT_NODE_REMOVE, .outcome = OUTCOME_REQUESTED,
		.target = TARGET_NODE, .target_id = *id, .node = *id };
	struct node_view node;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = store_node(db, id, &node, arena, err);
	if (r >= 0)
		r = db_exec(db, CONSOLE_NODE_REMOVING, DB_ARGS(DB_ARG("id", *id)), NULL, err);
	if (r >= 0)
		r = end_all(db, actor, id, ret_revoking, arena, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

static int leave_all(struct db *db, const struct uuid *id, int64_t seq, struct timestamp at,
	int64_t *ret_n, struct arena *arena, struct err *err)
{
	struct list rows;
	int r = db_all(db, CONSOLE_PEER_ALL_OF_NODE, DB_ARGS(DB_ARG("node_id", *id)),
		&store_peer_row_type, &rows, arena, err);

	*ret_n = 0;
	for (size_t i = 0; r >= 0 && i < rows.n; i++) {
		const struct peer_row *row = (const struct peer_row *)rows.at + i;

		r = db_exec(db, CONSOLE_PEER_LEAVE, DB_ARGS(DB_ARG("id", row->id), DB_ARG("now", at)),
			NULL, err);
		if (r >= 0)
			r = store_interval_close(db, &row->id, seq, at, err);
		if (r >= 0)
			r = store_interval_open(db, row, row->addresses, ACCESS_UNMANAGED, seq, at, err);
		++*ret_n;
	}
	return r;
}

int store_node_leave(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t *ret_unmanaged, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = { .action = AUDIT_NODE_REMOVE, .outcome = OUTCOME_OK,
		.target = TARGET_NODE, .target_id = *id, .node = *id };
	struct timestamp now = time_now();
	int64_t seq, changes = 0;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_NODE_REMOVED, DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)),
			&changes, err);
	if (r >= 0 && changes == 0)
		r = not_found(err);
	if (r >= 0)
		r = audit_write(db, actor, &record, &seq, &now, arena, err);
	if (r >= 0)
		r = leave_all(db, id, seq, now, ret_unmanaged, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

int store_node_settle(struct db *db, const struct uuid *id, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = { .action = AUDIT_NODE_REMOVE, .outcome = OUTCOME_CONFIRMED,
		.target = TARGET_NODE, .target_id = *id, .node = *id };
	struct timestamp now = time_now();
	struct count_row unsettled;
	int64_t changes = 0;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_one(db, CONSOLE_PEER_UNSETTLED_OF_NODE, DB_ARGS(DB_ARG("node_id", *id)),
			&store_count_type, &unsettled, NULL, err);
	if (r < 0 || unsettled.n > 0)
		return r < 0 ? r : 0;
	r = db_exec(db, CONSOLE_NODE_REMOVED, DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)),
		&changes, err);
	if (r < 0 || changes == 0)
		return r;
	r = audit_write(db, &actor_system, &record, NULL, NULL, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	return r < 0 ? r : 1;
}

/*
 * Calling one
 */

#define TARGET(member, ...) FIELD(struct node_target, member, __VA_ARGS__)
static const struct field target_fields[] = {
	TARGET(id),
	TARGET(name),
	TARGET(address),
	TARGET(transport),
	TARGET(fingerprint),
	TARGET(api_key),
	TARGET(endpoint),
	TARGET(state),
	TARGET(kind),
	TARGET(epoch),
	TARGET(revision),
	TARGET(read_revision),
	TARGET(public_key),
	TARGET(listen_port),
	TARGET(node_endpoint),
	TARGET(removing),
	TARGET(lease_epoch),
	{ 0 },
};
static const struct type target_type = TYPE(struct node_target, "NodeTarget", target_fields);

static int open_key(const struct seal_key *key, struct node_target *target, struct arena *arena,
	struct err *err)
{
	const struct secret sealed = target->api_key;
	char place[64];

	return seal_open(key, seal_place(place, &target->id), (struct span){ sealed.at, sealed.len },
		&target->api_key, arena, err);
}

int store_node_target(struct db *db, const struct seal_key *key, const struct uuid *id,
	struct node_target *ret_target, struct arena *arena, struct err *err)
{
	int r = db_one(db, CONSOLE_NODE_TARGET, DB_ARGS(DB_ARG("id", *id)), &target_type, ret_target,
		arena, err);

	if (r == -ERR_NOT_FOUND)
		return not_found(err);
	return r < 0 ? r : open_key(key, ret_target, arena, err);
}

int store_node_targets(struct db *db, const struct seal_key *key, struct list *ret_targets,
	struct arena *arena, struct err *err)
{
	int r = db_all(db, CONSOLE_NODE_TARGETS, DB_NONE, &target_type, ret_targets, arena, err);

	for (size_t i = 0; r >= 0 && i < ret_targets->n; i++)
		r = open_key(key, (struct node_target *)ret_targets->at + i, arena, err);
	return r;
}
