/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/test.h"
#include "crypto/note.h"

/*
 * The example of golang.org/x/mod/sumdb/note, where the format comes from: Ed25519 has one signature for
 * a text, so ours must be theirs to the byte.
 */

static const char go_vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_seed[] = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
#define GO_TEXT                                                      \
	"If you think cryptography is the answer to your problem,\n" \
	"then you don't know what your problem is.\n"
static const char go_text[] = GO_TEXT;
#define GO_SIGNATURE                                                               \
	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNI" \
	"uGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
static const char go_note[] = GO_TEXT "\n" GO_SIGNATURE;

static void make_signer(const char *name, const char *base64, struct note_signer *ret)
{
	uint8_t seed[NOTE_SEED_SIZE];
	struct err err;
	size_t len;

	assert_int_equal(sodium_base642bin(seed, sizeof seed, base64, strlen(base64), NULL, &len,
				 NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	assert_int_equal(len, sizeof seed);
	assert_ok(note_signer_make(name, seed, ret, &err), &err);
}

static struct note_key go_key(void)
{
	struct note_key key;
	struct err err;

	assert_ok(note_key_parse(span_of(go_vkey), &key, &err), &err);
	return key;
}

TEST(a_note_is_signed_as_everybody_signs_it)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	struct note_signer signer;
	char vkey[NOTE_VKEY_SIZE];
	struct err err;

	make_signer("PeterNeumann", go_seed, &signer);
	assert_string_equal(note_key_format(vkey, &signer.key), go_vkey);
	assert_ok(note_sign(&out, span_of(go_text), &signer, 1, &err), &err);
	assert_string_equal(out.data, go_note);
	note_signer_wipe(&signer);
	assert_true(sodium_is_zero((const uint8_t *)&signer, sizeof signer));
}

TEST(a_note_of_others_is_read)
{
	struct note_key key = go_key();
	struct span text;
	struct err err;

	assert_ok(note_open(span_of(go_note), &key, &text, &err), &err);
	assert_true(span_is(text, go_text));
}

TEST(others_may_sign_beside_us)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	struct note_signer signers[2];
	struct note_key key = go_key();
	struct span text;
	struct err err;

	make_signer("PeterNeumann", go_seed, &signers[0]);
	make_signer("another", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &signers[1]);
	assert_ok(note_sign(&out, span_of(go_text), signers, 2, &err), &err);
	for (unsigned i = 0; i < 2; i++)
		assert_ok(
			note_open((struct span){ out.data, out.len }, &signers[i].key, &text, &err),
			&err);
	/* an algorithm we do not know signs with other lengths */
	sbuf_puts(&out, "\xe2\x80\x94 witness AAAAAAAAAAAA\n");
	assert_ok(note_open((struct span){ out.data, out.len }, &key, &text, &err), &err);
	/* the same name with another key is another signer */
	make_signer("PeterNeumann", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &signers[1]);
	assert_false(note_key_equal(&key, &signers[1].key));
	assert_fails(note_open(span_of(go_note), &signers[1].key, &text, &err), &err,
		REASON_INVALID_SIGNATURE);
}

TEST(an_empty_line_may_be_part_of_the_text)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	struct note_signer signer;
	struct span text;
	struct err err;

	make_signer("k", go_seed, &signer);
	assert_ok(note_sign(&out, span_of("one\n\nthree\n"), &signer, 1, &err), &err);
	assert_ok(note_open((struct span){ out.data, out.len }, &signer.key, &text, &err), &err);
	assert_true(span_is(text, "one\n\nthree\n"));
}

TEST(every_altered_byte_is_noticed)
{
	struct note_key key = go_key();
	char note[sizeof go_note];
	struct span text;
	struct err err;

	memcpy(note, go_note, sizeof note);
	for (size_t i = 0; i < sizeof go_note - 1; i++) {
		note[i] ^= 1;
		assert_true(
			note_open((struct span){ note, sizeof note - 1 }, &key, &text, &err) < 0);
		note[i] ^= 1;
		assert_true(note_open((struct span){ note, i }, &key, &text, &err) < 0);
	}
	assert_ok(note_open((struct span){ note, sizeof note - 1 }, &key, &text, &err), &err);
}

