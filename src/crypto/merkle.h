/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Merkle trees of RFC 6962 section 2.1, with SHA-256.
 *
 * A writer keeps a frontier: the roots of the perfect subtrees, all it takes to
 * append and to know the root. A reader makes proofs from tiles: tile `index` of
 * `level` holds up to 256 neighbouring hashes at height 8 * level, complete subtrees
 * only (C2SP tlog-tiles), wherever they are kept. Checking a proof needs neither.
 */

#include <stdbool.h>

#include "base/err.h"
#include "crypto/digest.h"

enum {
	MERKLE_TILE_HEIGHT = 8,
	MERKLE_TILE_WIDTH = 256,
	MERKLE_HEIGHT_MAX = 63, /* sizes stay below 2^63 */
	MERKLE_PROOF_MAX = 64,
};

struct merkle_proof {
	struct digest at[MERKLE_PROOF_MAX];
	unsigned n;
};

/** SHA-256(0x00 || data). */
struct digest merkle_leaf(struct span data);

/** SHA-256(0x01 || left || right). */
struct digest merkle_node(const struct digest *left, const struct digest *right);

/** The root of a tree without leaves: SHA-256 of nothing. */
struct digest merkle_empty(void);

/*
 * Writing
 */

/** A tree that grows. All zero is the empty one. at[h] is the root of the perfect subtree of
 * 2^h leaves where bit h of `size` is set, and means nothing elsewhere. */
struct merkle_frontier {
	uint64_t size;
	struct digest at[MERKLE_HEIGHT_MAX];
};

/** What becomes complete with a leaf and belongs into a tile: hash number `index` of all those of `level`,
 * which is hash index % 256 of tile index / 256. */
typedef void merkle_tile_hash(void *ctx, unsigned level, uint64_t index, const struct digest *hash);

/** Appends a leaf. `tile_hash` (may be NULL) is called for level 0 and each level that is complete with
 * it. */
void merkle_append(struct merkle_frontier *frontier, const struct digest *leaf,
	merkle_tile_hash *tile_hash, void *ctx);

struct digest merkle_root(const struct merkle_frontier *frontier);

/*
 * Reading
 */

/** Where a tree's tiles are kept. */
struct merkle_tiles {
	/** Gives the first `n` (1 to 256) hashes of a tile; they are read before the next call. Its errors are
	 * handed on. */
	int (*read)(void *ctx, unsigned level, uint64_t index, unsigned n,
		const struct digest **ret_hashes, struct err *err);
	void *ctx;
};

/** The root of the first `size` leaves. Fails only as `tiles` does. */
int merkle_tree_root(const struct merkle_tiles *tiles, uint64_t size, struct digest *ret_root,
	struct err *err) must_check;

/** The audit path of leaf `index` in the tree of `size` leaves (RFC 6962 section 2.1.1).
 * REASON_INVALID_FIELD: there is no such leaf. */
int merkle_prove_inclusion(const struct merkle_tiles *tiles, uint64_t index, uint64_t size,
	struct merkle_proof *ret_proof, struct err *err) must_check;

/** That the tree of `size` leaves begins with that of `old_size` (section 2.1.2). Empty where either is
 * clear without: equal sizes, and old size 0. REASON_INVALID_FIELD: `old_size` is more than `size`. */
int merkle_prove_consistency(const struct merkle_tiles *tiles, uint64_t old_size, uint64_t size,
	struct merkle_proof *ret_proof, struct err *err) must_check;

/*
 * Checking; `n_proof` hashes, all of which must be needed
 */

bool merkle_inclusion_ok(uint64_t index, uint64_t size, const struct digest *leaf,
	const struct digest *proof, size_t n_proof, const struct digest *root);

/** Old size 0 is consistent with everything, by an empty proof, if its root is merkle_empty(). */
bool merkle_consistency_ok(uint64_t old_size, const struct digest *old_root, uint64_t size,
	const struct digest *root, const struct digest *proof, size_t n_proof);
