/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Requests with an Idempotency-Key, as the database remembers them for a day.
 *
 * The record is written by audit_write(), in the transaction of the change, so it is
 * there exactly when the change is. The answer is added behind the change, on its own;
 * where the Console ended in between, the record still says what was made or changed.
 */

#include "base/time.h"
#include "base/uuid.h"
#include "crypto/digest.h"
#include "db/db.h"

enum { ONCE_S = 86400, ONCE_ANSWER_MAX = 64 * 1024 };

/** A request being done. */
struct once {
	struct uuid owner; /* the operator, or the token */
	struct digest key; /* of the Idempotency-Key: the key itself is not kept */
	struct digest request;
	const char *route;
	struct uuid attempt;
	bool noted; /* it came to a change; perhaps one that was not committed */
};

/** A request that was done. */
struct once_row {
	const char *route;
	struct digest request;
	int64_t seq; /* of the change's first audit entry */
	struct uuid target;
	int64_t status; /* INT_NONE: there is no answer */
	const char *answer; /* JSON, or NULL */
	struct timestamp created_at;
};

/** REASON_NOT_FOUND: there was none, or it is more than a day ago. */
int store_once_get(struct db *db, const struct once *once, struct once_row *ret_row,
	struct arena *arena, struct err *err) must_check;

/** For audit_write(): notes a change. Several of one attempt are one record, that of the first.
 * REASON_ONCE_BUSY: another attempt was first; the transaction must not be committed. */
int store_once_note(struct db *db, struct once *once, int64_t seq, const struct uuid *target,
	struct err *err) must_check;

/** Adds the answer, unless the attempt changed nothing. */
int store_once_answer(struct db *db, const struct once *once, int64_t status, const char *answer,
	struct err *err) must_check;

/** Forgets what is older than a day. */
int store_once_sweep(struct db *db, struct err *err) must_check;
