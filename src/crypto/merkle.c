/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>

#include "crypto/merkle.h"

struct digest merkle_leaf(struct span data)
{
	const struct span pieces[] = { { "\0", 1 }, data };

	return digest_of_many(pieces, N_ELEMENTS(pieces));
}

struct digest merkle_node(const struct digest *left, const struct digest *right)
{
	const struct span pieces[] = { { "\1", 1 }, { (const char *)left->bytes, DIGEST_SIZE },
		{ (const char *)right->bytes, DIGEST_SIZE } };

	return digest_of_many(pieces, N_ELEMENTS(pieces));
}

struct digest merkle_empty(void)
{
	return digest_of((struct span){ "", 0 });
}

/*
 * Writing
 */

static void report(unsigned height, uint64_t index, const struct digest *hash,
	merkle_tile_hash *tile_hash, void *ctx)
{
	if (tile_hash && height % MERKLE_TILE_HEIGHT == 0)
		tile_hash(ctx, height / MERKLE_TILE_HEIGHT, index, hash);
}

/* As adding one to a number in base two: each carry joins two neighbours. */
void merkle_append(struct merkle_frontier *frontier, const struct digest *leaf,
	merkle_tile_hash *tile_hash, void *ctx)
{
	struct digest hash = *leaf;
	unsigned height = 0;

	assert(frontier->size < (UINT64_C(1) << MERKLE_HEIGHT_MAX) - 1);
	report(0, frontier->size, &hash, tile_hash, ctx);
	for (; frontier->size >> height & 1; height++) {
		hash = merkle_node(&frontier->at[height], &hash);
		report(height + 1, frontier->size >> (height + 1), &hash, tile_hash, ctx);
	}
	frontier->at[height] = hash;
	frontier->size++;
}

struct digest merkle_root(const struct merkle_frontier *frontier)
{
	struct digest root = merkle_empty();
	bool any = false;

	for (unsigned height = 0; height < MERKLE_HEIGHT_MAX; height++) {
		if (!(frontier->size >> height & 1))
			continue;
		root = any ? merkle_node(&frontier->at[height], &root) : frontier->at[height];
		any = true;
	}
	return root;
}

/*
 * Reading
 */

/* The largest power of two below n, for n of at least 2: where RFC 6962 divides a tree. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The root of a perfect subtree: 2^height leaves from index * 2^height on. */
static int perfect(const struct merkle_tiles *tiles, unsigned height, uint64_t index,
	struct digest *ret, struct err *err)
{
	unsigned level = height / MERKLE_TILE_HEIGHT, below = height % MERKLE_TILE_HEIGHT;
	unsigned n = 1u << below, first;
	struct digest hashes[MERKLE_TILE_WIDTH / 2];
	const struct digest *tile;
	uint64_t at = index << below;
	int r;

	first = (unsigned)(at % MERKLE_TILE_WIDTH);
	r = tiles->read(tiles->ctx, level, at / MERKLE_TILE_WIDTH, first + n, &tile, err);
	if (r < 0)
		return r;
	memcpy(hashes, tile + first, n * sizeof *hashes);
	for (; n > 1; n /= 2)
		for (unsigned i = 0; i < n / 2; i++)
			hashes[i] = merkle_node(&hashes[2 * i], &hashes[2 * i + 1]);
	*ret = hashes[0];
	return 0;
}

/* MTH(D[begin:end]) of RFC 6962, not empty. Goes down at most 63 times. */
static int range(const struct merkle_tiles *tiles, uint64_t begin, uint64_t end, struct digest *ret,
	struct err *err)
{
	uint64_t n = end - begin, k;
	struct digest left, right;
	unsigned height;
	int r;

	if ((n & (n - 1)) == 0) {
		height = (unsigned)__builtin_ctzll(n);
		return perfect(tiles, height, begin >> height, ret, err);
	}
	k = split(n);
	r = range(tiles, begin, begin + k, &left, err);
	if (r >= 0)
		r = range(tiles, begin + k, end, &right, err);
	if (r >= 0)
		*ret = merkle_node(&left, &right);
	return r;
}

int merkle_tree_root(
	const struct merkle_tiles *tiles, uint64_t size, struct digest *ret_root, struct err *err)
{
	if (size == 0) {
		*ret_root = merkle_empty();
		return 0;
	}
	return range(tiles, 0, size, ret_root, err);
}

static int push(struct merkle_proof *proof, const struct merkle_tiles *tiles, uint64_t begin,
	uint64_t end, struct err *err)
{
	assert(proof->n < MERKLE_PROOF_MAX);
	return range(tiles, begin, end, &proof->at[proof->n++], err);
}

