/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the parts of the Console share, and what a handler finds of its caller. */

#include <pthread.h>

#include "console/auth/failures.h"
#include "console/auth/permission.h"
#include "console/conf.h"
#include "console/events.h"
#include "console/fleet/fleet.h"
#include "console/pool.h"
#include "console/store/store.h"
#include "http/http.h"

/* How a route's row limits the caller to what they may see. A row that says nothing is not served. */
enum scope_rule {
	SCOPE_FORGOTTEN,
	SCOPE_SELF,   /* it is about the caller, or about nobody */
	SCOPE_ROWS,   /* its list statements leave out what the caller may not see */
	SCOPE_NODE,   /* {id} is a node that the caller may see */
	SCOPE_PERSON, /* a person */
	SCOPE_PEER,   /* a peer */
	SCOPE_FLEET,  /* it is about everything: for those who may see everything */
};

enum console_pool { POOL_DB, POOL_NODE };

struct instance;
struct limiter;
struct inflight;

struct console {
	struct console_conf conf;
	struct seal_key key;
	struct pool *pools[2]; /* by enum console_pool */
	struct events *events;
	struct instance *instance;
	struct fleet *fleet;
	struct failures *failures;
	struct inflight *inflight; /* requests with an Idempotency-Key */
	struct limiter *logins; /* under `login_lock` */
	pthread_mutex_t login_lock, auth_lock;
	struct db *auth_db; /* for the server's threads, under `auth_lock`; reads only */
};

/** Who asks. With an API token `session` says what its operator is, and its role. */
struct caller {
	struct session_row session;
	int way; /* enum auth_way */
	struct uuid credential; /* the session's, or the token's */
	struct digest digest;   /* of what was sent */
	const char *csrf;       /* NULL with a token */
	bool elevated;          /* a token that passes where the password would be asked for */
	struct timestamp used_at;
	struct actor actor;
	struct db_scope scope;
};

extern const struct route console_routes[];
extern const size_t console_n_routes;

static inline struct console *console_of(const struct http_request *req)
{
	return req->app;
}

static inline const struct caller *caller_of(const struct http_request *req)
{
	return req->caller;
}

/** The database handle of this worker thread. */
struct db *console_db(void);

/** For the pools' threads. */
void console_set_db(struct db *db);

/** Reads an id from the path. `reason`: what an id that is none gives. */
int path_id(const struct http_request *req, unsigned n, enum err_reason reason, struct uuid *ret_id,
	struct err *err) must_check;

/** The number in If-Match. REASON_MISSING_FIELD, _INVALID_FIELD */
int if_match(const struct http_request *req, int64_t *ret_etag, struct err *err) must_check;
