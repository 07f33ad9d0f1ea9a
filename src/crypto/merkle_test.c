/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/parse.h"
#include "base/test.h"
#include "crypto/merkle.h"

/*
 * The leaves, roots and proofs of Certificate Transparency's own tests: what every implementation of
 * RFC 6962 agrees on.
 */

static const char *const ct_leaves[] = { "", "00", "10", "2021", "3031", "40414243",
	"5051525354555657", "606162636465666768696a6b6c6d6e6f" };

static const char *const ct_roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

struct known_proof {
	uint64_t first, size; /* a leaf's index, or the old size */
	const char *hashes[4];
};

static const struct known_proof ct_inclusion[] = {
	{ 0, 1, { NULL } },
	{ 0, 8,
		{ "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ 5, 8,
		{ "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ 2, 3, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
	{ 1, 5,
		{ "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
};

static const struct known_proof ct_consistency[] = {
	{ 1, 1, { NULL } },
	{ 1, 8,
		{ "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ 6, 8,
		{ "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ 2, 5,
		{ "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
	{ 6, 7,
		{ "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
			"b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
};

/*
 * A tree whose tiles are in memory, filled by merkle_append()
 */

enum { LEAVES_MAX = 70000, LEVELS = 3 };

struct tree {
	struct merkle_frontier frontier;
	struct digest *hashes[LEVELS];
	uint64_t n[LEVELS];
	struct merkle_tiles tiles;
	int reads_left; /* -1: as many as one likes */
};

static void keep(void *ctx, unsigned level, uint64_t index, const struct digest *hash)
{
	struct tree *tree = ctx;

	assert_true(level < LEVELS);
	assert_int_equal(index, tree->n[level]); /* in order, each once */
	tree->hashes[level][tree->n[level]++] = *hash;
}

static int read_tile(void *ctx, unsigned level, uint64_t index, unsigned n,
	const struct digest **ret_hashes, struct err *err)
{
	struct tree *tree = ctx;

	assert_true(n >= 1 && n <= MERKLE_TILE_WIDTH);
	assert_true(level < LEVELS && index * MERKLE_TILE_WIDTH + n <= tree->n[level]);
	if (tree->reads_left == 0)
		return err_set(err, REASON_STORE, NULL, "the tile cannot be read");
	tree->reads_left -= tree->reads_left > 0;
	*ret_hashes = tree->hashes[level] + index * MERKLE_TILE_WIDTH;
	return 0;
}

static void make(struct tree *tree)
{
	*tree = (struct tree){ .tiles = { read_tile, tree }, .reads_left = -1 };
	for (unsigned l = 0; l < LEVELS; l++) {
		tree->hashes[l] = calloc(LEAVES_MAX, sizeof **tree->hashes);
		assert_non_null(tree->hashes[l]);
	}
}

static void done(struct tree *tree)
{
	for (unsigned l = 0; l < LEVELS; l++)
		free(tree->hashes[l]);
}

static void grow(struct tree *tree, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct digest leaf =
			merkle_leaf((struct span){ (const char *)&tree->frontier.size, 8 });

		merkle_append(&tree->frontier, &leaf, keep, tree);
	}
}

static struct digest of_hex(const char *text)
{
	struct digest digest;

	assert_true(parse_hex(span_of(text), digest.bytes, DIGEST_SIZE));
	return digest;
}

static void grow_ct(struct tree *tree, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(ct_leaves[i]) / 2;
		uint8_t data[16];
		struct digest leaf;

		assert_true(parse_hex(span_of(ct_leaves[i]), data, len));
		leaf = merkle_leaf((struct span){ (const char *)data, len });
		merkle_append(&tree->frontier, &leaf, keep, tree);
	}
}

/* The definition of RFC 6962 section 2.1, word by word. */
static struct digest definition(const struct digest *leaves, uint64_t n)
{
	struct digest left, right;
	uint64_t k = 1;

	if (n == 0)
		return merkle_empty();
	if (n == 1)
		return leaves[0];
	while (k * 2 < n)
		k *= 2;
	left = definition(leaves, k);
	right = definition(leaves + k, n - k);
	return merkle_node(&left, &right);
}

static void assert_proof(const struct merkle_proof *proof, const struct known_proof *want)
{
	unsigned n = 0;

	for (; n < 4 && want->hashes[n]; n++) {
		struct digest hash = of_hex(want->hashes[n]);

		assert_true(n < proof->n && digest_equal(&proof->at[n], &hash));
	}
	assert_int_equal(proof->n, n);
}

TEST(roots_are_those_of_certificate_transparency)
{
	for (unsigned n = 0; n < N_ELEMENTS(ct_roots); n++) {
		scoped(done) struct tree tree;
		struct digest root, read, want = of_hex(ct_roots[n]);
		struct err err;

		make(&tree);
		grow_ct(&tree, n);
		root = merkle_root(&tree.frontier);
		assert_ok(merkle_tree_root(&tree.tiles, n, &read, &err), &err);
		assert_true(digest_equal(&root, &want) && digest_equal(&read, &want));
	}
}

TEST(proofs_are_those_of_certificate_transparency)
{
	scoped(done) struct tree tree;
	struct merkle_proof proof;
	struct err err;

	make(&tree);
	grow_ct(&tree, N_ELEMENTS(ct_leaves));
	for (unsigned i = 0; i < N_ELEMENTS(ct_inclusion); i++) {
		const struct known_proof *row = &ct_inclusion[i];

		assert_ok(merkle_prove_inclusion(&tree.tiles, row->first, row->size, &proof, &err),
			&err);
		assert_proof(&proof, row);
	}
	for (unsigned i = 0; i < N_ELEMENTS(ct_consistency); i++) {
		const struct known_proof *row = &ct_consistency[i];

		assert_ok(
			merkle_prove_consistency(&tree.tiles, row->first, row->size, &proof, &err),
			&err);
		assert_proof(&proof, row);
	}
}

/* Everything that could be wrong with a proof: a bit, one hash less, one more, another place. */
static void damaged_inclusion(uint64_t index, uint64_t size, const struct digest *leaf,
	const struct merkle_proof *good, const struct digest *root)
{
	struct merkle_proof bad = *good;
	struct digest other = merkle_empty();

	for (unsigned i = 0; i < good->n; i++) {
		bad.at[i].bytes[i % DIGEST_SIZE] ^= 8;
		assert_false(merkle_inclusion_ok(index, size, leaf, bad.at, bad.n, root));
		bad.at[i] = good->at[i];
	}
	if (good->n)
		assert_false(merkle_inclusion_ok(index, size, leaf, good->at, good->n - 1, root));
	bad.at[bad.n] = *root;
	assert_false(merkle_inclusion_ok(index, size, leaf, bad.at, bad.n + 1, root));
	assert_false(merkle_inclusion_ok(index, size, &other, good->at, good->n, root));
	assert_false(merkle_inclusion_ok(index, size, leaf, good->at, good->n, &other));
	assert_false(merkle_inclusion_ok(index + 1, size, leaf, good->at, good->n, root));
	assert_false(merkle_inclusion_ok(size, size, leaf, good->at, good->n, root));
}

static void damaged_consistency(uint64_t old_size, const struct digest *old_root, uint64_t size,
	const struct digest *root, const struct merkle_proof *good)
{
	struct merkle_proof bad = *good;
	struct digest other = merkle_leaf(span_of("another"));

	for (unsigned i = 0; i < good->n; i++) {
		bad.at[i].bytes[i % DIGEST_SIZE] ^= 8;
		assert_false(merkle_consistency_ok(old_size, old_root, size, root, bad.at, bad.n));
		bad.at[i] = good->at[i];
	}
	if (good->n)
		assert_false(merkle_consistency_ok(
			old_size, old_root, size, root, good->at, good->n - 1));
	bad.at[bad.n] = *root;
	assert_false(merkle_consistency_ok(old_size, old_root, size, root, bad.at, bad.n + 1));
	assert_false(merkle_consistency_ok(old_size, &other, size, root, good->at, good->n));
	if (old_size > 0)
		assert_false(
			merkle_consistency_ok(old_size, old_root, size, &other, good->at, good->n));
	if (old_size > 0 && old_size < size) {
		assert_false(merkle_consistency_ok(
			old_size - 1, old_root, size, root, good->at, good->n));
		assert_false(merkle_consistency_ok(
			old_size + 1, old_root, size, root, good->at, good->n));
		assert_false(
			merkle_consistency_ok(old_size, root, size, old_root, good->at, good->n));
		assert_false(
			merkle_consistency_ok(size, root, old_size, old_root, good->at, good->n));
	}
}

TEST(every_proof_of_every_small_tree_holds_and_no_damaged_one_does)
{
	enum { SIZES = 40 };
	scoped(done) struct tree tree;
	struct digest roots[SIZES + 1];
	struct merkle_proof proof;
	struct err err;

	make(&tree);
	roots[0] = merkle_empty();
	for (unsigned n = 1; n <= SIZES; n++) {
		grow(&tree, 1);
		roots[n] = definition(tree.hashes[0], n);
		for (uint64_t i = 0; i < n; i++) {
			const struct digest *leaf = &tree.hashes[0][i];

			assert_ok(merkle_prove_inclusion(&tree.tiles, i, n, &proof, &err), &err);
			assert_true(merkle_inclusion_ok(i, n, leaf, proof.at, proof.n, &roots[n]));
			damaged_inclusion(i, n, leaf, &proof, &roots[n]);
		}
		for (uint64_t m = 0; m <= n; m++) {
			assert_ok(merkle_prove_consistency(&tree.tiles, m, n, &proof, &err), &err);
			assert_true(merkle_consistency_ok(
				m, &roots[m], n, &roots[n], proof.at, proof.n));
			damaged_consistency(m, &roots[m], n, &roots[n], &proof);
		}
	}
}

/* Sizes around where tiles and levels of tiles begin. */
TEST(large_trees_are_read_through_tiles)
{
	static const uint64_t sizes[] = { 255, 256, 257, 511, 513, 65535, 65536, 65537, 65793,
		69999 };
	scoped(done) struct tree tree;
	struct digest roots[N_ELEMENTS(sizes)], read;
	struct merkle_proof proof;
	struct err err;

	make(&tree);
	for (unsigned i = 0; i < N_ELEMENTS(sizes); i++) {
		uint64_t n = sizes[i], at = n * 2 / 3;

		grow(&tree, (unsigned)(n - tree.frontier.size));
		roots[i] = merkle_root(&tree.frontier);
		assert_ok(merkle_tree_root(&tree.tiles, n, &read, &err), &err);
		assert_true(digest_equal(&read, &roots[i]));
		assert_ok(merkle_prove_inclusion(&tree.tiles, at, n, &proof, &err), &err);
		assert_true(merkle_inclusion_ok(
			at, n, &tree.hashes[0][at], proof.at, proof.n, &roots[i]));
		for (unsigned j = 0; j <= i; j++) {
			assert_ok(merkle_prove_consistency(&tree.tiles, sizes[j], n, &proof, &err),
				&err);
			assert_true(merkle_consistency_ok(
				sizes[j], &roots[j], n, &roots[i], proof.at, proof.n));
		}
	}
	assert_int_equal(tree.n[1], 69999 / 256);
	assert_int_equal(tree.n[2], 1);
}

TEST(what_is_not_there_cannot_be_proved)
{
	scoped(done) struct tree tree;
	struct merkle_proof proof = { .n = 7 };
	struct digest root;
	struct err err;

	make(&tree);
	grow(&tree, 5);
	assert_fails(merkle_prove_inclusion(&tree.tiles, 5, 5, &proof, &err), &err,
		REASON_INVALID_FIELD);
	assert_fails(merkle_prove_consistency(&tree.tiles, 6, 5, &proof, &err), &err,
		REASON_INVALID_FIELD);
	for (int reads = 0; reads < 2; reads++) {
		tree.reads_left = reads;
		assert_fails(merkle_tree_root(&tree.tiles, 5, &root, &err), &err, REASON_STORE);
		tree.reads_left = reads;
		assert_fails(merkle_prove_inclusion(&tree.tiles, 1, 5, &proof, &err), &err,
			REASON_STORE);
		tree.reads_left = reads;
		assert_fails(merkle_prove_consistency(&tree.tiles, 3, 5, &proof, &err), &err,
			REASON_STORE);
	}
	assert_int_equal(proof.n, 7); /* untouched */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_certificate_transparency),
		cmocka_unit_test(proofs_are_those_of_certificate_transparency),
		cmocka_unit_test(every_proof_of_every_small_tree_holds_and_no_damaged_one_does),
		cmocka_unit_test(large_trees_are_read_through_tiles),
		cmocka_unit_test(what_is_not_there_cannot_be_proved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
