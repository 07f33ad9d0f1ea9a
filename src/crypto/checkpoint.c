/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <sodium.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "crypto/checkpoint.h"

enum { ROOT_TEXT_SIZE = sodium_base64_ENCODED_LEN(DIGEST_SIZE, sodium_base64_VARIANT_ORIGINAL) };

void checkpoint_format(struct sbuf *out, const struct checkpoint *checkpoint)
{
	char root[ROOT_TEXT_SIZE];

	sodium_bin2base64(root, sizeof root, checkpoint->root.bytes, DIGEST_SIZE,
		sodium_base64_VARIANT_ORIGINAL);
	sbuf_printf(out, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin, checkpoint->size, root);
}

static bool parse_origin(struct span line, struct checkpoint *checkpoint)
{
	if (line.len == 0 || line.len > CHECKPOINT_ORIGIN_MAX || !utf8_ok(line))
		return false;
	memcpy(checkpoint->origin, line.at, line.len);
	return true;
}

/* One way to write each number: no leading zeros. */
static bool parse_size(struct span line, uint64_t *ret_size)
{
	return !(line.len > 1 && line.at[0] == '0') && parse_u64(line, INT64_MAX, ret_size);
}

static bool parse_root(struct span line, struct digest *ret_root)
{
	size_t len;

	return line.len == ROOT_TEXT_SIZE - 1 &&
	       sodium_base642bin(ret_root->bytes, DIGEST_SIZE, line.at, line.len, NULL, &len, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       len == DIGEST_SIZE;
}

int checkpoint_parse(struct span text, struct checkpoint *ret_checkpoint, struct err *err)
{
	struct checkpoint checkpoint = { 0 };
	struct span rest = text, origin, size, root;
	bool ok = text.len > 0 && text.at[text.len - 1] == '\n';

	origin = span_cut(&rest, '\n');
	size = rest.at ? span_cut(&rest, '\n') : (struct span){ 0 };
	root = rest.at ? span_cut(&rest, '\n') : (struct span){ 0 };
	ok = ok && rest.at && parse_origin(origin, &checkpoint) &&
	     parse_size(size, &checkpoint.size) && parse_root(root, &checkpoint.root);
	while (ok && rest.at && rest.len) /* no empty line among the rest */
		ok = span_cut(&rest, '\n').len > 0;
	if (!ok)
		return err_set(err, REASON_INVALID_CHECKPOINT, NULL,
			"a checkpoint's lines are origin, size in decimal, root in base64");
	*ret_checkpoint = checkpoint;
	return 0;
}

int checkpoint_sign(struct sbuf *out, const struct checkpoint *checkpoint,
	const struct note_signer *signers, size_t n, struct err *err)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(NOTE_MAX);
	int r;

	checkpoint_format(&text, checkpoint);
	r = sbuf_finish(&text, err);
	return r < 0 ? r : note_sign(out, (struct span){ text.data, text.len }, signers, n, err);
}

int checkpoint_open(struct span note, const struct note_key *key, struct checkpoint *ret_checkpoint,
	struct err *err)
{
	struct span text;
	int r = note_open(note, key, &text, err);

	return r < 0 ? r : checkpoint_parse(text, ret_checkpoint, err);
}

bool checkpoint_equal(const struct checkpoint *a, const struct checkpoint *b)
{
	return !strcmp(a->origin, b->origin) && a->size == b->size &&
	       digest_equal(&a->root, &b->root);
}
