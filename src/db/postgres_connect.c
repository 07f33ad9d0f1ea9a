/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "db/postgres.h"
#include "log/log.h"

/* Connecting to PostgreSQL: the URL, what it leaves open, and whether the database is ours. */

enum { OPTIONS_MAX = 96, RETRY_MIN_US = 200000, RETRY_MAX_US = 5000000, VERSION_MIN = 150000 };

/* What a URL that does not say otherwise gets. Failover and a server that is gone are noticed in
 * seconds, not in the kernel's hours; of several hosts the one that takes writes is meant. */
static const struct {
	const char *name, *value;
} defaults[] = {
	{ "fallback_application_name", "wgkeeper" },
	{ "connect_timeout", "4" },
	{ "keepalives_idle", "10" },
	{ "keepalives_interval", "5" },
	{ "keepalives_count", "2" },
	{ "tcp_user_timeout", "15000" },
	{ "target_session_attrs", "read-write" },
};

/* The same in every session: jit costs a tenth of a second where it thinks that it pays, and a
 * transaction that a stopped process left open must not hold the others up. */
static const char session_text[] =
	"SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s'; SET jit = off; "
	"SET bytea_output = 'hex'; SET standard_conforming_strings = on";

struct options {
	const char *names[OPTIONS_MAX + 1], *values[OPTIONS_MAX + 1];
	unsigned n;
}; /* ends with a NULL name */

static void free_options(PQconninfoOption **options)
{
	PQconninfoFree(*options);
}

static const char *value_of(const PQconninfoOption *options, const char *name)
{
	for (; options->keyword; options++)
		if (!strcmp(options->keyword, name))
			return options->val;
	return NULL;
}

static bool is_ports(const char *text)
{
	return strspn(text, "0123456789,") == strlen(text);
}

/*
 * libpq splits a URL at the first ':', '/' and '@' it sees, and shows the pieces in its messages. A
 * password that holds one of them unencoded would be cut there and its end taken for a host or a
 * port, so such a URL is refused before libpq sees it.
 */
static int check_url(const char *url, struct err *err)
{
	const char *rest = strstr(url, "://") + 3;
	const char *at = strchr(rest, '@');

	if (at && (strchr(at + 1, '@') || strcspn(rest, "/?#") < (size_t)(at - rest) ||
			  strpbrk(rest, " \t\r\n")))
		return err_set(err, REASON_CONFIG, "DATABASE_URL",
			"in user and password of DATABASE_URL write @ as %%40, / as %%2F, : as %%3A, "
			"? as %%3F and # as %%23");
	return 0;
}

static void put_option(struct options *options, const char *name, const char *value)
{
	if (!value || options->n == OPTIONS_MAX)
		return;
	options->names[options->n] = name;
	options->values[options->n++] = value;
}

static int read_options(
	const char *url, PQconninfoOption **ret_parsed, struct options *ret, struct err *err)
{
	scoped(free_options) PQconninfoOption *parsed = NULL;
	int r = check_url(url, err);

	if (r < 0)
		return r;
	parsed = PQconninfoParse(url, NULL);
	if (!parsed || !is_ports(value_of(parsed, "port") ?: ""))
		return err_set(err, REASON_CONFIG, "DATABASE_URL",
			"DATABASE_URL cannot be understood; write "
			"postgres://user:password@host:5432/database");
	*ret = (struct options){ 0 };
	for (const PQconninfoOption *o = parsed; o->keyword; o++)
		if (strcmp(o->keyword, "client_encoding") != 0)
			put_option(ret, o->keyword, o->val);
	for (unsigned i = 0; i < N_ELEMENTS(defaults); i++)
		if (!value_of(parsed, defaults[i].name))
			put_option(ret, defaults[i].name, defaults[i].value);
	put_option(ret, "client_encoding", "UTF8");
	*ret_parsed = TAKE(parsed);
	return 0;
}

/* The first line of what libpq says, unless the password is in it. */
static int raise_connect(PGconn *conn, struct err *err)
{
	const char *all = conn ? PQerrorMessage(conn) : "out of memory";
	const char *password = conn ? PQpass(conn) : NULL;
	struct span line = { all, strcspn(all, "\n") };

	if (password && *password && strstr(all, password))
		line = span_of("see the server's log");
	return err_set(err, REASON_STORE, NULL, "the database cannot be reached: %.*s",
		(int)line.len, line.at);
}

