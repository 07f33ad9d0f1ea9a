/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/parse.h"
#include "console/app.h"
#include "console/auth/caller.h"
#include "console/auth/session.h"
#include "console/handle.h"
#include "console/once.h"
#include "console/instance.h"
#include "console/store/instances.h"
#include "console/ui.h"
#include "crypto/password.h"
#include "http/client.h"
#include "http/limit.h"
#include "http/server.h"
#include "log/log.h"

enum {
	/* sysexits.h: starting again helps after the first, not after the second */
	EXIT_UNAVAILABLE = 75,
	EXIT_CONFIG = 78,
	CONF_ARENA = 256 * 1024,
	REQUEST_ARENA = 8 * 1024 * 1024,
	ANSWER_MAX = 4 * 1024 * 1024,
	BODY_MAX = 64 * 1024,
	SERVER_THREADS = 2,
	CONNECTIONS = 1024,
	GRACE_MS = 5000,
};

static const double login_rate = 0.2, login_burst = 10;

static const char usage[] =
	"usage: wgkeeper-console [--version | --help]\n"
	"\n"
	"Serves the Console: web UI, API, database, audit log. It is configured by the environment:\n"
	"\n"
	"  SECRET_KEY                  seals what is secret in the database; 32 bytes or more\n"
	"                              (make one: openssl rand -base64 32); or SECRET_KEY_FILE\n"
	"  DATABASE_URL                file:/path/to/console.db, or\n"
	"                              postgres://user:password@host:5432/database; or\n"
	"                              DATABASE_URL_FILE\n"
	"  PORT                        TCP port (8080); BIND: address (all)\n"
	"  BOOTSTRAP_ADMIN_USERNAME    the first operator, made when there is none\n"
	"  BOOTSTRAP_ADMIN_PASSWORD    to be changed at the first sign-in\n"
	"  COOKIE_SECURE               true behind HTTPS\n"
	"  TRUSTED_PROXIES             proxies whose X-Forwarded-For is believed, as CIDRs\n"
	"  SESSION_TTL                 seconds a session lasts at most (43200)\n";

/*
 * Worker threads
 */

static _Thread_local struct db *worker_db;

struct db *console_db(void)
{
	return worker_db;
}

void console_set_db(struct db *db)
{
	worker_db = db;
}

static int open_worker(void *ctx, void **ret_local, struct err *err)
{
	struct console *c = ctx;

	return store_open(c->conf.database_url.at, (struct db **)ret_local, err);
}

static void close_worker(void *local)
{
	db_close(local);
}

static void run_request(void *local, void *arg)
{
	const struct http_request *req = arg;

	store_guard(local, instance_epoch(console_of(req)->instance));
	console_set_db(local);
	http_run(arg);
}

/* One instance works; what stands by says so to everything that asks for more than its health. */
static int admit(struct http_request *req, struct err *err)
{
	int r = 0;

	if (span_starts(span_of(req->path), "/api/"))
		r = instance_check(console_of(req)->instance, err);
	return r < 0 ? r : session_admit(req, err);
}

static bool dispatch(struct http_request *req)
{
	return pool_submit(console_of(req)->pools[req->route->pool], 0, run_request, req);
}

/*
 * What handlers share
 */

int path_id(const struct http_request *req, unsigned n, enum err_reason reason, struct uuid *ret_id,
	struct err *err)
{
	if (!uuid_parse(span_of(req->param[n]), ret_id))
		return err_set(err, reason, "id", "an id is a UUID of 36 characters");
	return 0;
}

int if_match(const struct http_request *req, int64_t *ret_etag, struct err *err)
{
	const char *text = http_header(req, "If-Match");
	struct span value;

	if (!text)
		return err_set(err, REASON_MISSING_FIELD, "If-Match",
			"send the object's etag as If-Match, so that nobody's change is lost");
	value = span_trim(span_of(text));
	if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
		value = (struct span){ value.at + 1, value.len - 2 };
	if (!parse_i64(value, 0, INT64_MAX, ret_etag))
		return err_set(err, REASON_INVALID_FIELD, "If-Match",
			"If-Match is the object's etag in double quotes");
	return 0;
}

static void log_request(const struct http_request *req)
{
	log_info("request", LOG_STR("method", req->method_name),
		LOG_STR("path", req->route ? req->route->path : "(none)"),
		LOG_INT("status", req->status), LOG_INT("us", time_monotonic_us() - req->started_us),
		LOG_STR("request_id", req->id),
		req->err.reason ? LOG_STR("reason", err_slug(req->err.reason))
				: (struct log_field){ 0 });
}

/*
 * Starting
 */

