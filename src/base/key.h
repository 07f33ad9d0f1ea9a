/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * WireGuard's keys: 32 bytes, and the texts they travel as. Curve25519 (RFC 7748)
 * for private and public keys; a preshared key is any 32 bytes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct wgkey {
	uint8_t bytes[32];
};

#define WGKEY_TEXT_SIZE 45 /* base64, and a NUL */
#define WGKEY_URL_SIZE  44 /* base64url without padding, and a NUL */

/** WireGuard's own text: 44 characters of base64, canonical (no stray bits at the end). */
bool wgkey_parse(struct span text, struct wgkey *ret_key);

/** As it stands in a path: 43 characters of base64url without padding, or wgkey_parse()'s. */
bool wgkey_parse_path(struct span text, struct wgkey *ret_key);

/** 64 hexadecimal digits, as the userspace protocol has them. */
bool wgkey_parse_hex(struct span text, struct wgkey *ret_key);

/** Each writes a NUL-terminated text and returns `buf`. */
const char *wgkey_format(char buf[WGKEY_TEXT_SIZE], const struct wgkey *key);
const char *wgkey_format_url(char buf[WGKEY_URL_SIZE], const struct wgkey *key);
const char *wgkey_format_hex(char buf[65], const struct wgkey *key);

/** Takes constant time. */
bool wgkey_equal(const struct wgkey *a, const struct wgkey *b);
bool wgkey_is_zero(const struct wgkey *key);

/** Whether a peer may have this public key: REASON_INVALID_KEY for zero, a point of low order, the
 * top bit set, or a number of 2^255-19 and above (RFC 7748 section 5 would reduce it, and one
 * key would then have two names). `field` is put into the error. */
int wgkey_check_public(const struct wgkey *key, const char *field, struct err *err) must_check;

/** A fresh private key, clamped. */
void wgkey_generate(struct wgkey *ret_private);

/** A fresh preshared key. */
void wgkey_generate_preshared(struct wgkey *ret_key);

/** False when the private key is unusable (all zero). */
bool wgkey_public(const struct wgkey *private_key, struct wgkey *ret_public);

/** For scoped(): overwrites the key. */
void wgkey_wipe(struct wgkey *key);