TEST(what_is_no_note_is_refused)
{
	static const struct {
		const char *note;
		enum err_reason reason;
	} cases[] = {
		{ "", REASON_INVALID_NOTE },
		{ "\n", REASON_INVALID_NOTE },
		{ "\n\n", REASON_INVALID_NOTE },
		{ "\n\n" GO_SIGNATURE, REASON_INVALID_NOTE },
		{ "text\n", REASON_INVALID_NOTE },
		{ "text\n\n", REASON_INVALID_NOTE },
		{ "text\n" GO_SIGNATURE, REASON_INVALID_NOTE },
		{ "text\n\n" GO_SIGNATURE "\n", REASON_INVALID_NOTE },
		{ GO_TEXT "\n" GO_SIGNATURE "more\n", REASON_INVALID_NOTE },
		{ "\x01text\n\n" GO_SIGNATURE, REASON_INVALID_NOTE },
		{ "\xfftext\n\n" GO_SIGNATURE, REASON_INVALID_NOTE },
		{ "text\r\n\n" GO_SIGNATURE, REASON_INVALID_NOTE },
		{ "text\n\n\xe2\x80\x94 Bad Name AAAAAAAAAAAA\n", REASON_INVALID_NOTE },
		{ "text\n\n\xe2\x80\x94  AAAAAAAAAAAA\n", REASON_INVALID_NOTE },
		{ "text\n\n\xe2\x80\x94 PeterNeumann\n", REASON_INVALID_NOTE },
		{ "text\n\n- PeterNeumann AAAAAAAAAAAA\n", REASON_INVALID_NOTE },
		{ "text\n\n\xe2\x80\x94 somebody AAAAAAAAAAAA\n", REASON_INVALID_SIGNATURE },
		{ "text\n\n" GO_SIGNATURE, REASON_INVALID_SIGNATURE },
	};
	struct note_key key = go_key();
	struct span text = { "untouched", 9 };
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		assert_fails(note_open(span_of(cases[i].note), &key, &text, &err), &err,
			cases[i].reason);
	assert_true(span_is(text, "untouched"));
}

TEST(a_note_has_its_bounds)
{
	scoped(sbuf_done) struct sbuf note = SBUF_INIT(64 * 1024), big = SBUF_INIT(64 * 1024);
	struct note_key key = go_key();
	struct note_signer signer;
	struct span text;
	struct err err;

	sbuf_puts(&note, go_note);
	for (unsigned n = 1; n < NOTE_SIGNATURES_MAX; n++)
		sbuf_puts(&note, GO_SIGNATURE);
	assert_ok(note_open((struct span){ note.data, note.len }, &key, &text, &err), &err);
	sbuf_puts(&note, GO_SIGNATURE);
	assert_fails(note_open((struct span){ note.data, note.len }, &key, &text, &err), &err,
		REASON_INVALID_NOTE);
	make_signer("PeterNeumann", go_seed, &signer);
	sbuf_clear(&note);
	for (unsigned i = 0; i < NOTE_MAX; i++)
		sbuf_putc(&big, 'x');
	sbuf_putc(&big, '\n');
	assert_ok(note_sign(&note, (struct span){ big.data, big.len }, &signer, 1, &err), &err);
	assert_fails(note_open((struct span){ note.data, note.len }, &key, &text, &err), &err,
		REASON_INVALID_NOTE);
}

TEST(only_lines_are_signed)
{
	static const char *const cases[] = { "", "no end", "tab\there\n", "\xc3\n" };
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	struct note_signer signer;
	struct err err;

	make_signer("k", go_seed, &signer);
	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		assert_fails(note_sign(&out, span_of(cases[i]), &signer, 1, &err), &err,
			REASON_INVALID_NOTE);
	assert_int_equal(out.len, 0);
}

TEST(keys_that_are_none_are_refused)
{
	static const char *const cases[] = {
		"",
		"PeterNeumann",
		"PeterNeumann+c74f20a3",
		"PeterNeumann+c74f20a3+",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
		"PeterNeumann+c74f20a3+RpcARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		/* another length, and an unknown algorithm, each with the id that belongs to it */
		"PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
		"PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	};
	char name[NOTE_NAME_MAX + 2];
	struct note_key key = go_key();
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		assert_fails(
			note_key_parse(span_of(cases[i]), &key, &err), &err, REASON_INVALID_KEY);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_fails(note_key_make(name, key.bytes, &key, &err), &err, REASON_INVALID_FIELD);
	assert_ok(note_key_make(name + 1, key.bytes, &key, &err), &err);
	assert_fails(note_key_make("a b", key.bytes, &key, &err), &err, REASON_INVALID_FIELD);
	assert_fails(note_key_make("a+b", key.bytes, &key, &err), &err, REASON_INVALID_FIELD);
	assert_fails(note_key_make("\xc3\xa4", key.bytes, &key, &err), &err, REASON_INVALID_FIELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_is_signed_as_everybody_signs_it),
		cmocka_unit_test(a_note_of_others_is_read),
		cmocka_unit_test(others_may_sign_beside_us),
		cmocka_unit_test(an_empty_line_may_be_part_of_the_text),
		cmocka_unit_test(every_altered_byte_is_noticed),
		cmocka_unit_test(what_is_no_note_is_refused),
		cmocka_unit_test(a_note_has_its_bounds),
		cmocka_unit_test(only_lines_are_signed),
		cmocka_unit_test(keys_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
