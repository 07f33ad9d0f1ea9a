/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>

#include "base/rng.h"
#include "console/audit/standing.h"
#include "console/audit/write.h"
#include "console/store/once.h"
#include "console_sql.h"
#include "json/write.h"

enum { LEAF_MAX = 16384, PERSONAL_MAX = 2 * AUDIT_CHANGES_MAX + 3 };

const struct actor actor_system = { .kind = ACTOR_SYSTEM, .auth = AUTH_SYSTEM };

/* An entry being made. */
struct draft {
	struct arena *arena;
	struct audit_leaf leaf;
	struct audit_change changes[AUDIT_CHANGES_MAX];
	struct audit_commitment commitments[PERSONAL_MAX];
	struct audit_personal personal[PERSONAL_MAX];
	size_t n_personal;
};

/* A row of audit_entries. */
struct entry_row {
	int64_t seq;
	struct timestamp at;
	int actor, action, outcome;
	struct uuid operator, token, node, person, peer, target_id;
	const char *leaf, *personal;
	struct blob leaf_hash;
};

#define ROW(member, ...) FIELD(struct entry_row, member, __VA_ARGS__)
static const struct field row_fields[] = {
	ROW(seq),
	ROW(at),
	ROW(actor),
	ROW(action),
	ROW(outcome),
	ROW(operator, .flags = F_NULLABLE),
	ROW(token, .flags = F_NULLABLE),
	ROW(node, .flags = F_NULLABLE),
	ROW(person, .flags = F_NULLABLE),
	ROW(peer, .flags = F_NULLABLE),
	ROW(target_id, .flags = F_NULLABLE),
	ROW(leaf),
	ROW(personal),
	ROW(leaf_hash),
	{ 0 },
};
static const struct type row_type = TYPE(struct entry_row, "AuditRow", row_fields);

struct seq_row {
	int64_t seq;
};

static const struct field seq_fields[] = { FIELD(struct seq_row, seq), { 0 } };
static const struct type seq_type = TYPE(struct seq_row, "AuditSeq", seq_fields);

void audit_change(struct audit_record *record, const struct field *field, const void *before,
	const void *after)
{
	unsigned n = record->n_changes;

	if (field->flags & F_SECRET)
		return;
	assert(n < AUDIT_CHANGES_MAX);
	record->changes[n].field = field;
	record->changes[n].before = before;
	record->changes[n].after = after;
	record->n_changes++;
}

struct digest audit_leaf_hash(struct span leaf)
{
	const struct span pieces[] = { { "", 1 }, leaf };

	return digest_of_many(pieces, N_ELEMENTS(pieces));
}

/* Commits to `value` under `name` (both live as long as the draft's arena). */
static int commit_to(struct draft *draft, const char *name, const char *value, struct err *err)
{
	size_t n = draft->n_personal;
	uint8_t *salt = arena_alloc(draft->arena, AUDIT_SALT_SIZE);
	struct digest *digest = arena_alloc(draft->arena, sizeof *digest);

	assert(n < PERSONAL_MAX);
	if (!salt || !digest || !name)
		return arena_full(draft->arena, err);
	rng_bytes(salt, AUDIT_SALT_SIZE);
	*digest = digest_of_many(
		(const struct span[]){ { (const char *)salt, AUDIT_SALT_SIZE },
			{ name, strlen(name) + 1 }, span_of(value) },
		3);
	draft->personal[n] = (struct audit_personal){ name, value, { salt, AUDIT_SALT_SIZE } };
	draft->commitments[n] =
		(struct audit_commitment){ name, { digest->bytes, DIGEST_SIZE } };
	draft->n_personal++;
	return 0;
}

/* A value as it stands in an entry, or NULL for none. */
static int value_text(struct draft *draft, const struct field *field, const void *at,
	const char **ret_text, struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(1024);

	*ret_text = NULL;
	if (!at || field_is_none(field, at))
		return 0;
	field_to_text(&text, field, at);
	if (sbuf_finish(&text, err) < 0)
		return -ERR_INTERNAL;
	*ret_text = arena_strdup(draft->arena, text.data);
	return *ret_text ? 0 : arena_full(draft->arena, err);
}

static int put_side(struct draft *draft, const struct field *field, const char *name,
	const char *side, const void *at, const char **ret_text, struct err *err)
{
	const char *text;
	int r = value_text(draft, field, at, &text, err);

	if (r < 0 || !text)
		return r;
	if (field->flags & F_PERSONAL)
		return commit_to(draft, arena_printf(draft->arena, "changes.%s.%s", name, side),
			text, err);
	*ret_text = text;
	return 0;
}

