/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/test.h"
#include "crypto/checkpoint.h"
#include "crypto/merkle.h"

/* One that sum.golang.org, the checksum database of Go, has signed. Its key's name is not its origin. */
static const char go_vkey[] =
	"sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
static const char go_root[] = "5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=";
static const char go_checkpoint[] =
	"go.sum database tree\n65209736\n5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=\n\n"
	"\xe2\x80\x94 sum.golang.org Az3grnbssgK7ubgFX36gVETtNv0U23qxyAhAMai2QUfeGa3nB/akvkMdlUErfcZz7"
	"l/R3cVtYspg3dxXABkGZZKdsQ8=\n";

TEST(a_checkpoint_of_another_log_is_read)
{
	char root[sodium_base64_ENCODED_LEN(DIGEST_SIZE, sodium_base64_VARIANT_ORIGINAL)];
	struct checkpoint checkpoint;
	struct note_key key;
	struct err err;

	assert_ok(note_key_parse(span_of(go_vkey), &key, &err), &err);
	assert_ok(checkpoint_open(span_of(go_checkpoint), &key, &checkpoint, &err), &err);
	assert_string_equal(checkpoint.origin, "go.sum database tree");
	assert_int_equal(checkpoint.size, 65209736);
	sodium_bin2base64(root, sizeof root, checkpoint.root.bytes, DIGEST_SIZE,
		sodium_base64_VARIANT_ORIGINAL);
	assert_string_equal(root, go_root);
}

TEST(what_is_written_is_read_again)
{
	static const uint8_t seed[NOTE_SEED_SIZE] = { 7 };
	static const uint64_t sizes[] = { 0, 1, 9, 10, INT64_MAX };
	struct note_signer signer;
	struct err err;

	assert_ok(note_signer_make("audit.example", seed, &signer, &err), &err);
	for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
		scoped(sbuf_done) struct sbuf note = SBUF_INIT(4096);
		struct checkpoint read, written = { .origin = "audit.example" };

		written.size = sizes[i];
		written.root = merkle_empty();
		assert_ok(checkpoint_sign(&note, &written, &signer, 1, &err), &err);
		assert_ok(checkpoint_open(
				  (struct span){ note.data, note.len }, &signer.key, &read, &err),
			&err);
		assert_true(checkpoint_equal(&written, &read));
		read.size ^= 1;
		assert_false(checkpoint_equal(&written, &read));
	}
}

#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

TEST(only_the_one_form_is_read)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "o\n0\n" ROOT, true },
		{ "o\n12\n" ROOT "more\nand more\n", true },
		{ "o with blanks\n12\n" ROOT, true },
		{ "o\n9223372036854775807\n" ROOT, true },
		{ "o\n9223372036854775808\n" ROOT, false },
		{ "o\n012\n" ROOT, false },
		{ "o\n00\n" ROOT, false },
		{ "o\n+1\n" ROOT, false },
		{ "o\n-1\n" ROOT, false },
		{ "o\n\n" ROOT, false },
		{ "o\n1 \n" ROOT, false },
		{ "\n1\n" ROOT, false },
		{ "o\n1\n", false },
		{ "o\n1", false },
		{ "o\n", false },
		{ "o", false },
		{ "", false },
		{ "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", false },
		{ "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n", false },
		{ "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n", false }, /* stray bits */
		{ "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS\n", false },
		{ "o\n1\n" ROOT "\n", false },
		{ "o\n1\n" ROOT "more\n\n", false },
		{ "o\n1\n" ROOT "\nmore\n", false },
		{ "\xff\n1\n" ROOT, false },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
		  "2345678901234567890123456789012345678901234567\n1\n" ROOT,
			false },
	};
	struct checkpoint checkpoint;
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		if ((checkpoint_parse(span_of(cases[i].text), &checkpoint, &err) == 0) !=
			cases[i].ok)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_of_another_log_is_read),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(only_the_one_form_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
