/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Writing the audit log: inside the transaction of the change it is about.
 *
 * The number is taken by audit_write(), which comes after every other statement of the
 * transaction but those that need it: numbers are dense and in the order of commits.
 */

#include "base/arena.h"
#include "crypto/digest.h"
#include "db/db.h"
#include "model/audit_entry.h"

struct once;

/** On whose behalf something happens. */
struct actor {
	int kind; /* enum audit_actor */
	struct uuid operator;
	int64_t standing; /* the operator's, when the request came: audit/standing.h */
	const char *username;
	int auth; /* enum audit_auth */
	struct uuid token;
	struct once *once; /* of a request with an Idempotency-Key: store/once.h */
	const char *request_id;
	struct cidr source; /* IP_NONE: no request */
};

/** The Console itself. */
extern const struct actor actor_system;

enum { AUDIT_CHANGES_MAX = 8 };

struct audit_record {
	int action, outcome, target;
	struct uuid target_id, node, person, peer;
	const char *reason; /* a slug */
	int64_t count;      /* 0: one */
	const char *tried_name; /* of somebody who could not sign in: personal */
	struct {
		const struct field *field;
		const void *before, *after; /* NULL: none */
	} changes[AUDIT_CHANGES_MAX];
	unsigned n_changes;
};

/** Notes that a member went from `before` to `after` (values of the row's kind, NULL: none). Rows
 * marked F_SECRET are not taken, F_PERSONAL ones enter as commitments. */
void audit_change(struct audit_record *record, const struct field *field, const void *before,
	const void *after);

/** Writes the entry and gives its number and time. REASON_UNAUTHORIZED: the actor may not do this any
 * more; REASON_ONCE_BUSY: the same request was done meanwhile. */
int audit_write(struct db *db, const struct actor *actor, const struct audit_record *record,
	int64_t *ret_seq, struct timestamp *ret_at, struct arena *arena, struct err *err)
	must_check;

/** The hash of a record as a leaf: SHA-256(0x00 || record), RFC 6962 section 2.1. */
struct digest audit_leaf_hash(struct span leaf);
