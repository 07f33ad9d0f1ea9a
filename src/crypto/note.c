/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "crypto/digest.h"
#include "crypto/note.h"

enum { ALGORITHM_ED25519 = 1, SIGNATURE_SIZE = 64, LINE_SIZE = NOTE_ID_SIZE + SIGNATURE_SIZE };

/* An em dash and a blank. */
static const char dash[] = "\xe2\x80\x94 ";

/*
 * Keys
 */

static int check_name(const char *name, struct err *err)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '+')
			len = 0;
	if (len == 0 || len > NOTE_NAME_MAX)
		return err_set(err, REASON_INVALID_FIELD, "name",
			"a key's name has 1 to %d visible ASCII characters and no '+'",
			NOTE_NAME_MAX);
	return 0;
}

static void make_id(struct note_key *key)
{
	const struct span pieces[] = { span_of(key->name), { "\n\x01", 2 },
		{ (const char *)key->bytes, NOTE_KEY_SIZE } };
	struct digest digest = digest_of_many(pieces, N_ELEMENTS(pieces));

	memcpy(key->id, digest.bytes, NOTE_ID_SIZE);
}

int note_key_make(const char *name, const uint8_t bytes[NOTE_KEY_SIZE], struct note_key *ret_key,
	struct err *err)
{
	struct note_key key = { 0 };
	int r = check_name(name, err);

	if (r < 0)
		return r;
	memcpy(key.name, name, strlen(name));
	memcpy(key.bytes, bytes, NOTE_KEY_SIZE);
	make_id(&key);
	*ret_key = key;
	return 0;
}

/* Exactly `size` bytes, written the one way there is. */
static bool from_base64(struct span text, uint8_t *ret_bytes, size_t size)
{
	size_t len;

	return sodium_base642bin(ret_bytes, size, text.at, text.len, NULL, &len, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       len == size;
}

int note_key_parse(struct span vkey, struct note_key *ret_key, struct err *err)
{
	struct span rest = vkey, name = span_cut(&rest, '+'), id = { 0 };
	uint8_t bytes[1 + NOTE_KEY_SIZE], id_bytes[NOTE_ID_SIZE];
	char text[NOTE_NAME_MAX + 1] = "";
	struct note_key key;

	if (rest.at)
		id = span_cut(&rest, '+'); /* the key itself may have a '+' */
	if (!rest.at || name.len > NOTE_NAME_MAX || !parse_hex(id, id_bytes, NOTE_ID_SIZE) ||
		!from_base64(rest, bytes, sizeof bytes) || bytes[0] != ALGORITHM_ED25519)
		return err_set(err, REASON_INVALID_KEY, NULL,
			"write the log's key as NAME+ID+BASE64, of an Ed25519 key");
	memcpy(text, name.at, name.len);
	if (note_key_make(text, bytes + 1, &key, NULL) < 0 || strlen(text) != name.len)
		return err_set(
			err, REASON_INVALID_KEY, NULL, "the log key's name is not acceptable");
	if (memcmp(key.id, id_bytes, NOTE_ID_SIZE) != 0)
		return err_set(err, REASON_INVALID_KEY, NULL,
			"the log key's id is not that of this name and key");
	*ret_key = key;
	return 0;
}

const char *note_key_format(char buf[NOTE_VKEY_SIZE], const struct note_key *key)
{
	uint8_t bytes[1 + NOTE_KEY_SIZE] = { ALGORITHM_ED25519 };
	size_t len = strlen(key->name);

	memcpy(bytes + 1, key->bytes, NOTE_KEY_SIZE);
	memcpy(buf, key->name, len);
	buf[len++] = '+';
	sodium_bin2hex(buf + len, 2 * NOTE_ID_SIZE + 1, key->id, NOTE_ID_SIZE);
	len += 2 * NOTE_ID_SIZE;
	buf[len++] = '+';
	sodium_bin2base64(buf + len, NOTE_VKEY_SIZE - len, bytes, sizeof bytes,
		sodium_base64_VARIANT_ORIGINAL);
	return buf;
}

bool note_key_equal(const struct note_key *a, const struct note_key *b)
{
	return !strcmp(a->name, b->name) && !memcmp(a->bytes, b->bytes, NOTE_KEY_SIZE);
}

int note_signer_make(const char *name, const uint8_t seed[NOTE_SEED_SIZE],
	struct note_signer *ret_signer, struct err *err)
{
	scoped(note_signer_wipe) struct note_signer signer = { 0 };
	uint8_t bytes[NOTE_KEY_SIZE];
	int r;

	crypto_sign_seed_keypair(bytes, signer.secret, seed);
	r = note_key_make(name, bytes, &signer.key, err);
	if (r >= 0)
		*ret_signer = signer;
	return r;
}

void note_signer_wipe(struct note_signer *signer)
{
	sodium_memzero(signer, sizeof *signer);
}

/*
 * Notes
 */

static bool text_ok(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' && text.at[i] != '\n')
			return false;
	return text.len > 0 && text.at[text.len - 1] == '\n' && utf8_ok(text);
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, REASON_INVALID_NOTE, NULL, "this is no signed note: %s", what);
}

