/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/audit_entry.h"

#include "model/page.h"

/* clang-format off */
const struct word audit_actor_words[] = {
	{ ACTOR_OPERATOR, "operator" }, { ACTOR_SYSTEM, "system" }, { ACTOR_ANONYMOUS, "anonymous" }, { 0 },
};
const struct word audit_auth_words[] = {
	{ AUTH_SESSION, "session" }, { AUTH_NONE, "none" }, { AUTH_SYSTEM, "system" },
	{ AUTH_TOKEN, "token" }, { 0 },
};
const struct word audit_outcome_words[] = {
	{ OUTCOME_OK, "ok" }, { OUTCOME_FAILED, "failed" }, { OUTCOME_REQUESTED, "requested" },
	{ OUTCOME_CONFIRMED, "confirmed" }, { OUTCOME_ABANDONED, "abandoned" }, { 0 },
};
const struct word audit_target_words[] = {
	{ TARGET_PEER, "peer" }, { TARGET_NODE, "node" }, { TARGET_PERSON, "person" },
	{ TARGET_OPERATOR, "operator" }, { TARGET_SESSION, "session" }, { TARGET_LOG, "log" },
	{ TARGET_TOKEN, "token" }, { 0 },
};
const struct word audit_action_words[] = {
	{ AUDIT_LOG_START, "log.start" }, { AUDIT_OPERATOR_CREATE, "operator.create" },
	{ AUDIT_OPERATOR_PASSWORD, "operator.password" }, { AUDIT_SESSION_START, "session.start" },
	{ AUDIT_SESSION_END, "session.end" }, { AUDIT_SESSION_FAIL, "session.fail" },
	{ AUDIT_NODE_ADD, "node.add" }, { AUDIT_NODE_CHANGE, "node.change" }, { AUDIT_NODE_REMOVE, "node.remove" },
	{ AUDIT_PERSON_CREATE, "person.create" }, { AUDIT_PEER_ISSUE, "peer.issue" },
	{ AUDIT_PEER_CHANGE, "peer.change" }, { AUDIT_PEER_EXPIRE, "peer.expire" },
	{ AUDIT_PEER_REVOKE, "peer.revoke" }, { AUDIT_OPERATOR_CHANGE, "operator.change" },
	{ AUDIT_OPERATOR_DISABLE, "operator.disable" }, { AUDIT_OPERATOR_ENABLE, "operator.enable" },
	{ AUDIT_OPERATOR_RESET, "operator.reset" }, { AUDIT_SESSION_CONFIRM, "session.confirm" },
	{ AUDIT_TOKEN_CREATE, "token.create" }, { AUDIT_TOKEN_REVOKE, "token.revoke" }, { 0 },
};

#define CHANGE(member, ...) FIELD(struct audit_change, member, __VA_ARGS__)
static const struct field change_fields[] = {
	CHANGE(field, .doc = "The member that changed."),
	CHANGE(before, .flags = F_NULLABLE, .doc = "What it was."),
	CHANGE(after, .flags = F_NULLABLE, .doc = "What it became."),
	{ 0 },
};
static const struct type change_type = TYPE(struct audit_change, "AuditChange", change_fields);

static const struct field commitment_fields[] = {
	FIELD(struct audit_commitment, name, .doc = "What is committed to."),
	FIELD(struct audit_commitment, sha256, .doc = "SHA-256 of salt, name, a zero byte and value."),
	{ 0 },
};
static const struct type commitment_type = TYPE(struct audit_commitment, "AuditCommitment", commitment_fields);

#define LEAF(member, ...) FIELD(struct audit_leaf, member, __VA_ARGS__)
static const struct field leaf_fields[] = {
	LEAF(format, .doc = "Version of the record."),
	LEAF(seq, .doc = "Number, without gaps."),
	LEAF(at, .doc = "When."),
	LEAF(actor, .words = audit_actor_words, .doc = "What kind of actor."),
	LEAF(operator, .flags = F_NULLABLE, .doc = "Which operator."),
	LEAF(auth, .words = audit_auth_words, .doc = "How they were known."),
	LEAF(token, .flags = F_NULLABLE | F_OMIT, .doc = "The API token they asked with."),
	LEAF(request_id, .flags = F_NULLABLE, .doc = "The request."),
	LEAF(action, .words = audit_action_words, .doc = "What was done."),
	LEAF(outcome, .words = audit_outcome_words, .doc = "How far it came."),
	LEAF(target, .flags = F_NULLABLE, .words = audit_target_words, .doc = "To what kind of object."),
	LEAF(target_id, .flags = F_NULLABLE, .doc = "Which object."),
	LEAF(node, .flags = F_NULLABLE, .doc = "The node concerned."),
	LEAF(person, .flags = F_NULLABLE, .doc = "The person concerned."),
	LEAF(peer, .flags = F_NULLABLE, .doc = "The peer concerned."),
	LEAF(changes, .of = FIELD_OBJECT, .type = &change_type, .doc = "Members that changed; personal ones by commitment."),
	LEAF(reason, .flags = F_NULLABLE, .doc = "Why it failed."),
	LEAF(count, .doc = "How many of the kind this stands for."),
	LEAF(commitments, .of = FIELD_OBJECT, .type = &commitment_type, .doc = "Personal values."),
	{ 0 },
};
const struct type audit_leaf_type = TYPE(struct audit_leaf, "AuditLeaf", leaf_fields);

