/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/instances.h"

#include "console_sql.h"

static const struct field lease_fields[] = {
	FIELD(struct lease, owner),
	FIELD(struct lease, epoch),
	FIELD(struct lease, until),
	FIELD(struct lease, claimed),
	FIELD(struct lease, host),
	{ 0 },
};
static const struct type lease_type = TYPE(struct lease, "Lease", lease_fields);

int store_instance_insert(struct db *db, const struct uuid *id, const char *host, struct err *err)
{
	const char *version = WGKEEPER_VERSION;
	struct timestamp now = time_now();

	return db_exec(db, CONSOLE_INSTANCE_INSERT,
		DB_ARGS(DB_ARG("id", *id), DB_ARG("host", host), DB_ARG("version", version),
			DB_ARG("now", now)),
		NULL, err);
}

int store_instance_seen(struct db *db, const struct uuid *id, struct err *err)
{
	struct timestamp now = time_now();

	return db_exec(db, CONSOLE_INSTANCE_SEEN, DB_ARGS(DB_ARG("id", *id), DB_ARG("now", now)),
		NULL, err);
}

int store_instance_gone(
	struct db *db, const struct uuid *id, struct timestamp before, struct err *err)
{
	return db_exec(db, CONSOLE_INSTANCE_GONE,
		DB_ARGS(DB_ARG("id", *id), DB_ARG("before", before)), NULL, err);
}

int store_lease(struct db *db, struct lease *ret_lease, struct arena *arena, struct err *err)
{
	return db_one(db, CONSOLE_LEASE_GET, DB_NONE, &lease_type, ret_lease, arena, err);
}

int store_lease_take(struct db *db, const struct uuid *id, struct timestamp until, bool claimed,
	struct lease *lease, struct err *err)
{
	scoped(db_rollbackp) struct db *tx = db;
	int64_t changes = 0;
	int r = db_begin(db, DB_WRITE, err);

	if (r >= 0)
		r = db_exec(db, CONSOLE_LEASE_TAKE,
			DB_ARGS(DB_ARG("id", *id), DB_ARG("until", until),
				DB_ARG("claimed", claimed), DB_ARG("epoch", lease->epoch)),
			&changes, err);
	if (r < 0 || changes == 0)
		return r;
	r = db_exec(db, CONSOLE_NODES_TAKE, DB_ARGS(DB_ARG("id", *id), DB_ARG("until", until)),
		NULL, err);
	if (r >= 0)
		r = db_commit(tx, err);
	if (r < 0)
		return r;
	*lease = (struct lease){
		.owner = *id, .epoch = lease->epoch + 1, .until = until, .claimed = claimed
	};
	return 1;
}

int store_lease_keep(struct db *db, const struct uuid *id, int64_t epoch, struct timestamp until,
	bool claimed, struct err *err)
{
	int64_t changes = 0;
	int r = db_exec(db, CONSOLE_LEASE_KEEP,
		DB_ARGS(DB_ARG("id", *id), DB_ARG("epoch", epoch), DB_ARG("until", until),
			DB_ARG("claimed", claimed)),
		&changes, err);

	return r < 0 ? r : changes > 0;
}

int store_lease_drop(struct db *db, const struct uuid *id, int64_t epoch, struct err *err)
{
	return db_exec(db, CONSOLE_LEASE_DROP, DB_ARGS(DB_ARG("id", *id), DB_ARG("epoch", epoch)),
		NULL, err);
}

void store_guard(struct db *db, int64_t epoch)
{
	db_guard(db, CONSOLE_LEASE_HOLDS, epoch);
}
