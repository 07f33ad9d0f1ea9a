/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* The lease on the database: who works it. Nothing of it is in the audit log. */

#include "db/db.h"

struct lease {
	struct uuid owner; /* none: free */
	int64_t epoch;
	struct timestamp until;
	bool claimed;
	const char *host; /* the owner's, or NULL */
};

/** Writes down that the instance is there. */
int store_instance_insert(
	struct db *db, const struct uuid *id, const char *host, struct err *err) must_check;
int store_instance_seen(struct db *db, const struct uuid *id, struct err *err) must_check;

/** Forgets the instance, and those that have not been seen since `before`. */
int store_instance_gone(
	struct db *db, const struct uuid *id, struct timestamp before, struct err *err) must_check;

int store_lease(
	struct db *db, struct lease *ret_lease, struct arena *arena, struct err *err) must_check;

/** Makes the instance the owner, unless the epoch is no longer `lease->epoch`, and gives it every node. 1:
 * done, `lease` is the new one; 0: somebody was first. */
int store_lease_take(struct db *db, const struct uuid *id, struct timestamp until, bool claimed,
	struct lease *lease, struct err *err) must_check;

/** 1: it is still this instance's, until `until`; 0: no longer. */
int store_lease_keep(struct db *db, const struct uuid *id, int64_t epoch, struct timestamp until,
	bool claimed, struct err *err) must_check;
int store_lease_drop(
	struct db *db, const struct uuid *id, int64_t epoch, struct err *err) must_check;

/** From now on what this handle writes is refused (REASON_LEASE) unless the lease is still of `epoch`. */
void store_guard(struct db *db, int64_t epoch);