static const struct field personal_fields[] = {
	FIELD(struct audit_personal, name, .doc = "What is committed to."),
	FIELD(struct audit_personal, value, .doc = "The value."),
	FIELD(struct audit_personal, salt, .doc = "Its salt."),
	{ 0 },
};
static const struct type personal_type = TYPE(struct audit_personal, "AuditPersonal", personal_fields);

static const struct field personals_fields[] = {
	FIELD(struct audit_personals, values, .of = FIELD_OBJECT, .type = &personal_type, .doc = "The values."),
	{ 0 },
};
const struct type audit_personals_type = TYPE(struct audit_personals, "AuditPersonals", personals_fields);

static const struct field ref_fields[] = {
	FIELD(struct audit_ref, id, .doc = "The object."),
	FIELD(struct audit_ref, name, .flags = F_NULLABLE, .doc = "What it is called now."),
	{ 0 },
};
static const struct type ref_type = TYPE(struct audit_ref, "AuditRef", ref_fields);

static const struct field actor_fields[] = {
	FIELD(struct audit_actor_view, kind, .words = audit_actor_words, .doc = "Operator, the Console itself, or somebody unknown."),
	FIELD(struct audit_actor_view, id, .flags = F_NULLABLE, .doc = "The operator."),
	FIELD(struct audit_actor_view, name, .flags = F_NULLABLE, .doc = "Their name then."),
	{ 0 },
};
static const struct type actor_type = TYPE(struct audit_actor_view, "AuditActor", actor_fields);

static const struct field target_fields[] = {
	FIELD(struct audit_target_view, kind, .words = audit_target_words, .doc = "Kind of object."),
	FIELD(struct audit_target_view, id, .flags = F_NULLABLE, .doc = "The object."),
	FIELD(struct audit_target_view, name, .flags = F_NULLABLE, .doc = "What it is called now."),
	{ 0 },
};
static const struct type target_type = TYPE(struct audit_target_view, "AuditTarget", target_fields);

#define VIEW(member, ...) FIELD(struct audit_view, member, __VA_ARGS__)
#define VIEW_SUB(member, type_, ...) FIELD_SUB(struct audit_view, member, type_, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field view_fields[] = {
	VIEW(seq, .doc = "Number, without gaps."),
	VIEW(at, .doc = "When."),
	FIELD_SUB(struct audit_view, actor, &actor_type, .doc = "Who."),
	VIEW(auth, .words = audit_auth_words, .doc = "How they were known."),
	VIEW_SUB(token, &ref_type, .doc = "The API token they asked with."),
	VIEW(source, .flags = F_NULLABLE, .doc = "Address the request came from."),
	VIEW(request_id, .flags = F_NULLABLE, .doc = "The request."),
	VIEW(action, .words = audit_action_words, .doc = "What was done."),
	VIEW(outcome, .words = audit_outcome_words, .doc = "How far it came."),
	VIEW_SUB(target, &target_type, .doc = "To what."),
	VIEW_SUB(node, &ref_type, .doc = "The node concerned."),
	VIEW_SUB(person, &ref_type, .doc = "The person concerned."),
	VIEW_SUB(peer, &ref_type, .doc = "The peer concerned."),
	VIEW(changes, .of = FIELD_OBJECT, .type = &change_type, .doc = "Members that changed."),
	VIEW(reason, .flags = F_NULLABLE, .doc = "Why it failed."),
	VIEW(count, .doc = "How many of the kind this stands for."),
	VIEW(leaf_hash, .doc = "SHA-256 of the record as a leaf (RFC 6962 section 2.1), hexadecimal."),
	{ 0 },
};
const struct type audit_view_type = TYPE(struct audit_view, "AuditEntry", view_fields);

static const struct field page_fields[] = { PAGE_ROWS(&audit_view_type), { 0 } };
const struct type audit_page_type = TYPE(struct page, "AuditPage", page_fields);

#define QUERY(member, ...) FIELD(struct audit_query, member, .flags = F_NULLABLE, __VA_ARGS__)
static const struct field query_fields[] = {
	PAGE_QUERY(struct audit_query),
	QUERY(operator, .doc = "Only by this operator."),
	QUERY(person, .doc = "Only about this person."),
	QUERY(node, .doc = "Only about this node."),
	QUERY(peer, .doc = "Only about this peer."),
	QUERY(target, .doc = "Only about this object: an operator, a token, or one of the above."),
	QUERY(token, .doc = "Only with this API token."),
	QUERY(action, .words = audit_action_words, .doc = "Only these."),
	QUERY(outcome, .words = audit_outcome_words, .doc = "Only these."),
	QUERY(from, .doc = "Not before."),
	QUERY(to, .doc = "Before."),
	{ 0 },
};
const struct type audit_query_type = TYPE(struct audit_query, "AuditQuery", query_fields);
/* clang-format on */