static int open_store(struct console *c, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(CONF_ARENA);
	char hash[PASSWORD_HASH_SIZE] = "";
	struct span password = { c->conf.admin_password.at, c->conf.admin_password.len };
	int r = store_open(c->conf.database_url.at, &c->auth_db, err);

	if (!arena)
		return err_nomem(err);
	for (unsigned i = 0; r >= 0 && db_advice(c->auth_db, i); i++)
		log_warn("the database is not as safe as it could be",
			LOG_STR("why", db_advice(c->auth_db, i)));
	if (r >= 0)
		r = instance_may_migrate(c->auth_db, err);
	if (r >= 0)
		r = db_migrate(c->auth_db, err);
	if (r >= 0)
		r = store_check_secret(c->auth_db, &c->key, err);
	if (r >= 0 && c->conf.admin_username)
		r = password_check(password, c->conf.admin_username, "BOOTSTRAP_ADMIN_PASSWORD", err);
	if (r >= 0 && c->conf.admin_username)
		r = password_hash(password, hash, err);
	if (r >= 0)
		r = store_bootstrap(c->auth_db, c->conf.admin_username, hash, arena, err);
	if (r > 0)
		log_notice("first operator made; the password must be changed at the first sign-in",
			LOG_STR("username", c->conf.admin_username));
	return r;
}

static int start_pools(struct console *c, struct err *err)
{
	const struct pool_conf db = { .name = "db", .threads = 8, .queue = 256, .open = open_worker,
		.close = close_worker, .ctx = c };
	const struct pool_conf node = { .name = "node", .threads = 16, .queue = 512, .per_key = 2,
		.open = open_worker, .close = close_worker, .ctx = c };
	int r = pool_new(&db, &c->pools[POOL_DB], err);

	return r < 0 ? r : pool_new(&node, &c->pools[POOL_NODE], err);
}

static int start(struct console *c, struct http_server **ret_server, struct err *err)
{
	struct http_app app = { .ctx = c, .routes = console_routes, .n_routes = console_n_routes,
		.headers = ui_headers, .no_route = ui_no_route, .max_body = BODY_MAX, .max_answer = ANSWER_MAX,
		.arena_size = REQUEST_ARENA, .admit = admit,
		.authenticate = caller_find, .authorize = caller_allow, .dispatch = dispatch,
		.handle = request_handle, .done = log_request };
	struct http_conf conf = { .threads = SERVER_THREADS, .crowd = { .max = CONNECTIONS },
		.trusted_proxies = &c->conf.trusted_proxies, .idle_s = 60 };
	int r = routes_check(console_routes, console_n_routes, err);

	if (r >= 0)
		r = open_store(c, err);
	c->events = events_new();
	c->failures = failures_new();
	c->logins = limiter_new(4096, login_rate, login_burst);
	c->inflight = inflight_new();
	if (r >= 0 && (!c->events || !c->failures || !c->logins || !c->inflight))
		r = err_nomem(err);
	if (r >= 0)
		r = instance_new(c->conf.database_url.at, c->events, &c->instance, err);
	if (r >= 0)
		r = start_pools(c, err);
	if (r >= 0)
		r = http_listen(c->conf.bind, (uint16_t)c->conf.port, &conf.listen_fd, err);
	if (r >= 0)
		r = fleet_new(c, &c->fleet, err);
	if (r >= 0)
		r = http_server_start(&conf, &app, ret_server, err);
	return r;
}

static void finish(struct console *c, struct http_server *server)
{
	if (c->events)
		events_end(c->events, NULL);
	if (server)
		http_server_stop(server, GRACE_MS);
	/* the fleet thread hands work to the pools; polls that are under way still use it */
	fleet_stop(c->fleet);
	for (unsigned i = 0; i < N_ELEMENTS(c->pools); i++)
		pool_free(c->pools[i]);
	fleet_free(c->fleet);
	instance_free(c->instance);
	events_free(c->events);
	failures_free(c->failures);
	inflight_free(c->inflight);
	limiter_free(c->logins);
	db_close(c->auth_db);
	seal_key_wipe(&c->key);
}

static int run(struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(CONF_ARENA);
	struct console c = { .login_lock = PTHREAD_MUTEX_INITIALIZER,
		.auth_lock = PTHREAD_MUTEX_INITIALIZER };
	struct http_server *server = NULL;
	sigset_t signals;
	int r, sig;

	if (!arena)
		return err_nomem(err);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before there are threads, which inherit it */
	signal(SIGPIPE, SIG_IGN);
	r = console_conf_read(&c.conf, arena, err);
	if (r >= 0)
		r = http_client_init(err);
	if (r < 0)
		return r;
	seal_key_derive((struct span){ c.conf.secret_key.at, c.conf.secret_key.len }, &c.key);
	r = start(&c, &server, err);
	if (r >= 0) {
		log_notice("serving", LOG_INT("port", c.conf.port), LOG_STR("version", WGKEEPER_VERSION));
		(void)sigwait(&signals, &sig);
		log_notice("stopping");
	}
	finish(&c, server);
	return r;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("wgkeeper-console " WGKEEPER_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc > 1) {
		bool help = argc == 2 && !strcmp(argv[1], "--help");

		fputs(usage, help ? stdout : stderr);
		return help ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	log_init("wgkeeper-console", LOG_LEVEL_INFO, LOG_LOGFMT);
	if (sodium_init() < 0 || run(&err) < 0) {
		log_error("wgkeeper-console cannot start", LOG_ERR(&err));
		return err_class(err.reason) == ERR_UNAVAILABLE ? EXIT_UNAVAILABLE : EXIT_CONFIG;
	}
	return EXIT_SUCCESS;
}
