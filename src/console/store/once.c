/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/store/once.h"

#include "console_sql.h"

/* A row as the database has it. */
struct record {
	const char *route, *answer;
	struct blob request;
	int64_t seq, status;
	struct uuid target_id;
	struct timestamp created_at;
};

#define RECORD(member, ...) FIELD(struct record, member, __VA_ARGS__)
static const struct field record_fields[] = {
	RECORD(route),
	RECORD(request),
	RECORD(seq),
	RECORD(target_id, .flags = F_NULLABLE),
	RECORD(status, .flags = F_NULLABLE),
	RECORD(answer, .flags = F_NULLABLE),
	RECORD(created_at),
	{ 0 },
};
static const struct type record_type = TYPE(struct record, "OnceRecord", record_fields);

static struct blob blob_of(const struct digest *digest)
{
	return (struct blob){ digest->bytes, DIGEST_SIZE };
}

static struct timestamp a_day_ago(void)
{
	return (struct timestamp){ time_now().us - ONCE_S * USEC_PER_SEC };
}

static int forget(struct db *db, const struct once *once, struct err *err)
{
	struct blob key = blob_of(&once->key);
	struct timestamp since = a_day_ago();

	return db_exec(db, CONSOLE_ONCE_FORGET,
		DB_ARGS(DB_ARG("owner", once->owner), DB_ARG("key_digest", key),
			DB_ARG("since", since)),
		NULL, err);
}

int store_once_get(struct db *db, const struct once *once, struct once_row *ret_row,
	struct arena *arena, struct err *err)
{
	struct blob key = blob_of(&once->key);
	struct record record;
	int r = db_one(db, CONSOLE_ONCE_GET,
		DB_ARGS(DB_ARG("owner", once->owner), DB_ARG("key_digest", key)), &record_type,
		&record, arena, err);

	if (r < 0)
		return r;
	if (record.created_at.us <= a_day_ago().us) {
		r = forget(db, once, err);
		return r < 0 ? r : err_set(err, REASON_NOT_FOUND, NULL, "too old");
	}
	if (record.request.len != DIGEST_SIZE)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "a record of a request is damaged");
	*ret_row = (struct once_row){ .route = record.route, .seq = record.seq,
		.target = record.target_id, .status = record.status, .answer = record.answer,
		.created_at = record.created_at };
	memcpy(ret_row->request.bytes, record.request.at, DIGEST_SIZE);
	return 0;
}

int store_once_note(struct db *db, struct once *once, int64_t seq, const struct uuid *target,
	struct err *err)
{
	struct blob key = blob_of(&once->key), request = blob_of(&once->request);
	struct timestamp now = time_now();
	const struct uuid *id = uuid_is_zero(target) ? NULL : target;
	int64_t changes = 0;
	int r = db_exec(db, CONSOLE_ONCE_NOTE,
		DB_ARGS(DB_ARG("owner", once->owner), DB_ARG("key_digest", key),
			DB_ARG("route", once->route), DB_ARG("request", request),
			DB_ARG("attempt", once->attempt), DB_ARG("seq", seq),
			{ "target_id", FIELD_UUID, id }, DB_ARG("created_at", now)),
		&changes, err);

	if (r >= 0 && changes == 0)
		return err_set(err, REASON_ONCE_BUSY, "Idempotency-Key",
			"another request with this key was first; send it again for its answer");
	once->noted = true;
	return r;
}

int store_once_answer(struct db *db, const struct once *once, int64_t status, const char *answer,
	struct err *err)
{
	struct blob key = blob_of(&once->key);

	return db_exec(db, CONSOLE_ONCE_ANSWER,
		DB_ARGS(DB_ARG("owner", once->owner), DB_ARG("key_digest", key),
			DB_ARG("attempt", once->attempt), DB_ARG("status", status),
			DB_ARG("answer", answer)),
		NULL, err);
}

int store_once_sweep(struct db *db, struct err *err)
{
	struct timestamp since = a_day_ago();

	return db_exec(db, CONSOLE_ONCE_FORGET_OLD, DB_ARGS(DB_ARG("since", since)), NULL, err);
}
