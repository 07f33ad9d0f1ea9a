/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * This process among those on the same database: one works it, the others stand by.
 *
 * The one that works holds a lease, which it keeps every few seconds; its writes carry
 * the lease's epoch, so one that lost it without noticing (stopped, cut off) writes
 * nothing any more. When it dies another takes over: at once where the database sees
 * its end, else when the lease has run out. Any thread may ask.
 */

#include "base/err.h"
#include "db/db.h"

enum { INSTANCE_BEAT_S = 5, INSTANCE_LEASE_S = 20 };

struct instance; /* opaque */
struct events;

/** Before db_migrate(): another version that works the database must not have its tables changed under it.
 * REASON_STANDBY: there is one. */
int instance_may_migrate(struct db *db, struct err *err) must_check;

/** Takes the lease if it is free, and starts the thread that keeps it or waits for it. `url` and `events`
 * (whose readers are sent away when the lease is lost) must outlive it. */
int instance_new(const char *url, struct events *events, struct instance **ret_instance,
	struct err *err) must_check;

/** REASON_STANDBY: another instance works the database. REASON_STORE: the database is away, so nobody
 * knows. */
int instance_check(const struct instance *instance, struct err *err) must_check;

/** What its writes are to carry (store_guard); 0, which nothing passes, while it stands by. */
int64_t instance_epoch(const struct instance *instance);

/** Gives the lease back. NULL is fine. */
void instance_free(struct instance *instance);
DEFINE_FREEP(struct instance, instance_free);
