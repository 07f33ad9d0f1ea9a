/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/conf.h"

#include <ctype.h>

#include "conf/conf.h"

enum { SECRET_KEY_MIN = 32, DISTINCT_MIN = 8 };

#define CONF(member, ...) FIELD(struct console_conf, member, __VA_ARGS__)
/* clang-format off */
static const struct field conf_fields[] = {
	CONF(port, .env = "PORT", .dflt = "8080", .min = 1, .max = 65535, .flags = F_BLANK, .doc = "TCP port of UI and API."),
	CONF(bind, .env = "BIND", .dflt = "", .max = 64, .doc = "Address to serve on; empty: all."),
	CONF(database_url, .env = "DATABASE_URL", .flags = F_REQUIRED | F_SECRET, .max = 1024, .doc = "file:/path/to/console.db, or postgres://user:password@host:5432/database"),
	CONF(secret_key, .env = "SECRET_KEY", .flags = F_REQUIRED | F_SECRET, .max = 1024, .doc = "Seals what is secret in the database; 32 bytes or more."),
	CONF(admin_username, .env = "BOOTSTRAP_ADMIN_USERNAME", .flags = F_NULLABLE | F_BLANK, .min = 1, .max = 64, .doc = "The first operator, made when there is none."),
	CONF(admin_password, .env = "BOOTSTRAP_ADMIN_PASSWORD", .flags = F_NULLABLE | F_SECRET | F_BLANK, .max = 256, .doc = "Password to change at the first sign-in."),
	CONF(cookie_secure, .env = "COOKIE_SECURE", .dflt = "false", .flags = F_BLANK, .doc = "Cookies over HTTPS only."),
	CONF(trusted_proxies, .env = "TRUSTED_PROXIES", .of = FIELD_CIDR, .flags = F_BLANK, .max = 64, .doc = "Proxies whose X-Forwarded-For is believed."),
	CONF(session_ttl_s, .env = "SESSION_TTL", .dflt = "43200", .min = 300, .max = 86400, .flags = F_BLANK, .doc = "Seconds a session lasts at most."),
	{ 0 },
};
/* clang-format on */
const struct type console_conf_type = TYPE(struct console_conf, "console", conf_fields);

/* What stands in examples, in lower case without punctuation. */
static const char *const placeholders[] = { "changeme", "replaceme", "yoursecretkey", "secretkey",
	"placeholder", "example", "insertkeyhere", "generateme", "todo", "default" };

static bool is_placeholder(const struct secret *key)
{
	char plain[1024];
	size_t n = 0;

	for (size_t i = 0; i < key->len && n < sizeof plain - 1; i++)
		if (isalnum((unsigned char)key->at[i]))
			plain[n++] = (char)tolower((unsigned char)key->at[i]);
	plain[n] = '\0';
	for (size_t i = 0; i < N_ELEMENTS(placeholders); i++)
		if (strstr(plain, placeholders[i])) {
			explicit_bzero(plain, sizeof plain);
			return true;
		}
	explicit_bzero(plain, sizeof plain);
	return false;
}

static unsigned distinct(const struct secret *key)
{
	bool seen[256] = { false };
	unsigned n = 0;

	for (size_t i = 0; i < key->len; i++) {
		n += !seen[(unsigned char)key->at[i]];
		seen[(unsigned char)key->at[i]] = true;
	}
	return n;
}

static int check_secret(const struct secret *key, struct err *err)
{
	static const char remedy[] = "make one with: openssl rand -base64 32";

	if (key->len < SECRET_KEY_MIN)
		return err_set(err, REASON_CONFIG, "SECRET_KEY",
			"SECRET_KEY must have at least %d bytes; %s", SECRET_KEY_MIN, remedy);
	if (is_placeholder(key) || distinct(key) < DISTINCT_MIN)
		return err_set(err, REASON_CONFIG, "SECRET_KEY",
			"SECRET_KEY is a placeholder, not a secret; %s", remedy);
	return 0;
}

static int check_database(struct span url, struct err *err)
{
	if (span_starts(url, "file:") || span_starts(url, "postgres://") ||
		span_starts(url, "postgresql://"))
		return 0;
	return err_set(err, REASON_CONFIG, "DATABASE_URL",
		"DATABASE_URL must be file:/path/to/console.db or "
		"postgres://user:password@host:5432/database");
}

int console_conf_read(struct console_conf *ret_conf, struct arena *arena, struct err *err)
{
	int r;

	*ret_conf = (struct console_conf){ 0 };
	r = conf_read_env(&console_conf_type, ret_conf, arena, err);
	if (r >= 0)
		r = check_secret(&ret_conf->secret_key, err);
	if (r >= 0 && !ret_conf->admin_username != !ret_conf->admin_password.at)
		r = err_set(err, REASON_CONFIG, "BOOTSTRAP_ADMIN_PASSWORD",
			"give both BOOTSTRAP_ADMIN_USERNAME and BOOTSTRAP_ADMIN_PASSWORD, or neither");
	return r < 0 ? r : check_database(span_of(ret_conf->database_url.at), err);
}
