/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "http/tls.h"

enum { CHAIN_MAX = 16, RETIRED_US = 60 * USEC_PER_SEC };

/* No DHE groups: theirs is the handshake that costs us most. Safe renegotiation is not insisted on: nobody
 * renegotiates here, and who speaks TLS 1.3 alone does not offer it. */
const char tls_priorities[] =
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"
	":-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD"
	":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
	":%NO_TICKETS";

struct identity {
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n_chain;
	gnutls_privkey_t key;
	gnutls_x509_trust_list_t clients; /* NULL: nobody is asked */
	int64_t retired_us;
	struct identity *next; /* older ones that a handshake may still be using */
};

/* libmicrohttpd's callback gets the session and nothing of ours, so this is the process'. */
static struct identity *current;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	for (unsigned i = 0; i < identity->n_chain; i++)
		gnutls_pcert_deinit(&identity->chain[i]);
	if (identity->key)
		gnutls_privkey_deinit(identity->key);
	if (identity->clients)
		gnutls_x509_trust_list_deinit(identity->clients, 1);
	free(identity);
}
DEFINE_FREEP(struct identity, identity_free);

/*
 * Reading
 */

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

static int unusable(const char *field, const char *what, int code, struct err *err)
{
	return err_set(err, REASON_CONFIG, field, "%s: %s", what, gnutls_strerror(code));
}

static int read_chain(struct identity *identity, const char *pem, struct err *err)
{
	gnutls_datum_t text = datum(pem);
	unsigned n = CHAIN_MAX;
	int code = gnutls_pcert_list_import_x509_raw(identity->chain, &n, &text, GNUTLS_X509_FMT_PEM,
		GNUTLS_X509_CRT_LIST_SORT);

	if (code < 0)
		return unusable("server.tls_cert", "the certificate cannot be used", code, err);
	identity->n_chain = n;
	return 0;
}

static int read_key(struct identity *identity, const char *pem, struct err *err)
{
	gnutls_datum_t text = datum(pem);
	int code = gnutls_privkey_init(&identity->key);

	if (code >= 0)
		code = gnutls_privkey_import_x509_raw(
			identity->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	return code < 0 ? unusable("server.tls_key", "the private key cannot be used", code, err) : 0;
}

static int read_clients(struct identity *identity, const char *pem, struct err *err)
{
	gnutls_datum_t text;
	int code;

	if (!pem)
		return 0;
	text = datum(pem);
	code = gnutls_x509_trust_list_init(&identity->clients, 0);
	if (code >= 0)
		code = gnutls_x509_trust_list_add_trust_mem(
			identity->clients, &text, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
	/* the number of certificates: none would be nobody's authority */
	if (code == 0)
		code = GNUTLS_E_NO_CERTIFICATE_FOUND;
	return code < 0 ? unusable("server.client_ca", "the authority cannot be used", code, err) : 0;
}

static void pubkey_done(gnutls_pubkey_t *key)
{
	if (*key)
		gnutls_pubkey_deinit(*key);
}

/* A pair that is being replaced may be half old and half new. */
static int check_pair(struct identity *identity, struct err *err)
{
	scoped(pubkey_done) gnutls_pubkey_t key = NULL;
	uint8_t of_key[64], of_cert[64];
	size_t key_len = sizeof of_key, cert_len = sizeof of_cert;
	int code = gnutls_pubkey_init(&key);

	if (code >= 0)
		code = gnutls_pubkey_import_privkey(key, identity->key, 0, 0);
	if (code >= 0)
		code = gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &key_len);
	if (code >= 0)
		code = gnutls_pubkey_get_key_id(
			identity->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_cert, &cert_len);
	if (code < 0)
		return unusable("server.tls_key", "the private key cannot be used", code, err);
	if (key_len != cert_len || memcmp(of_key, of_cert, key_len) != 0)
		return err_set(err, REASON_CONFIG, "server.tls_key",
			"the private key does not belong to the certificate");
	return 0;
}

static int identity_read(const struct http_tls *tls, struct identity **ret_identity, struct err *err)
{
	scoped(identity_freep) struct identity *identity = calloc(1, sizeof *identity);
	int r;

	if (!identity)
		return err_nomem(err);
	r = read_chain(identity, tls->cert_pem, err);
	if (r >= 0)
		r = read_key(identity, tls->key_pem, err);
	if (r >= 0)
		r = check_pair(identity, err);
	if (r >= 0)
		r = read_clients(identity, tls->client_ca_pem, err);
	if (r < 0)
		return r;
	*ret_identity = TAKE(identity);
	return 0;
}

static void crt_done(gnutls_x509_crt_t *crt)
{
	if (*crt)
		gnutls_x509_crt_deinit(*crt);
}

static int check_dates(struct identity *identity, int64_t now_s, struct err *err)
{
	scoped(crt_done) gnutls_x509_crt_t crt = NULL;
	int code = gnutls_pcert_export_x509(&identity->chain[0], &crt);

	if (code < 0)
		return unusable("server.tls_cert", "the certificate cannot be used", code, err);
	if (gnutls_x509_crt_get_expiration_time(crt) <= now_s)
		return err_set(err, REASON_CONFIG, "server.tls_cert", "the certificate has expired");
	if (gnutls_x509_crt_get_activation_time(crt) > now_s)
		return err_set(err, REASON_CONFIG, "server.tls_cert",
			"the certificate is not valid yet; is the clock right?");
	return 0;
}

int tls_check(const struct http_tls *tls, int64_t now_s, struct err *err)
{
	scoped(identity_freep) struct identity *identity = NULL;
	int r = identity_read(tls, &identity, err);

	return r < 0 || !now_s ? r : check_dates(identity, now_s, err);
}

/*
 * In use
 */

/* With the lock held: a handshake is cut off after seconds, so after a minute nobody uses a retired one. */
static void free_retired(int64_t before_us)
{
	struct identity **at = current ? &current->next : &current;

	while (*at) {
		struct identity *identity = *at;

		if (identity->retired_us >= before_us) {
			at = &identity->next;
			continue;
		}
		*at = identity->next;
		identity_free(identity);
	}
}

int tls_use(const struct http_tls *tls, struct err *err)
{
	scoped(identity_freep) struct identity *identity = NULL;
	int r = identity_read(tls, &identity, err);
	int64_t now_us = time_monotonic_us();

	if (r < 0)
		return r;
	pthread_mutex_lock(&lock);
	if (current)
		current->retired_us = now_us;
	identity->next = current;
	current = TAKE(identity);
	free_retired(now_us - RETIRED_US);
	pthread_mutex_unlock(&lock);
	return 0;
}

void tls_done(void)
{
	pthread_mutex_lock(&lock);
	while (current) {
		struct identity *next = current->next;

		identity_free(current);
		current = next;
	}
	pthread_mutex_unlock(&lock);
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int n_authorities,
	const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **ret_chain,
	unsigned *ret_n_chain, gnutls_privkey_t *ret_key)
{
	struct identity *identity;

	(void)session;
	(void)authorities;
	(void)n_authorities;
	(void)algorithms;
	(void)n_algorithms;
	pthread_mutex_lock(&lock);
	identity = current;
	pthread_mutex_unlock(&lock);
	if (!identity)
		return -1;
	*ret_chain = identity->chain;
	*ret_n_chain = identity->n_chain;
	*ret_key = identity->key;
	return 0;
}

/*
 * Clients' certificates
 */

struct chain {
	gnutls_x509_crt_t certs[CHAIN_MAX];
	unsigned n;
};

static void chain_done(struct chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++)
		gnutls_x509_crt_deinit(chain->certs[i]);
}