/* PATH(index, D[begin:end]): the neighbour of each subtree on the way, from below. */
static int path(const struct merkle_tiles *tiles, uint64_t index, uint64_t begin, uint64_t end,
	struct merkle_proof *proof, struct err *err)
{
	uint64_t k;
	int r;

	if (end - begin == 1)
		return 0;
	k = begin + split(end - begin);
	if (index < k) {
		r = path(tiles, index, begin, k, proof, err);
		return r < 0 ? r : push(proof, tiles, k, end, err);
	}
	r = path(tiles, index, k, end, proof, err);
	return r < 0 ? r : push(proof, tiles, begin, k, err);
}

int merkle_prove_inclusion(const struct merkle_tiles *tiles, uint64_t index, uint64_t size,
	struct merkle_proof *ret_proof, struct err *err)
{
	struct merkle_proof proof = { .n = 0 };
	int r;

	if (index >= size)
		return err_set(err, REASON_INVALID_FIELD, "index", "the tree has %llu leaves",
			(unsigned long long)size);
	r = path(tiles, index, 0, size, &proof, err);
	if (r >= 0)
		*ret_proof = proof;
	return r;
}

/* SUBPROOF(m, D[begin:end], b): `whole` is the RFC's b: the reader has the hash of D[begin:m] then. */
static int subproof(const struct merkle_tiles *tiles, uint64_t m, uint64_t begin, uint64_t end,
	bool whole, struct merkle_proof *proof, struct err *err)
{
	uint64_t k;
	int r;

	if (m == end)
		return whole ? 0 : push(proof, tiles, begin, end, err);
	k = begin + split(end - begin);
	if (m <= k) {
		r = subproof(tiles, m, begin, k, whole, proof, err);
		return r < 0 ? r : push(proof, tiles, k, end, err);
	}
	r = subproof(tiles, m, k, end, false, proof, err);
	return r < 0 ? r : push(proof, tiles, begin, k, err);
}

int merkle_prove_consistency(const struct merkle_tiles *tiles, uint64_t old_size, uint64_t size,
	struct merkle_proof *ret_proof, struct err *err)
{
	struct merkle_proof proof = { .n = 0 };
	int r = 0;

	if (old_size > size)
		return err_set(err, REASON_INVALID_FIELD, "oldSize", "the tree has %llu leaves",
			(unsigned long long)size);
	if (old_size > 0 && old_size < size)
		r = subproof(tiles, old_size, 0, size, true, &proof, err);
	if (r >= 0)
		*ret_proof = proof;
	return r;
}

/*
 * Checking: the algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2, which the two RFCs' trees share
 */

bool merkle_inclusion_ok(uint64_t index, uint64_t size, const struct digest *leaf,
	const struct digest *proof, size_t n_proof, const struct digest *root)
{
	uint64_t fn = index, sn = size - 1;
	struct digest hash = *leaf;

	if (index >= size)
		return false;
	for (size_t i = 0; i < n_proof; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			hash = merkle_node(&proof[i], &hash);
			for (; !(fn & 1) && fn; sn >>= 1)
				fn >>= 1;
		} else {
			hash = merkle_node(&hash, &proof[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_equal(&hash, root);
}

/* Both roots grow from the same hashes; the old tree's from those left of its end only. */
static bool roots_from(uint64_t fn, uint64_t sn, const struct digest *seed,
	const struct digest *proof, size_t n_proof, const struct digest *old_root,
	const struct digest *root)
{
	struct digest fr = *seed, sr = *seed;

	for (size_t i = 0; i < n_proof; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			fr = merkle_node(&proof[i], &fr);
			sr = merkle_node(&proof[i], &sr);
			for (; !(fn & 1) && fn; sn >>= 1)
				fn >>= 1;
		} else {
			sr = merkle_node(&sr, &proof[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_equal(&fr, old_root) && digest_equal(&sr, root);
}

bool merkle_consistency_ok(uint64_t old_size, const struct digest *old_root, uint64_t size,
	const struct digest *root, const struct digest *proof, size_t n_proof)
{
	struct digest empty = merkle_empty();
	uint64_t fn = old_size - 1, sn = size - 1;

	if (old_size > size)
		return false;
	if (old_size == size)
		return n_proof == 0 && digest_equal(old_root, root) &&
		       (size > 0 || digest_equal(root, &empty));
	if (old_size == 0)
		return n_proof == 0 && digest_equal(old_root, &empty);
	for (; fn & 1; sn >>= 1)
		fn >>= 1;
	if ((old_size & (old_size - 1)) == 0) /* the old root is itself a subtree of the new tree */
		return roots_from(fn, sn, old_root, proof, n_proof, old_root, root);
	return n_proof > 0 && roots_from(fn, sn, &proof[0], proof + 1, n_proof - 1, old_root, root);
}
