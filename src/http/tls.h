/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * TLS of the server: which key it shows, whose certificates it takes.
 *
 * A process has one identity. It may be replaced while the server runs: handshakes under
 * way end with the old one, connections never notice. Without a client authority nobody
 * is asked for a certificate; with one, who shows none gets no further than the
 * handshake. Only programs on this machine do, and what they may see is the app's to say.
 */

#include <gnutls/abstract.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"

struct MHD_Connection;

struct http_tls {
	const char *cert_pem, *key_pem;
	const char *client_ca_pem; /* NULL: clients show no certificates */
};

/** Protocols, ciphers and groups, as GnuTLS writes them: TLS 1.3, and 1.2 with ephemeral keys and AEAD. */
extern const char tls_priorities[];

/** Whether this would do: texts that parse, a key that belongs to the certificate, which is valid at `now_s`
 * (seconds since 1970; 0: whenever). REASON_CONFIG says what is wrong. */
int tls_check(const struct http_tls *tls, int64_t now_s, struct err *err) must_check;

/** Shows this identity from the next handshake on; copies, and keeps what is in use when it fails. As
 * tls_check(), without the dates. */
int tls_use(const struct http_tls *tls, struct err *err) must_check;

/** Forgets all keys. Nobody is connected any more. */
void tls_done(void);

/** For libmicrohttpd's MHD_OPTION_HTTPS_CERT_CALLBACK. */
gnutls_certificate_retrieve_function2 tls_retrieve;

/** Prepares a connection's session before its handshake; NULL when it has none. */
gnutls_session_t tls_begin(struct MHD_Connection *connection, const struct cidr *peer);

/** Whether the handshake is over. */
bool tls_is_done(gnutls_session_t session);

/** Whether the client showed a certificate (an unacceptable one ends the handshake). */
bool tls_has_client_certificate(gnutls_session_t session);
