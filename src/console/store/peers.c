/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/internal.h"
#include "console_sql.h"
#include "model/node_api.h"

/*
 * Peers: what should be, what was confirmed, and the way from one to the other. Each function is one
 * step with its entry; a step that somebody else has taken is not taken twice (generations in WHERE).
 */

#define ROW(member, ...) FIELD(struct peer_row, member, __VA_ARGS__)
static const struct field row_fields[] = {
	ROW(id),
	ROW(person_id),
	ROW(node_id),
	ROW(name),
	ROW(public_key),
	ROW(addresses),
	ROW(desired),
	ROW(observed),
	ROW(generation),
	ROW(observed_generation),
	ROW(end_reason, .words = peer_end_words),
	ROW(issued_at),
	ROW(expires_at, .flags = F_NULLABLE),
	ROW(unmanaged_since, .flags = F_NULLABLE),
	ROW(etag),
	{ 0 },
};
const struct type store_peer_row_type = TYPE(struct peer_row, "PeerRow", row_fields);

static const struct field *row_field(const char *name)
{
	return field_by_sql(row_fields, name);
}

static struct audit_record record_of(const struct peer_row *row, int action, int outcome)
{
	return (struct audit_record){ .action = action, .outcome = outcome, .target = TARGET_PEER,
		.target_id = row->id, .peer = row->id, .person = row->person_id,
		.node = row->node_id };
}

int store_interval_open(struct db *db, const struct peer_row *row, const char *addresses, int state,
	int64_t seq, struct timestamp at, struct err *err)
{
	return db_exec(db, CONSOLE_INTERVAL_OPEN,
		DB_ARGS(DB_ARG("peer_id", row->id), DB_ARG("person_id", row->person_id),
			DB_ARG("node_id", row->node_id), DB_ARG("public_key", row->public_key),
			DB_ARG("addresses", addresses), DB_ARG("state", state), DB_ARG("seq", seq),
			DB_ARG("at", at)),
		NULL, err);
}

int store_interval_close(struct db *db, const struct uuid *peer_id, int64_t seq, struct timestamp at,
	struct err *err)
{
	return db_exec(db, CONSOLE_INTERVAL_CLOSE,
		DB_ARGS(DB_ARG("peer_id", *peer_id), DB_ARG("seq", seq), DB_ARG("at", at)), NULL,
		err);
}

int store_peer_row(struct db *db, const struct uuid *id, struct peer_row *ret_row,
	struct arena *arena, struct err *err)
{
	int r = db_one(db, CONSOLE_PEER_ROW, DB_ARGS(DB_ARG("id", *id)), &store_peer_row_type,
		ret_row, arena, err);

	return r == -ERR_NOT_FOUND
		? err_set(err, REASON_PEER_NOT_FOUND, NULL, "there is no peer with this id")
		: r;
}

/*
 * Issuing
 */

static int check_issue(struct db *db, const struct peer_issue *in, struct arena *arena,
	struct err *err)
{
	struct person_view person;
	struct node_view node;
	struct audit_ref other;
	int r = store_person(db, &in->person_id, &person, arena, err);

	if (r >= 0)
		r = store_node(db, &in->node_id, &node, arena, err);
	if (r < 0)
		return r;
	if (node.state == NODE_REMOVING)
		return err_set(err, REASON_NODE_REFUSED, "nodeId",
			"the node '%s' is being removed; choose another one", node.name);
	r = db_one(db, CONSOLE_PEER_KEY_LIVE, DB_ARGS(DB_ARG("public_key", in->public_key)),
		&store_ref_type, &other, arena, err);
	if (r == -ERR_NOT_FOUND)
		return 0;
	return r < 0 ? r
		     : err_set(err, REASON_KEY_IN_USE, "publicKey",
			       "another peer has this public key; make a new key pair");
}

static int insert(struct db *db, const struct actor *actor, const struct peer_row *row,
	struct arena *arena, struct err *err)
{
	struct audit_record record = record_of(row, AUDIT_PEER_ISSUE, OUTCOME_REQUESTED);
	struct timestamp now = time_now();
	int r = db_exec(db, CONSOLE_PEER_INSERT,
		DB_BOTH(&store_peer_row_type, row, DB_ARG("now", now),
			DB_ARG("issued_by", actor->operator)),
		NULL, err);

	if (r == -ERR_CONFLICT && err && err->reason == REASON_EXISTS)
		return err_set(err, REASON_NAME_IN_USE, "name",
			"this person has a peer of this name on this node already");
	if (r < 0)
		return r;
	audit_change(&record, row_field("name"), NULL, &row->name);
	audit_change(&record, row_field("public_key"), NULL, &row->public_key);
	if (row->expires_at.us)
		audit_change(&record, row_field("expires_at"), NULL, &row->expires_at);
	return audit_write(db, actor, &record, NULL, NULL, arena, err);
}