static void put_signature(struct sbuf *out, struct span text, const struct note_signer *signer)
{
	char base64[sodium_base64_ENCODED_LEN(LINE_SIZE, sodium_base64_VARIANT_ORIGINAL)];
	uint8_t bytes[LINE_SIZE];

	memcpy(bytes, signer->key.id, NOTE_ID_SIZE);
	crypto_sign_detached(
		bytes + NOTE_ID_SIZE, NULL, (const uint8_t *)text.at, text.len, signer->secret);
	sodium_bin2base64(
		base64, sizeof base64, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
	sbuf_printf(out, "%s%s %s\n", dash, signer->key.name, base64);
}

int note_sign(struct sbuf *out, struct span text, const struct note_signer *signers, size_t n,
	struct err *err)
{
	if (!text_ok(text))
		return malformed(err, "its text must be lines of UTF-8, each with its end");
	sbuf_add(out, text.at, text.len);
	sbuf_putc(out, '\n');
	for (size_t i = 0; i < n; i++)
		put_signature(out, text, &signers[i]);
	return sbuf_finish(out, err);
}

/* Divides at the last empty line: the text may have some of its own. */
static int divide(
	struct span note, struct span *ret_text, struct span *ret_signatures, struct err *err)
{
	size_t at = note.len;

	if (note.len > NOTE_MAX)
		return malformed(err, "it is too long");
	if (!text_ok(note))
		return malformed(err, "it must be lines of UTF-8, each with its end");
	while (at >= 2 && !(note.at[at - 1] == '\n' && note.at[at - 2] == '\n'))
		at--;
	if (at < 3 || at == note.len) /* "\n" alone is no text */
		return malformed(err, "it has no signatures below an empty line");
	*ret_text = (struct span){ note.at, at - 1 };
	*ret_signatures = (struct span){ note.at + at, note.len - at - 1 };
	return 0;
}

/* 1: by this key, and it holds; 0: by another; negative: malformed, or it does not hold. */
static int check_line(
	struct span line, struct span text, const struct note_key *key, struct err *err)
{
	uint8_t bytes[LINE_SIZE];
	struct span rest = line, name;

	if (!span_starts(line, dash))
		return malformed(err, "a line below the text is no signature");
	rest.at += strlen(dash);
	rest.len -= strlen(dash);
	name = span_cut(&rest, ' ');
	if (name.len == 0 || !rest.at || rest.len < 8 || memchr(rest.at, ' ', rest.len))
		return malformed(err, "a signature's line has not name and value");
	/* other algorithms' signatures have other lengths; theirs are not ours to read */
	if (!span_is(name, key->name) || !from_base64(rest, bytes, sizeof bytes) ||
		memcmp(bytes, key->id, NOTE_ID_SIZE) != 0)
		return 0;
	if (crypto_sign_verify_detached(
		    bytes + NOTE_ID_SIZE, (const uint8_t *)text.at, text.len, key->bytes) != 0)
		return err_set(err, REASON_INVALID_SIGNATURE, NULL,
			"the signature of '%s' does not hold", key->name);
	return 1;
}

int note_open(struct span note, const struct note_key *key, struct span *ret_text, struct err *err)
{
	struct span text, lines;
	bool found = false;
	unsigned n = 0;
	int r = divide(note, &text, &lines, err);

	while (r >= 0 && lines.at) {
		struct span line = span_cut(&lines, '\n');

		if (++n > NOTE_SIGNATURES_MAX)
			return malformed(err, "it has too many signatures");
		/* a second one by the same key says nothing new */
		r = check_line(line, text, key, err);
		found = found || r > 0;
	}
	if (r < 0)
		return r;
	if (!found)
		return err_set(
			err, REASON_INVALID_SIGNATURE, NULL, "'%s' has not signed this", key->name);
	*ret_text = text;
	return 0;
}
