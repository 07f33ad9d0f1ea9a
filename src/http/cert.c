/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "base/parse.h"
#include "base/rng.h"
#include "http/cert.h"

enum { VALID_DAYS = 3650, PEM_MAX = 4096 };

static void privkey_done(gnutls_x509_privkey_t *key)
{
	if (*key)
		gnutls_x509_privkey_deinit(*key);
}

static void crt_done(gnutls_x509_crt_t *crt)
{
	if (*crt)
		gnutls_x509_crt_deinit(*crt);
}

static int tls_error(int code, struct err *err)
{
	return err_set(err, REASON_INTERNAL, NULL, "TLS key: %s", gnutls_strerror(code));
}

static int sign(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *name)
{
	uint8_t serial[16];
	time_t now = time(NULL);
	int code;

	rng_bytes(serial, sizeof serial);
	serial[0] &= 0x7f; /* positive */
	code = gnutls_x509_crt_set_version(crt, 3);
	if (code >= 0)
		code = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
	if (code >= 0)
		code = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
			(unsigned)strlen(name));
	if (code >= 0)
		code = gnutls_x509_crt_set_activation_time(crt, now - 86400);
	if (code >= 0)
		code = gnutls_x509_crt_set_expiration_time(crt, now + VALID_DAYS * 86400L);
	if (code >= 0)
		code = gnutls_x509_crt_set_key(crt, key);
	if (code >= 0)
		code = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	return code;
}

static int export_pem(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char **ret_cert_pem,
	const char **ret_key_pem, struct arena *arena, struct err *err)
{
	char cert[PEM_MAX], private_key[PEM_MAX];
	size_t cert_len = sizeof cert, key_len = sizeof private_key;
	int code = gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, cert, &cert_len);

	if (code >= 0)
		code = gnutls_x509_privkey_export(
			key, GNUTLS_X509_FMT_PEM, private_key, &key_len);
	if (code < 0)
		return tls_error(code, err);
	*ret_cert_pem = arena_strndup(arena, (struct span){ cert, cert_len });
	*ret_key_pem = arena_secret(arena, (struct span){ private_key, key_len });
	sodium_memzero(private_key, sizeof private_key);
	return *ret_cert_pem && *ret_key_pem ? 0 : arena_full(arena, err);
}

int cert_make(const char *name, const char **ret_cert_pem, const char **ret_key_pem,
	struct arena *arena, struct err *err)
{
	scoped(privkey_done) gnutls_x509_privkey_t key = NULL;
	scoped(crt_done) gnutls_x509_crt_t crt = NULL;
	int code = gnutls_x509_privkey_init(&key);

	if (code >= 0)
		code = gnutls_x509_privkey_generate2(key, GNUTLS_PK_ECDSA,
			GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0, NULL, 0);
	if (code >= 0)
		code = gnutls_x509_crt_init(&crt);
	if (code >= 0)
		code = sign(crt, key, name);
	if (code < 0)
		return tls_error(code, err);
	return export_pem(crt, key, ret_cert_pem, ret_key_pem, arena, err);
}

static int import(struct span text, gnutls_x509_crt_fmt_t format, gnutls_x509_crt_t *ret_crt,
	struct err *err)
{
	gnutls_datum_t data = { (unsigned char *)(uintptr_t)text.at, (unsigned)text.len };
	scoped(crt_done) gnutls_x509_crt_t crt = NULL;
	int code = gnutls_x509_crt_init(&crt);

	if (code >= 0)
		code = gnutls_x509_crt_import(crt, &data, format);
	if (code < 0)
		return err_set(err, REASON_CONFIG, NULL, "not a certificate: %s",
			gnutls_strerror(code));
	*ret_crt = TAKE(crt);
	return 0;
}

static int pin_of(struct span text, gnutls_x509_crt_fmt_t format, struct digest *ret_pin, struct err *err)
{
	scoped(crt_done) gnutls_x509_crt_t crt = NULL;
	size_t size = sizeof ret_pin->bytes;
	int code, r = import(text, format, &crt, err);

	if (r < 0)
		return r;
	code = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, ret_pin->bytes, &size);
	if (code < 0)
		return err_set(err, REASON_CONFIG, NULL, "not a certificate: %s",
			gnutls_strerror(code));
	return 0;
}

int cert_pin(const char *cert_pem, struct digest *ret_pin, struct err *err)
{
	return pin_of(span_of(cert_pem), GNUTLS_X509_FMT_PEM, ret_pin, err);
}

int cert_pin_der(struct span der, struct digest *ret_pin, struct err *err)
{
	return pin_of(der, GNUTLS_X509_FMT_DER, ret_pin, err);
}

int cert_expires(const char *cert_pem, struct timestamp *ret_at, struct err *err)
{
	scoped(crt_done) gnutls_x509_crt_t crt = NULL;
	int r = import(span_of(cert_pem), GNUTLS_X509_FMT_PEM, &crt, err);
	time_t at;

	if (r < 0)
		return r;
	at = gnutls_x509_crt_get_expiration_time(crt);
	if (at == (time_t)-1)
		return err_set(err, REASON_CONFIG, NULL, "the certificate does not say when it ends");
	ret_at->us = (int64_t)at * USEC_PER_SEC;
	return 0;
}

const char *pin_format(char buf[PIN_TEXT_SIZE], const struct digest *pin)
{
	memcpy(buf, "sha256//", 8);
	sodium_bin2base64(buf + 8, PIN_TEXT_SIZE - 8, pin->bytes, sizeof pin->bytes,
		sodium_base64_VARIANT_ORIGINAL);
	return buf;
}

const char *pin_format_hex(char buf[PIN_HEX_SIZE], const struct digest *pin)
{
	for (size_t i = 0; i < sizeof pin->bytes; i++)
		snprintf(buf + 3 * i, i + 1 < sizeof pin->bytes ? 4 : 3,
			i + 1 < sizeof pin->bytes ? "%02X:" : "%02X", pin->bytes[i]);
	return buf;
}

static bool from_base64(struct span text, int variant, struct digest *pin)
{
	size_t len;

	return sodium_base642bin(pin->bytes, sizeof pin->bytes, text.at, text.len, NULL, &len, NULL,
		       variant) == 0 &&
	       len == sizeof pin->bytes;
}

bool pin_parse(struct span text, struct digest *ret_pin)
{
	struct digest pin;
	char hex[64];
	size_t n = 0;
	bool ok;

	if (span_starts(text, "sha256//"))
		ok = from_base64((struct span){ text.at + 8, text.len - 8 },
			sodium_base64_VARIANT_ORIGINAL, &pin);
	else if (text.len == 43)
		ok = from_base64(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, &pin);
	else {
		for (size_t i = 0; i < text.len && n < sizeof hex; i++)
			if (text.at[i] != ':')
				hex[n++] = text.at[i];
		ok = (text.len == 64 || text.len == 95) &&
		     parse_hex((struct span){ hex, n }, pin.bytes, sizeof pin.bytes);
	}
	if (ok)
		*ret_pin = pin;
	return ok;
}
