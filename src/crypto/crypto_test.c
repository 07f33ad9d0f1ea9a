/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "crypto/digest.h"
#include "crypto/password.h"
#include "crypto/seal.h"

static const char master[] = "0123456789abcdef0123456789abcdef";

TEST(a_sealed_secret_opens_where_it_belongs)
{
	scoped(arena_freep) struct arena *arena = arena_new(100000);
	scoped(sbuf_done) struct sbuf record = SBUF_INIT(4096);
	scoped(seal_key_wipe) struct seal_key key, other;
	struct secret plain;
	struct err err;

	seal_key_derive(span_of(master), &key);
	seal_key_derive(span_of("another master secret of 32 bytes"), &other);
	assert_ok(seal(&key, "nodes.1.api_key", span_of("the key"), &record, &err), &err);
	assert_null(strstr(record.data, "the key"));
	assert_ok(seal_open(&key, "nodes.1.api_key", span_of(record.data), &plain, arena, &err),
		&err);
	assert_true(span_is((struct span){ plain.at, plain.len }, "the key"));
	assert_fails(seal_open(&key, "nodes.2.api_key", span_of(record.data), &plain, arena, &err),
		&err, REASON_STORE_CORRUPT);
	assert_fails(seal_open(&other, "nodes.1.api_key", span_of(record.data), &plain, arena, &err),
		&err, REASON_STORE_CORRUPT);
}

TEST(every_altered_character_is_noticed)
{
	scoped(arena_freep) struct arena *arena = arena_new(10000000);
	scoped(sbuf_done) struct sbuf record = SBUF_INIT(4096);
	scoped(seal_key_wipe) struct seal_key key;
	struct secret plain;
	struct err err;

	seal_key_derive(span_of(master), &key);
	assert_ok(seal(&key, "p", span_of("x"), &record, &err), &err);
	for (size_t i = 0; i < record.len; i++) {
		char saved = record.data[i];

		record.data[i] = saved == 'A' ? 'B' : 'A';
		assert_true(seal_open(&key, "p", span_of(record.data), &plain, arena, &err) < 0);
		record.data[i] = saved;
		assert_true(seal_open(&key, "p", (struct span){ record.data, i }, &plain, arena,
				    &err) < 0);
	}
}

TEST(two_records_of_one_secret_differ)
{
	scoped(sbuf_done) struct sbuf a = SBUF_INIT(4096), b = SBUF_INIT(4096);
	scoped(seal_key_wipe) struct seal_key key;
	struct err err;

	seal_key_derive(span_of(master), &key);
	assert_ok(seal(&key, "p", span_of("x"), &a, &err), &err);
	assert_ok(seal(&key, "p", span_of("x"), &b, &err), &err);
	assert_string_not_equal(a.data, b.data);
}

TEST(passwords_verify)
{
	char hash[PASSWORD_HASH_SIZE];
	struct err err;

	assert_ok(password_hash(span_of("correct horse"), hash, &err), &err);
	assert_true(password_verify(span_of("correct horse"), hash));
	assert_false(password_verify(span_of("correct horsf"), hash));
	assert_false(password_verify(span_of(""), hash));
	assert_false(password_verify(span_of("correct horse"), NULL));
}

TEST(weak_passwords_are_refused)
{
	static const struct {
		const char *password;
		bool ok;
	} cases[] = { { "correct horse b", true }, { "correct horse ", false }, { "", false },
		{ "aaaaaaaaaaaaaaaa", false }, { "Administrator-1", false },
		{ "operator-name-1", false }, { "PASSWORDpassword", false },
		{ "äöüß mühsam äöü", true }, { "äöüß mühsam äö", false } };
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		assert_int_equal(password_check(span_of(cases[i].password), "operator-name-1",
					 "newPassword", &err) == 0,
			cases[i].ok);
}

/* The vectors of FIPS 180-4 and RFC 4231 (test case 2). */
TEST(digests)
{
	struct digest a = digest_of(span_of("abc")), b;
	struct span pieces[] = { span_of("a"), span_of("bc") };
	char hex[DIGEST_HEX_SIZE];

	assert_string_equal(digest_hex(hex, &a),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	b = digest_of_many(pieces, 2);
	assert_true(digest_equal(&a, &b));
	b = digest_hmac(span_of("Jefe"), span_of("what do ya want for nothing?"));
	assert_string_equal(digest_hex(hex, &b),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_false(digest_equal(&a, &b));
}

TEST(tokens_differ)
{
	char a[TOKEN_TEXT_SIZE], b[TOKEN_TEXT_SIZE];

	assert_int_equal(strlen(token_make(a)), 43);
	assert_string_not_equal(a, token_make(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_secret_opens_where_it_belongs),
		cmocka_unit_test(every_altered_character_is_noticed),
		cmocka_unit_test(two_records_of_one_secret_differ),
		cmocka_unit_test(passwords_verify),
		cmocka_unit_test(weak_passwords_are_refused),
		cmocka_unit_test(digests),
		cmocka_unit_test(tokens_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