int store_peer_issue(struct db *db, const struct actor *actor, const struct peer_issue *in,
	struct peer_row *ret_row, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct peer_row row = { .person_id = in->person_id, .node_id = in->node_id, .name = in->name,
		.public_key = in->public_key, .desired = PEER_PRESENT, .generation = 1,
		.expires_at = in->expires_at, .etag = 1 };
	int r = db_begin(db, DB_WRITE, err);

	uuid_make_v4(&row.id);
	if (r >= 0)
		r = check_issue(db, in, arena, err);
	if (r >= 0)
		r = insert(db, actor, &row, arena, err);
	if (r >= 0)
		r = db_commit(tx, err);
	*ret_row = row;
	return r;
}

/*
 * Ending and changing
 */

static const struct {
	int action, outcome;
} end_words[] = {
	[PEER_END_REVOKED] = { AUDIT_PEER_REVOKE, OUTCOME_REQUESTED },
	[PEER_END_EXPIRED] = { AUDIT_PEER_EXPIRE, OUTCOME_CONFIRMED },
	[PEER_END_FAILED] = { AUDIT_PEER_ISSUE, OUTCOME_FAILED },
};

int store_end_in(struct db *db, const struct actor *actor, const struct peer_row *row, int why,
	const char *reason, struct arena *arena, struct err *err)
{
	struct audit_record record = record_of(row, end_words[why].action, end_words[why].outcome);
	struct timestamp now = time_now();
	int64_t changes = 0;
	int r = db_exec(db, CONSOLE_PEER_END,
		DB_ARGS(DB_ARG("id", row->id), DB_ARG("now", now), DB_ARG("end_reason", why)),
		&changes, err);

	if (r < 0 || changes == 0)
		return r;
	record.reason = reason;
	r = audit_write(db, actor, &record, NULL, NULL, arena, err);
	return r < 0 ? r : 1;
}

int store_peer_end(struct db *db, const struct actor *actor, const struct uuid *id, int why,
	const char *reason, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct peer_row row;
	int ended = 0, r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = store_peer_row(db, id, &row, arena, err);
	if (r >= 0 && row.unmanaged_since.us)
		return err_set(err, REASON_NODE_NOT_FOUND, NULL,
			"the peer's node has left this Console; end it on the node itself");
	if (r >= 0)
		r = ended = store_end_in(db, actor, &row, why, reason, arena, err);
	if (r > 0)
		r = db_commit(tx, err);
	return r < 0 ? r : ended;
}

static int set_expiry_in(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t etag, struct timestamp expires_at, struct arena *arena, struct err *err)
{
	struct audit_record record;
	struct peer_row row;
	int64_t changes = 0;
	int r = store_peer_row(db, id, &row, arena, err);

	if (r < 0)
		return r;
	if (row.desired == PEER_ABSENT || row.unmanaged_since.us)
		return err_set(err, REASON_PEER_ENDED, NULL,
			"the peer has ended; issue a new one instead");
	r = db_exec(db, CONSOLE_PEER_SET_EXPIRY,
		DB_ARGS(DB_ARG("id", *id), DB_ARG("etag", etag), DB_ARG("expires_at", expires_at)),
		&changes, err);
	if (r >= 0 && changes == 0)
		return err_set(err, REASON_CHANGED, "If-Match",
			"the peer has changed meanwhile; read it again");
	record = record_of(&row, AUDIT_PEER_CHANGE, OUTCOME_REQUESTED);
	audit_change(&record, row_field("expires_at"), &row.expires_at, &expires_at);
	return r < 0 ? r : audit_write(db, actor, &record, NULL, NULL, arena, err);
}