static int import(const gnutls_datum_t *der, unsigned n, struct chain *chain)
{
	int code = n <= CHAIN_MAX ? 0 : GNUTLS_E_CERTIFICATE_ERROR;

	for (unsigned i = 0; i < n && code >= 0; i++) {
		code = gnutls_x509_crt_init(&chain->certs[i]);
		if (code < 0)
			break;
		chain->n++;
		code = gnutls_x509_crt_import(chain->certs[i], &der[i], GNUTLS_X509_FMT_DER);
	}
	return code;
}

/* Of the authority, valid now, and made for clients, where it says what for (RFC 5280 section 4.2.1.12). */
static bool is_trusted(struct chain *chain)
{
	static char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st wanted = { GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)purpose, 0 };
	unsigned status = GNUTLS_CERT_INVALID;
	int code = GNUTLS_E_CERTIFICATE_ERROR;

	pthread_mutex_lock(&lock);
	if (current && current->clients)
		code = gnutls_x509_trust_list_verify_crt2(current->clients, chain->certs, chain->n,
			&wanted, 1, 0, &status, NULL);
	pthread_mutex_unlock(&lock);
	return code >= 0 && status == 0;
}

/* Non-zero ends the handshake. Without a certificate it is not for here: who may do without was decided when
 * the session began. */
static int verify_client(gnutls_session_t session)
{
	scoped(chain_done) struct chain chain = { 0 };
	unsigned n = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &n);

	if (!der || n == 0)
		return 0;
	return import(der, n, &chain) >= 0 && is_trusted(&chain) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

bool tls_has_client_certificate(gnutls_session_t session)
{
	unsigned n = 0;

	return session && gnutls_certificate_get_peers(session, &n) && n > 0;
}

/*
 * Sessions
 */

static bool is_loopback(const struct cidr *peer)
{
	static const uint8_t six[16] = { [15] = 1 };

	return peer->family == IP_V6 ? !memcmp(peer->addr, six, sizeof six) : peer->addr[0] == 127;
}

gnutls_session_t tls_begin(struct MHD_Connection *connection, const struct cidr *peer)
{
	static char http11[] = "http/1.1";
	const gnutls_datum_t protocol = { (unsigned char *)http11, sizeof http11 - 1 };
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_session_t session = info ? info->tls_session : NULL;
	bool asks;

	if (!session)
		return NULL;
	/* who speaks something else only is told so (RFC 7301 section 3.2) */
	(void)gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
	pthread_mutex_lock(&lock);
	asks = current && current->clients;
	pthread_mutex_unlock(&lock);
	if (asks) {
		gnutls_certificate_server_set_request(
			session, is_loopback(peer) ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_function(session, verify_client);
	}
	return session;
}

bool tls_is_done(gnutls_session_t session)
{
	gnutls_handshake_description_t last = gnutls_handshake_get_last_in(session);

	return last == GNUTLS_HANDSHAKE_FINISHED || last == GNUTLS_HANDSHAKE_KEY_UPDATE;
}
