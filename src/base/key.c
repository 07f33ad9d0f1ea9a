/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>
#include <string.h>

#include "base/key.h"
#include "base/parse.h"
#include "base/rng.h"

static bool decode(struct span text, int variant, struct wgkey *ret_key)
{
	struct wgkey key;
	size_t len;

	if (sodium_base642bin(key.bytes, sizeof key.bytes, text.at, text.len, NULL, &len, NULL,
		    variant) != 0 ||
		len != sizeof key.bytes)
		return false;
	*ret_key = key;
	sodium_memzero(&key, sizeof key);
	return true;
}

bool wgkey_parse(struct span text, struct wgkey *ret_key)
{
	return text.len == WGKEY_TEXT_SIZE - 1 &&
	       decode(text, sodium_base64_VARIANT_ORIGINAL, ret_key);
}

bool wgkey_parse_path(struct span text, struct wgkey *ret_key)
{
	if (text.len == WGKEY_URL_SIZE - 1)
		return decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, ret_key);
	return wgkey_parse(text, ret_key);
}

bool wgkey_parse_hex(struct span text, struct wgkey *ret_key)
{
	return parse_hex(text, ret_key->bytes, sizeof ret_key->bytes);
}

const char *wgkey_format(char buf[WGKEY_TEXT_SIZE], const struct wgkey *key)
{
	return sodium_bin2base64(buf, WGKEY_TEXT_SIZE, key->bytes, sizeof key->bytes,
		sodium_base64_VARIANT_ORIGINAL);
}

const char *wgkey_format_url(char buf[WGKEY_URL_SIZE], const struct wgkey *key)
{
	return sodium_bin2base64(buf, WGKEY_URL_SIZE, key->bytes, sizeof key->bytes,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

const char *wgkey_format_hex(char buf[65], const struct wgkey *key)
{
	return sodium_bin2hex(buf, 65, key->bytes, sizeof key->bytes);
}

bool wgkey_equal(const struct wgkey *a, const struct wgkey *b)
{
	return sodium_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool wgkey_is_zero(const struct wgkey *key)
{
	return sodium_is_zero(key->bytes, sizeof key->bytes);
}

/* 2^255-19, little endian */
static const uint8_t prime[32] = { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };

/* The points whose order divides 8, below the prime (with 0, which has its own message). */
static const uint8_t low_order[][32] = {
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
		0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f,
		0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
		0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0,
		0x9f, 0x11, 0x57 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f },
};

static bool below_prime(const struct wgkey *key)
{
	for (int i = 31; i >= 0; i--)
		if (key->bytes[i] != prime[i])
			return key->bytes[i] < prime[i];
	return false;
}

int wgkey_check_public(const struct wgkey *key, const char *field, struct err *err)
{
	if (wgkey_is_zero(key))
		return err_set(err, REASON_INVALID_KEY, field, "the public key is all zero");
	if (!below_prime(key))
		return err_set(err, REASON_INVALID_KEY, field,
			"not a canonical Curve25519 public key (a number below 2^255-19)");
	for (size_t i = 0; i < N_ELEMENTS(low_order); i++)
		if (!memcmp(key->bytes, low_order[i], sizeof key->bytes))
			return err_set(err, REASON_INVALID_KEY, field,
				"a point of low order is not usable as a public key");
	return 0;
}

void wgkey_generate(struct wgkey *ret_private)
{
	rng_bytes(ret_private->bytes, sizeof ret_private->bytes);
	ret_private->bytes[0] &= 248;
	ret_private->bytes[31] = (uint8_t)((ret_private->bytes[31] & 127) | 64);
}

void wgkey_generate_preshared(struct wgkey *ret_key)
{
	rng_bytes(ret_key->bytes, sizeof ret_key->bytes);
}

bool wgkey_public(const struct wgkey *private_key, struct wgkey *ret_public)
{
	return !wgkey_is_zero(private_key) &&
	       crypto_scalarmult_base(ret_public->bytes, private_key->bytes) == 0;
}

void wgkey_wipe(struct wgkey *key)
{
	sodium_memzero(key, sizeof *key);
}
