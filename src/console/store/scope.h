/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What whoever asks may see at all (db/db.h: a handle works for somebody, and each list
 * statement has a part "scope").
 *
 * The roles there are today see everything. A role that is limited to nodes needs rows in
 * operator_nodes and a scope that is not `all`, and no other statement and no other route.
 */

#include "db/db.h"

/** Of the Console itself. */
extern const struct db_scope scope_everything;

enum scoped_kind { SCOPED_NODE, SCOPED_PERSON, SCOPED_PEER };

/** Whether whoever the handle works for may see this object. REASON_NODE_NOT_FOUND, _PERSON_NOT_FOUND,
 * _PEER_NOT_FOUND: not, or there is none. */
int store_in_scope(struct db *db, enum scoped_kind kind, const struct uuid *id, struct arena *arena,
	struct err *err) must_check;

/** Every list statement of the Console must have its part. REASON_INTERNAL names one that has none. */
int store_check_queries(struct err *err) must_check;
