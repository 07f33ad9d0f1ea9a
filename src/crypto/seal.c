/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>
#include <stdio.h>

#include "base/rng.h"
#include "crypto/seal.h"

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	PLAIN_MAX = 64 * 1024,
};

static const char version[] = "v1.";

void seal_key_derive(struct span master, struct seal_key *ret_key)
{
	static const char context[] = "wgkeeper seal key v1", id_context[] = "wgkeeper seal id v1";
	uint8_t id[SEAL_ID_SIZE / 2 < crypto_generichash_BYTES_MIN ? crypto_generichash_BYTES_MIN
								  : SEAL_ID_SIZE / 2];
	uint8_t digest[32];

	/* generichash takes keys of at most 64 bytes, a master secret may be longer */
	crypto_generichash(digest, sizeof digest, (const uint8_t *)master.at, master.len, NULL, 0);
	crypto_generichash(ret_key->bytes, sizeof ret_key->bytes, (const uint8_t *)context,
		sizeof context - 1, digest, sizeof digest);
	crypto_generichash(id, sizeof id, (const uint8_t *)id_context, sizeof id_context - 1,
		ret_key->bytes, sizeof ret_key->bytes);
	sodium_bin2hex(ret_key->id, sizeof ret_key->id, id, SEAL_ID_SIZE / 2);
	sodium_memzero(digest, sizeof digest);
}

void seal_key_wipe(struct seal_key *key)
{
	sodium_memzero(key, sizeof *key);
}

/* What the tag also covers: format, key and place. */
static void put_place(struct sbuf *out, const struct seal_key *key, const char *place)
{
	sbuf_printf(out, "%s%s.%s", version, key->id, place);
}

int seal(const struct seal_key *key, const char *place, struct span plain, struct sbuf *out,
	struct err *err)
{
	scoped(sbuf_done) struct sbuf ad = SBUF_INIT(512), bytes = SBUF_INIT(PLAIN_MAX + NONCE + TAG);
	size_t size = NONCE + plain.len + TAG;
	uint8_t *at = (uint8_t *)sbuf_room(&bytes, size);
	char *text;

	put_place(&ad, key, place);
	if (!at || sbuf_finish(&ad, err) < 0)
		return err_set(err, REASON_TOO_LARGE, NULL, "a secret of %zu bytes", plain.len);
	rng_bytes(at, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE, NULL, (const uint8_t *)plain.at,
		plain.len, (const uint8_t *)ad.data, ad.len, NULL, at, key->bytes);
	sbuf_printf(out, "%s%s.", version, key->id);
	text = sbuf_room(out, sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL));
	if (text) {
		sodium_bin2base64(text,
			sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL), at, size,
			sodium_base64_VARIANT_ORIGINAL);
		out->len += strlen(text);
	}
	return sbuf_finish(out, err);
}

static int not_ours(struct err *err)
{
	return err_set(err, REASON_STORE_CORRUPT, NULL,
		"a stored secret cannot be opened: it was sealed under another SECRET_KEY, or was "
		"altered");
}

static bool decode(struct span text, uint8_t *bytes, size_t *ret_len)
{
	return sodium_base642bin(bytes, text.len, text.at, text.len, NULL, ret_len, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       *ret_len >= NONCE + TAG;
}

int seal_open(const struct seal_key *key, const char *place, struct span record,
	struct secret *ret_plain, struct arena *arena, struct err *err)
{
	scoped(sbuf_done) struct sbuf ad = SBUF_INIT(512);
	size_t head = strlen(version) + SEAL_ID_SIZE + 1, len;
	uint8_t *bytes;
	char *plain;

	put_place(&ad, key, place);
	if (sbuf_finish(&ad, err) < 0 || record.len <= head ||
		memcmp(record.at, ad.data, head) != 0)
		return not_ours(err);
	bytes = arena_alloc(arena, record.len);
	if (!bytes)
		return arena_full(arena, err);
	if (!decode((struct span){ record.at + head, record.len - head }, bytes, &len))
		return not_ours(err);
	plain = arena_secret(arena, (struct span){ (const char *)bytes, len - NONCE - TAG });
	if (!plain)
		return arena_full(arena, err);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)plain, NULL, NULL, bytes + NONCE,
		    len - NONCE, (const uint8_t *)ad.data, ad.len, bytes, key->bytes) != 0)
		return not_ours(err);
	*ret_plain = (struct secret){ plain, len - NONCE - TAG };
	return 0;
}
