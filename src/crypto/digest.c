/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/rng.h"
#include "crypto/digest.h"

struct digest digest_of(struct span text)
{
	return digest_of_many(&text, 1);
}

struct digest digest_of_many(const struct span *pieces, size_t n)
{
	crypto_hash_sha256_state state;
	struct digest digest;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < n; i++)
		crypto_hash_sha256_update(&state, (const uint8_t *)pieces[i].at, pieces[i].len);
	crypto_hash_sha256_final(&state, digest.bytes);
	sodium_memzero(&state, sizeof state);
	return digest;
}

struct digest digest_hmac(struct span key, struct span text)
{
	crypto_auth_hmacsha256_state state;
	struct digest digest;

	crypto_auth_hmacsha256_init(&state, (const uint8_t *)key.at, key.len);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)text.at, text.len);
	crypto_auth_hmacsha256_final(&state, digest.bytes);
	sodium_memzero(&state, sizeof state);
	return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return sodium_memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

const char *digest_hex(char buf[DIGEST_HEX_SIZE], const struct digest *digest)
{
	return sodium_bin2hex(buf, DIGEST_HEX_SIZE, digest->bytes, DIGEST_SIZE);
}

const char *token_make(char buf[TOKEN_TEXT_SIZE])
{
	uint8_t bytes[TOKEN_BYTES];

	rng_bytes(bytes, sizeof bytes);
	sodium_bin2base64(buf, TOKEN_TEXT_SIZE, bytes, sizeof bytes,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof bytes);
	return buf;
}
