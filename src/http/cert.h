/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Self-made TLS keys, and the pin a client knows them by.
 *
 * A pin is the SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469 section
 * 2.4), written "sha256//BASE64" as curl takes it. It survives a new certificate for
 * the same key.
 */

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "crypto/digest.h"

enum { PIN_TEXT_SIZE = 8 + 44 + 1, PIN_HEX_SIZE = 32 * 3 };

/** A new ECDSA P-256 key and a certificate for `name` of ten years (RFC 5280; a pin does not expire, a
 * certificate must), both as PEM in the arena. The key is wiped with it. */
int cert_make(const char *name, const char **ret_cert_pem, const char **ret_key_pem,
	struct arena *arena, struct err *err) must_check;

/** The pin of the first certificate in a PEM text. REASON_CONFIG: none, or malformed. */
int cert_pin(const char *cert_pem, struct digest *ret_pin, struct err *err) must_check;

/** The same of a certificate as it comes in a handshake, DER. */
int cert_pin_der(struct span der, struct digest *ret_pin, struct err *err) must_check;

/** When the first certificate in a PEM text stops being valid. REASON_CONFIG: none, or malformed. */
int cert_expires(const char *cert_pem, struct timestamp *ret_at, struct err *err) must_check;

/** "sha256//BASE64". Returns `buf`. */
const char *pin_format(char buf[PIN_TEXT_SIZE], const struct digest *pin);

/** "5E:1A:…". Returns `buf`. */
const char *pin_format_hex(char buf[PIN_HEX_SIZE], const struct digest *pin);

/** Takes "sha256//BASE64", base64url of 43 characters, and hexadecimal with or without colons. */
bool pin_parse(struct span text, struct digest *ret_pin);
