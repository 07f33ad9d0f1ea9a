/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Entries of the audit log: what is recorded, and how it is shown.
 *
 * The record (`struct audit_leaf`) is final once written: its JSON text, to the byte,
 * is what the log is proved by. What is personal is not in it; it is committed to by
 * SHA-256(salt || name || 0 || value) and kept beside it, so that a person can be
 * erased without touching the record.
 */

#include "base/field.h"
#include "model/console_api.h"

enum { AUDIT_FORMAT = 1, AUDIT_SALT_SIZE = 16 };

enum audit_actor { ACTOR_OPERATOR = 1, ACTOR_SYSTEM, ACTOR_ANONYMOUS };
enum audit_auth { AUTH_SESSION = 1, AUTH_NONE, AUTH_SYSTEM, AUTH_TOKEN };
enum audit_outcome {
	OUTCOME_OK = 1,
	OUTCOME_FAILED,
	OUTCOME_REQUESTED,
	OUTCOME_CONFIRMED,
	OUTCOME_ABANDONED,
};
enum audit_target {
	TARGET_PEER = 1,
	TARGET_NODE,
	TARGET_PERSON,
	TARGET_OPERATOR,
	TARGET_SESSION,
	TARGET_LOG,
	TARGET_TOKEN = 10,
};
enum audit_action {
	AUDIT_LOG_START = 1,
	AUDIT_OPERATOR_CREATE,
	AUDIT_OPERATOR_PASSWORD,
	AUDIT_SESSION_START,
	AUDIT_SESSION_END,
	AUDIT_SESSION_FAIL,
	AUDIT_NODE_ADD,
	AUDIT_NODE_CHANGE,
	AUDIT_NODE_REMOVE,
	AUDIT_PERSON_CREATE,
	AUDIT_PEER_ISSUE,
	AUDIT_PEER_CHANGE,
	AUDIT_PEER_EXPIRE,
	AUDIT_PEER_REVOKE,
	AUDIT_OPERATOR_CHANGE = 20,
	AUDIT_OPERATOR_DISABLE,
	AUDIT_OPERATOR_ENABLE,
	AUDIT_OPERATOR_RESET,
	AUDIT_SESSION_CONFIRM,
	AUDIT_TOKEN_CREATE,
	AUDIT_TOKEN_REVOKE,
};

extern const struct word audit_actor_words[], audit_auth_words[], audit_outcome_words[],
	audit_target_words[], audit_action_words[];

struct audit_change {
	const char *field, *before, *after;
};

/** Stands in the record for a personal value. */
struct audit_commitment {
	const char *name;
	struct blob sha256;
};

/** The record. Members are written in this order. */
struct audit_leaf {
	int64_t format, seq;
	struct timestamp at;
	int actor;
	struct uuid operator;
	int auth;
	struct uuid token;
	const char *request_id;
	int action, outcome, target;
	struct uuid target_id, node, person, peer;
	struct list changes; /* of struct audit_change */
	const char *reason;
	int64_t count;
	struct list commitments; /* of struct audit_commitment */
};

/** What a commitment stands for. */
struct audit_personal {
	const char *name, *value;
	struct blob salt;
};

struct audit_personals {
	struct list values; /* of struct audit_personal */
};

/*
 * As it is shown
 */

struct audit_ref {
	struct uuid id;
	const char *name;
};

struct audit_actor_view {
	int kind;
	struct uuid id;
	const char *name;
};

struct audit_target_view {
	int kind;
	struct uuid id;
	const char *name;
};

struct audit_view {
	int64_t seq;
	struct timestamp at;
	struct audit_actor_view actor;
	int auth;
	struct audit_ref token;
	const char *source, *request_id;
	int action, outcome;
	struct audit_target_view target;
	struct audit_ref node, person, peer;
	struct list changes;
	const char *reason;
	int64_t count;
	const char *leaf_hash;
};

struct audit_query {
	struct page_query page;
	struct uuid operator, person, node, peer, target, token;
	int action, outcome;
	struct timestamp from, to;
};

extern const struct type audit_leaf_type, audit_personals_type, audit_view_type, audit_page_type,
	audit_query_type;