static int put_changes(struct draft *draft, const struct audit_record *record, struct err *err)
{
	for (unsigned i = 0; i < record->n_changes; i++) {
		const struct field *field = record->changes[i].field;
		char buf[FIELD_NAME_SIZE];
		const char *name = arena_strdup(draft->arena, field_json_name(field, buf));
		int r;

		if (!name)
			return arena_full(draft->arena, err);
		draft->changes[i].field = name;
		r = put_side(draft, field, name, "before", record->changes[i].before,
			&draft->changes[i].before, err);
		if (r >= 0)
			r = put_side(draft, field, name, "after", record->changes[i].after,
				&draft->changes[i].after, err);
		if (r < 0)
			return r;
	}
	draft->leaf.changes = (struct list){ draft->changes, record->n_changes };
	return 0;
}

static int put_actor(struct draft *draft, const struct actor *actor,
	const struct audit_record *record, struct err *err)
{
	char source[CIDR_TEXT_SIZE];
	int r = 0;

	if (actor->username)
		r = commit_to(draft, "actor.name", actor->username, err);
	if (r >= 0 && actor->source.family)
		r = commit_to(draft, "source",
			arena_strdup(draft->arena, cidr_format_address(source, &actor->source)), err);
	if (r >= 0 && record->tried_name)
		r = commit_to(draft, "username", record->tried_name, err);
	return r;
}

static int fill_leaf(struct draft *draft, const struct actor *actor,
	const struct audit_record *record, struct err *err)
{
	int r;

	draft->leaf = (struct audit_leaf){ .format = AUDIT_FORMAT, .at = time_now(),
		.actor = actor->kind, .operator = actor->operator, .auth = actor->auth,
		.token = actor->token, .request_id = actor->request_id, .action = record->action,
		.outcome = record->outcome, .target = record->target,
		.target_id = record->target_id, .node = record->node, .person = record->person,
		.peer = record->peer, .reason = record->reason,
		.count = record->count ? record->count : 1 };
	r = put_actor(draft, actor, record, err);
	if (r >= 0)
		r = put_changes(draft, record, err);
	draft->leaf.commitments = (struct list){ draft->commitments, draft->n_personal };
	return r;
}

static int insert(struct db *db, struct draft *draft, struct err *err)
{
	scoped(sbuf_done) struct sbuf leaf = SBUF_INIT(LEAF_MAX), personal = SBUF_INIT(LEAF_MAX);
	const struct audit_leaf *l = &draft->leaf;
	struct digest hash;
	int r;

	json_object(&leaf, &audit_leaf_type, l);
	json_object(&personal, &audit_personals_type,
		&(struct audit_personals){ { draft->personal, draft->n_personal } });
	r = sbuf_finish(&leaf, err);
	if (r >= 0)
		r = sbuf_finish(&personal, err);
	if (r < 0)
		return r;
	hash = audit_leaf_hash((struct span){ leaf.data, leaf.len });
	return db_exec(db, CONSOLE_AUDIT_INSERT,
		DB_OBJECT(&row_type,
			(&(struct entry_row){ .seq = l->seq, .at = l->at, .actor = l->actor,
				.action = l->action, .outcome = l->outcome,
				.operator = l->operator, .token = l->token, .node = l->node,
				.person = l->person, .peer = l->peer, .target_id = l->target_id,
				.leaf = leaf.data, .personal = personal.data,
				.leaf_hash = { hash.bytes, DIGEST_SIZE } })),
		NULL, err);
}

int audit_write(struct db *db, const struct actor *actor, const struct audit_record *record,
	int64_t *ret_seq, struct timestamp *ret_at, struct arena *arena, struct err *err)
{
	struct draft *draft = arena_alloc(arena, sizeof *draft);
	struct seq_row next;
	int r;

	if (!draft)
		return arena_full(arena, err);
	draft->arena = arena;
	r = actor_stands(db, actor, err);
	if (r >= 0)
		r = fill_leaf(draft, actor, record, err);
	if (r >= 0)
		r = db_one(db, CONSOLE_AUDIT_NEXT, DB_NONE, &seq_type, &next, NULL, err);
	if (r < 0)
		return r;
	draft->leaf.seq = next.seq;
	r = insert(db, draft, err);
	if (r >= 0 && actor->once)
		r = store_once_note(db, actor->once, next.seq, &record->target_id, err);
	if (ret_seq)
		*ret_seq = next.seq;
	if (ret_at)
		*ret_at = draft->leaf.at;
	return r;
}