/* What the server mentions beside its answers would go to our standard error. */
static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	log_debug(
		"database", LOG_STR("notice", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

static int check_server(PGconn *conn, struct err *err)
{
	const char *encoding = PQparameterStatus(conn, "server_encoding");

	if (PQserverVersion(conn) < VERSION_MIN)
		return err_set(err, REASON_CONFIG, "DATABASE_URL",
			"the server is PostgreSQL %d; 15 or newer is needed",
			PQserverVersion(conn) / 10000);
	if (!encoding || strcmp(encoding, "UTF8") != 0)
		return err_set(err, REASON_CONFIG, "DATABASE_URL",
			"the database's encoding is not UTF8; make one with: createdb -T template0 -E UTF8");
	return 0;
}

/* A schema that has tables, but not our table of migrations, is somebody else's. What extensions have
 * brought along does not count. */
static int check_ours(struct pg *pg, struct err *err)
{
	static const char format[] =
		"SELECT count(*), count(*) FILTER (WHERE c.relname = 'schema_migrations' AND "
		"obj_description(c.oid, 'pg_class') = 'wgkeeper %08x'), current_schema() "
		"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
		"WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
		"AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
		"AND d.objid = c.oid AND d.deptype = 'e')";
	scoped(pg_clearp) PGresult *result = NULL;
	char text[sizeof format + 16];
	int r;

	snprintf(text, sizeof text, format, pg->conf->application_id);
	r = pg_say(pg, text, &result, err);
	if (r < 0)
		return r;
	if (strcmp(PQgetvalue(result, 0, 0), "0") != 0 && !strcmp(PQgetvalue(result, 0, 1), "0"))
		return err_set(err, REASON_FOREIGN, "DATABASE_URL",
			"schema '%.64s' of the database holds another program's tables; make an empty "
			"database and put its name into DATABASE_URL",
			PQgetvalue(result, 0, 2));
	return 0;
}

static void advise(struct pg *pg, const char *text)
{
	for (unsigned i = 0; i < N_ELEMENTS(pg->advice); i++)
		if (!pg->advice[i]) {
			pg->advice[i] = text;
			return;
		}
}

/* Promise 2: an answer comes after the disk. A session may ask for that itself, but not mend a server
 * that never waits for its disk. */
static int check_durable(struct pg *pg, struct err *err)
{
	scoped(pg_clearp) PGresult *result = NULL;
	int r = pg_say(pg,
		"SELECT current_setting('fsync'), current_setting('full_page_writes'), "
		"current_setting('synchronous_commit')",
		&result, err);

	if (r < 0)
		return r;
	if (!strcmp(PQgetvalue(result, 0, 0), "off"))
		advise(pg,
			"the server runs with fsync=off: a power cut loses changes and may destroy the "
			"database; set fsync=on");
	if (!strcmp(PQgetvalue(result, 0, 1), "off"))
		advise(pg,
			"the server runs with full_page_writes=off: a power cut may destroy the database; "
			"set full_page_writes=on");
	if (strcmp(PQgetvalue(result, 0, 2), "off") != 0)
		return 0;
	advise(pg,
		"synchronous_commit is off for this user or database: it is switched on for the Console's "
		"connections; ALTER ROLE ... RESET synchronous_commit");
	return pg_say(pg, "SET synchronous_commit = on", NULL, err);
}

static bool is_local(const PGconn *conn)
{
	const char *host = PQhost(conn), *address = PQhostaddr(conn);

	return !*host || *host == '/' || *host == '@' || !strncmp(address, "127.", 4) ||
	       !strcmp(address, "::1");
}

/* Passwords and everything else go over this line. */
static void check_line(struct pg *pg)
{
	scoped(free_options) PQconninfoOption *options = PQconninfo(pg->conn);
	const char *mode = options ? value_of(options, "sslmode") : NULL;

	if (is_local(pg->conn))
		return;
	if (!PQsslInUse(pg->conn))
		advise(pg,
			"the connection to the database is not encrypted: whoever is in between reads and "
			"changes everything; add sslmode=verify-full to DATABASE_URL");
	else if (!mode || strncmp(mode, "verify-", 7) != 0)
		advise(pg,
			"the database's certificate is not checked: whoever is in between may be the "
			"database; add sslmode=verify-full to DATABASE_URL");
}

static int set_up(struct pg *pg, struct err *err)
{
	int r = check_server(pg->conn, err);

	memset(pg->advice, 0, sizeof pg->advice);
	check_line(pg);
	if (r >= 0)
		r = pg_say(pg, session_text, NULL, err);
	if (r >= 0)
		r = check_ours(pg, err);
	return r < 0 ? r : check_durable(pg, err);
}

static int connect_now(struct pg *pg, struct err *err)
{
	scoped(free_options) PQconninfoOption *parsed = NULL;
	struct options options;
	int r = read_options(pg->conf->url, &parsed, &options, err);

	if (r < 0)
		return r;
	pg->conn = PQconnectdbParams(options.names, options.values, 0);
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return raise_connect(pg->conn, err);
	PQsetNoticeReceiver(pg->conn, on_notice, NULL);
	return set_up(pg, err);
}

/* Whoever finds the server away waits as long again before the next try as this one took, so that
 * threads are not all spent on connecting. */
int pg_connect(struct pg *pg, struct err *err)
{
	int64_t began = time_monotonic_us(), took;
	int r;

	pg->connections++;
	pg->stale = false;
	pg->unused = 0;
	r = connect_now(pg, err);
	if (r >= 0)
		return r;
	pg_lose(pg);
	took = time_monotonic_us() - began;
	took = took < RETRY_MIN_US ? RETRY_MIN_US : took > RETRY_MAX_US ? RETRY_MAX_US : took;
	pg->retry_at_us = time_monotonic_us() + took;
	return r;
}