int store_peer_set_expiry(struct db *db, const struct actor *actor, const struct uuid *id,
	int64_t etag, struct timestamp expires_at, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = set_expiry_in(db, actor, id, etag, expires_at, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}

/*
 * What the node confirmed
 */

/* `addresses` as JSON, and one of each family for searching. */
struct address_texts {
	const char *json, *v4, *v6;
};

static int address_texts(const struct list *addresses, struct address_texts *ret, struct arena *arena,
	struct err *err)
{
	scoped(sbuf_done) struct sbuf json = SBUF_INIT(512);
	const struct cidr *at = addresses->at;

	*ret = (struct address_texts){ 0 };
	for (size_t i = 0; i < addresses->n; i++) {
		char text[CIDR_TEXT_SIZE];
		const char **v = at[i].family == IP_V6 ? &ret->v6 : &ret->v4;

		sbuf_printf(&json, "%s\"%s\"", i ? "," : "[", cidr_format(text, &at[i]));
		*v = arena_strdup(arena, cidr_format_address(text, &at[i]));
		if (!*v)
			return arena_full(arena, err);
	}
	sbuf_puts(&json, addresses->n ? "]" : "[]");
	ret->json = arena_strdup(arena, json.data);
	return ret->json ? 0 : arena_full(arena, err);
}

static int set_addresses(struct db *db, const struct peer_row *row, const struct list *addresses,
	const char **ret_json, struct arena *arena, struct err *err)
{
	struct address_texts texts;
	int r = address_texts(addresses, &texts, arena, err);

	if (r < 0)
		return r;
	*ret_json = texts.json;
	return db_exec(db, CONSOLE_PEER_SET_ADDRESSES,
		DB_ARGS(DB_ARG("id", row->id), DB_ARG("addresses", texts.json),
			DB_ARG("address4", texts.v4), DB_ARG("address6", texts.v6)),
		NULL, err);
}

static struct audit_record confirmation(const struct peer_row *row)
{
	bool first = row->observed_generation == 0;

	if (row->desired == PEER_ABSENT && row->end_reason == PEER_END_FAILED)
		return record_of(row, AUDIT_PEER_ISSUE, OUTCOME_ABANDONED);
	if (row->desired == PEER_ABSENT)
		return record_of(row, AUDIT_PEER_REVOKE, OUTCOME_CONFIRMED);
	return record_of(row, first ? AUDIT_PEER_ISSUE : AUDIT_PEER_CHANGE, OUTCOME_CONFIRMED);
}

static int confirm_in(struct db *db, const struct actor *actor, const struct peer_row *row,
	const struct list *addresses, struct arena *arena, struct err *err)
{
	struct audit_record record = confirmation(row);
	bool opens = row->desired != PEER_ABSENT && row->observed_generation == 0;
	const char *json = row->addresses;
	struct timestamp now = time_now();
	int64_t changes = 0, seq;
	int r = db_exec(db, CONSOLE_PEER_CONFIRM,
		DB_ARGS(DB_ARG("id", row->id), DB_ARG("now", now),
			DB_ARG("generation", row->generation)),
		&changes, err);

	if (r < 0 || changes == 0)
		return r;
	if (addresses)
		r = set_addresses(db, row, addresses, &json, arena, err);
	if (r >= 0)
		r = audit_write(db, actor, &record, &seq, &now, arena, err);
	if (r >= 0 && opens)
		r = store_interval_open(db, row, json, ACCESS_ACTIVE, seq, now, err);
	if (r >= 0 && row->desired == PEER_ABSENT)
		r = store_interval_close(db, &row->id, seq, now, err);
	return r < 0 ? r : 1;
}

int store_peer_confirm(struct db *db, const struct actor *actor, const struct peer_row *row,
	const struct list *addresses, struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int written = 0, r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = written = confirm_in(db, actor, row, addresses, arena, err);
	if (r > 0)
		r = db_commit(tx, err);
	return r < 0 ? r : written;
}

int store_peer_ended(struct db *db, const struct actor *actor, const struct peer_row *row, int why,
	const char *reason, int64_t generation, struct timestamp ended_at, struct arena *arena,
	struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = record_of(row, end_words[why].action,
		why == PEER_END_FAILED ? OUTCOME_FAILED : OUTCOME_CONFIRMED);
	int64_t own = generation > row->generation ? generation : row->generation + 1;
	struct timestamp now = time_now();
	int64_t changes = 0, seq;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_PEER_ENDED_BY_NODE,
			DB_ARGS(DB_ARG("id", row->id), DB_ARG("generation", own),
				DB_ARG("end_reason", why), DB_ARG("ended_at", ended_at),
				DB_ARG("now", now)),
			&changes, err);
	if (r < 0 || changes == 0)
		return r;
	record.reason = reason;
	r = audit_write(db, actor, &record, &seq, &now, arena, err);
	if (r >= 0)
		r = store_interval_close(db, &row->id, seq, now, err);
	return r < 0 ? r : db_commit(tx, err);
}

int store_peer_reappeared(struct db *db, const struct peer_row *row, int64_t node_generation,
	struct arena *arena, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	struct audit_record record = record_of(row, AUDIT_PEER_REVOKE, OUTCOME_REQUESTED);
	int64_t highest = node_generation > row->generation ? node_generation : row->generation;
	int64_t own = highest + 1, changes = 0;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_PEER_REAPPEARED,
			DB_ARGS(DB_ARG("id", row->id), DB_ARG("generation", own)), &changes, err);
	if (r < 0 || changes == 0)
		return r;
	record.reason = err_slug(REASON_EXISTS);
	r = audit_write(db, &actor_system, &record, NULL, NULL, arena, err);
	return r < 0 ? r : db_commit(tx, err);
}
