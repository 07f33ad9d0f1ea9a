/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Certificates that are renewed while we run: with `server.tls: files`, and the clients' authority.
 *
 * Whoever renews them replaces files, or folders, or symbolic links, in an order of their own, and tells
 * nobody. So the files are looked at every few seconds (or on SIGHUP), and a pair is taken when it is one:
 * until then, and when it never becomes one, the old one stays in use.
 */
#include <sys/stat.h>

#include "crypto/digest.h"
#include "http/server.h"
#include "http/tls.h"
#include "log/log.h"
#include "node/keeper/keeper.h"

enum { LOOK_US = 2 * USEC_PER_SEC, TLS_ARENA = 1024 * 1024 };

/* What tells one state of the files from another. */
struct look {
	uint64_t device, inode, size, s, ns;
};

static uint64_t look_at(const struct node_conf *conf)
{
	const char *files[] = { conf->tls_cert, conf->tls_key, conf->client_ca };
	struct look looks[N_ELEMENTS(files)] = { 0 };
	struct digest digest;
	struct stat st;
	uint64_t seen;

	for (unsigned i = 0; i < N_ELEMENTS(files); i++)
		if (files[i] && stat(files[i], &st) == 0)
			looks[i] = (struct look){ st.st_dev, st.st_ino, (uint64_t)st.st_size,
				(uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec };
	digest = digest_of((struct span){ (const char *)looks, sizeof looks });
	memcpy(&seen, digest.bytes, sizeof seen);
	return seen;
}

struct texts {
	struct arena *arena;
	const char *cert, *key, *client_ca;
};

static void texts_done(struct texts *texts)
{
	arena_free(texts->arena);
}

static bool is_renewable(const struct keeper *k)
{
	return k->conf.tls == NODE_TLS_FILES || k->conf.client_ca;
}

/* `now_s` 0: whatever the certificate's dates. */
static int read_texts(const struct keeper *k, int64_t now_s, struct texts *texts, struct err *err)
{
	struct http_tls tls;
	size_t len;
	int r;

	texts->arena = arena_new(TLS_ARENA);
	if (!texts->arena)
		return err_nomem(err);
	r = identity_tls(&k->conf, k->host, &texts->cert, &texts->key, texts->arena, err);
	if (r >= 0)
		r = identity_client_ca(&k->conf, &texts->client_ca, texts->arena, err);
	if (r < 0 || !texts->cert)
		return r;
	len = strlen(texts->cert) + strlen(texts->key) + strlen(texts->client_ca ?: "");
	if (len > IPC_PEM_MAX)
		return err_set(err, REASON_CONFIG, "server.tls_cert",
			"certificates and key have %zu bytes; they may have %zu together", len,
			(size_t)IPC_PEM_MAX);
	/* a pair of our own making is one */
	if (!is_renewable(k))
		return 0;
	tls = (struct http_tls){ texts->cert, texts->key, texts->client_ca };
	return tls_check(&tls, now_s, err);
}

static void use(struct keeper *k, struct texts *texts)
{
	arena_free(k->renewal.arena);
	k->renewal.arena = TAKE(texts->arena);
	k->cert_pem = texts->cert;
	k->key_pem = texts->key;
	k->client_ca_pem = texts->client_ca;
}

/* Better an expired certificate than no API: the Console goes by the key. */
static void warn_of_dates(const struct keeper *k)
{
	struct http_tls tls = { k->cert_pem, k->key_pem, NULL };
	struct err err;

	if (tls_check(&tls, time_now().us / USEC_PER_SEC, &err) < 0)
		log_warn("the certificate is out of date; it is used all the same", LOG_ERR(&err));
}

int renew_open(struct keeper *k, struct err *err)
{
	scoped(texts_done) struct texts texts = { 0 };
	uint64_t seen = look_at(&k->conf);
	int r = read_texts(k, 0, &texts, err);

	if (r < 0)
		return r;
	use(k, &texts);
	if (!is_renewable(k))
		return 0;
	warn_of_dates(k);
	k->renewal.seen = seen;
	k->renewal.next_us = time_monotonic_us() + LOOK_US;
	return 0;
}

static bool is_same(const struct keeper *k, const struct texts *texts)
{
	return !strcmp(k->cert_pem, texts->cert) && !strcmp(k->key_pem, texts->key) &&
	       !strcmp(k->client_ca_pem ?: "", texts->client_ca ?: "");
}

void renew_check(struct keeper *k, bool now)
{
	scoped(texts_done) struct texts texts = { 0 };
	uint64_t seen;
	struct err err;

	if (k->renewal.unsent)
		k->renewal.unsent = !keeper_send_setup(k, false);
	if (!k->renewal.next_us || (!now && k->renewal.next_us > time_monotonic_us()))
		return;
	k->renewal.next_us = time_monotonic_us() + LOOK_US;
	seen = look_at(&k->conf);
	if (!now && seen == k->renewal.seen)
		return;
	k->renewal.seen = seen; /* what is wrong with it is told once */
	if (read_texts(k, time_now().us / USEC_PER_SEC, &texts, &err) < 0) {
		log_warn("the certificate's files have changed and cannot be used; the old ones stay",
			LOG_ERR(&err));
		return;
	}
	if (is_same(k, &texts))
		return;
	use(k, &texts);
	k->renewal.unsent = !keeper_send_setup(k, false);
	log_notice("certificate renewed", LOG_STR("file", k->conf.tls_cert ?: k->conf.client_ca));
}

void renew_done(struct keeper *k)
{
	arena_free(k->renewal.arena);
	k->renewal.arena = NULL;
}
