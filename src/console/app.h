/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the parts of the Console share, and what a handler finds of its caller. */

#include <pthread.h>

#include "console/auth/failures.h"
#include "console/conf.h"
#include "console/events.h"
#include "console/fleet/fleet.h"
#include "console/pool.h"
#include "console/store/store.h"
#include "http/http.h"

enum console_perm {
	PERM_SESSION = HTTP_PERM_ANYONE + 1, /* anybody signed in, also before the password change */
	PERM_READ,
	PERM_WRITE,
};

enum console_pool { POOL_DB, POOL_NODE };

struct instance;
struct limiter;

struct console {
	struct console_conf conf;
	struct seal_key key;
	struct pool *pools[2]; /* by enum console_pool */
	struct events *events;
	struct instance *instance;
	struct fleet *fleet;
	struct failures *failures;
	struct limiter *logins; /* under `login_lock` */
	pthread_mutex_t login_lock, auth_lock;
	struct db *auth_db; /* for the server's threads, under `auth_lock`; reads only */
};

/** Who asks. */
struct caller {
	struct session_row session;
	struct digest token;
	const char *csrf;
	struct actor actor;
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
