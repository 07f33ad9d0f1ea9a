/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/key.h"
#include "base/test.h"

TEST(texts_go_both_ways)
{
	struct wgkey key, back;
	char text[WGKEY_TEXT_SIZE], url[WGKEY_URL_SIZE], hex[65];

	wgkey_generate(&key);
	assert_int_equal(strlen(wgkey_format(text, &key)), 44);
	assert_true(wgkey_parse(span_of(text), &back));
	assert_true(wgkey_equal(&key, &back));
	assert_int_equal(strlen(wgkey_format_url(url, &key)), 43);
	assert_true(wgkey_parse_path(span_of(url), &back));
	assert_true(wgkey_equal(&key, &back));
	assert_true(wgkey_parse_path(span_of(text), &back));
	assert_true(wgkey_parse_hex(span_of(wgkey_format_hex(hex, &key)), &back));
	assert_true(wgkey_equal(&key, &back));
}

TEST(only_canonical_base64_is_taken)
{
	static const char *const cases[] = { "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ",
		" AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct wgkey key;

		assert_false(wgkey_parse(span_of(cases[i]), &key));
	}
}

/* libsodium is the second opinion: it refuses every point of low order. */
static int sodium_refuses(const struct wgkey *key)
{
	unsigned char out[32], scalar[32] = { 8, 1 };

	scalar[31] = 64;
	return crypto_scalarmult(out, scalar, key->bytes) != 0;
}

TEST(unusable_public_keys)
{
	static const char *const cases[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct err err;
	struct wgkey key;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		assert_true(wgkey_parse_hex(span_of(cases[i]), &key));
		assert_true(sodium_refuses(&key));
		assert_fails(wgkey_check_public(&key, "publicKey", &err), &err, REASON_INVALID_KEY);
		assert_string_equal(err.field, "publicKey");
	}
	memset(&key, 9, sizeof key);
	key.bytes[31] = 0x89; /* the top bit: another name of a good key */
	assert_fails(wgkey_check_public(&key, "publicKey", &err), &err, REASON_INVALID_KEY);
}

TEST(generated_keys_are_good)
{
	struct wgkey private_key, public_key;
	struct err err;

	for (int i = 0; i < 100; i++) {
		wgkey_generate(&private_key);
		assert_int_equal(private_key.bytes[0] & 7, 0);
		assert_int_equal(private_key.bytes[31] >> 6, 1);
		assert_true(wgkey_public(&private_key, &public_key));
		assert_ok(wgkey_check_public(&public_key, "", &err), &err);
	}
	wgkey_wipe(&private_key);
	assert_false(wgkey_public(&private_key, &public_key));
}

/* wireguard-tools (`wg pubkey`) is the second opinion. */
TEST(public_of_a_known_private_key)
{
	struct wgkey private_key = { { 64 } }, public_key;
	char text[WGKEY_TEXT_SIZE];

	for (uint8_t i = 0; i < 32; i++)
		private_key.bytes[i] = (uint8_t)(i + 1);
	private_key.bytes[0] = 0;
	private_key.bytes[31] = 0x60;
	assert_true(wgkey_public(&private_key, &public_key));
	assert_string_equal(wgkey_format(text, &public_key), "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_go_both_ways),
		cmocka_unit_test(only_canonical_base64_is_taken),
		cmocka_unit_test(unusable_public_keys),
		cmocka_unit_test(generated_keys_are_good),
		cmocka_unit_test(public_of_a_known_private_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
