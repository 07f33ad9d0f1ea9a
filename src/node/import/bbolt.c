/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/import/bbolt.h"

#include <stdbool.h>

/*
 * The format, all little-endian. A page may go on in `overflow` following ones.
 *
 * page header, 16 bytes:     id 8, flags 2, count 2, overflow 4
 * meta, behind the header:   magic 4, version 4, page size 4, flags 4, root page 8, sequence 8,
 *                            free list 8, high water 8, transaction 8, checksum 8
 * leaf element, 16 bytes:    flags 4, pos 4, key size 4, value size 4
 * branch element, 16 bytes:  pos 4, key size 4, child 8
 * bucket (a value):          root page 8, sequence 8; root 0: a leaf page stands behind
 *
 * `pos` counts from the element's own beginning; the value follows the key.
 */
enum {
	HEADER = 16,
	ELEMENT = 16,
	BUCKET = 16,
	META = 64,
	META_SUMMED = 56,
	PAGE_BRANCH = 1,
	PAGE_LEAF = 2,
	PAGE_META = 4,
	LEAF_IS_BUCKET = 1,
	VERSION = 2,
	PAGE_SIZE_MIN = 512,
	PAGE_SIZE_MAX = 65536,
	FIRST_PAGE = 2, /* behind the two metas */
	DEPTH_MAX = 32,
};

static const uint32_t magic = 0xED0CDAED;

static uint64_t number(const char *at, unsigned n_bytes)
{
	const uint8_t *bytes = (const uint8_t *)at;
	uint64_t value = 0;

	while (n_bytes-- > 0)
		value = value << 8 | bytes[n_bytes];
	return value;
}

static uint32_t number32(const char *at)
{
	return (uint32_t)number(at, 4);
}

static int damaged(struct err *err, const char *what)
{
	return err_set(err, REASON_STORE_CORRUPT, NULL, "the file is damaged: %s", what);
}

static int damaged_page(struct err *err, uint64_t page, const char *what)
{
	return err_set(err, REASON_STORE_CORRUPT, NULL, "the file is damaged: page %llu %s",
		(unsigned long long)page, what);
}

/*
 * The two metas
 */

/* FNV-1a, 64 bits */
static uint64_t checksum(const char *at, size_t len)
{
	uint64_t sum = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)at[i]) * UINT64_C(1099511628211);
	return sum;
}

static bool has_magic(struct span file, size_t page_at)
{
	return page_at + HEADER + META <= file.len && number32(file.at + page_at + HEADER) == magic;
}

/* Whether a whole meta stands in the page at this place; `page_size` 0: any. */
static bool read_meta(struct span file, size_t page_at, uint32_t page_size, struct bbolt *ret_db)
{
	const char *page = file.at + page_at, *meta = page + HEADER;
	struct bbolt db = { .file = file };

	if (!has_magic(file, page_at) || number(page + 8, 2) != PAGE_META ||
		number32(meta + 4) != VERSION ||
		number(meta + META_SUMMED, 8) != checksum(meta, META_SUMMED))
		return false;
	db.page_size = number32(meta + 8);
	db.root = number(meta + 16, 8);
	db.n_pages = number(meta + 40, 8);
	db.txid = number(meta + 48, 8);
	if (db.page_size < PAGE_SIZE_MIN || db.page_size > PAGE_SIZE_MAX ||
		(db.page_size & (db.page_size - 1)) != 0 ||
		(page_size && db.page_size != page_size))
		return false;
	*ret_db = db;
	return true;
}

static int no_meta(struct span file, bool any_magic, struct err *err)
{
	if (has_magic(file, 0) && number32(file.at + HEADER + 4) != VERSION)
		return err_set(err, REASON_FOREIGN, NULL,
			"the file is of a version of bbolt that is not known here");
	if (any_magic)
		return damaged(err, "neither of its two meta pages is whole");
	return err_set(err, REASON_FOREIGN, NULL, "the file is no bbolt database");
}

int bbolt_open(struct span file, struct bbolt *ret_db, struct err *err)
{
	struct bbolt first, second;
	bool any_magic = has_magic(file, 0), has_first = read_meta(file, 0, 0, &first);
	bool has_second = false;

	/* without the first meta the page size is not known: the second tells it by where it is */
	for (uint32_t size = has_first ? first.page_size : PAGE_SIZE_MIN;
		size <= PAGE_SIZE_MAX && !has_second; size *= 2) {
		any_magic |= has_magic(file, size);
		has_second = read_meta(file, size, size, &second);
		if (has_first)
			break;
	}
	if (!has_first && !has_second)
		return no_meta(file, any_magic, err);
	if (!has_first || (has_second && second.txid > first.txid))
		first = second;
	if (first.n_pages > file.len / first.page_size)
		return damaged(err, "it was cut, or not copied whole");
	*ret_db = first;
	return 0;
}

/*
 * The tree
 */

/* What becomes of a leaf's elements. 1: seen enough. */
struct walk;
typedef int on_element(struct walk *w, uint32_t flags, struct span key, struct span value);

struct walk {
	const struct bbolt *db;
	on_element *element;
	uint64_t left;    /* pages that may still be visited */
	struct span last; /* key */
	bool any;
	struct err *err;
	/* of the root bucket's walk */
	struct span wanted, bucket;
	bool found;
	/* of the wanted one's */
	bbolt_each *each;
	void *ctx;
};

static int compare(struct span a, struct span b)
{
	int c = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* `size` bytes of an element's data, `pos` after the element; never inside the elements themselves. */
static bool in_page(struct span page, size_t element_at, unsigned i, unsigned count, uint64_t pos,
	uint64_t size)
{
	return pos >= (uint64_t)(count - i) * ELEMENT && element_at + pos + size <= page.len;
}

static bool elements_fit(struct span page, unsigned count)
{
	return HEADER + (size_t)count * ELEMENT <= page.len;
}

static int walk_leaf(struct walk *w, struct span page, uint64_t id)
{
	unsigned count = (unsigned)number(page.at + 10, 2);
	int r = 0;

	if (!elements_fit(page, count))
		return damaged_page(w->err, id, "has more elements than room");
	for (unsigned i = 0; i < count && r == 0; i++) {
		size_t at = HEADER + (size_t)i * ELEMENT;
		const char *element = page.at + at;
		uint64_t pos = number(element + 4, 4), key_len = number(element + 8, 4);
		uint64_t value_len = number(element + 12, 4);
		struct span key, value;

		if (!in_page(page, at, i, count, pos, key_len + value_len))
			return damaged_page(w->err, id, "has an element that ends outside of it");
		key = (struct span){ element + pos, key_len };
		value = (struct span){ element + pos + key_len, value_len };
		if (w->any && compare(w->last, key) >= 0)
			return damaged_page(w->err, id, "has keys out of order");
		w->last = key;
		w->any = true;
		r = w->element(w, number32(element), key, value);
	}
	return r;
}

static int walk_page(struct walk *w, uint64_t id, unsigned depth);

static int walk_branch(struct walk *w, struct span page, uint64_t id, unsigned depth)
{
	unsigned count = (unsigned)number(page.at + 10, 2);
	int r = 0;

	if (count == 0 || !elements_fit(page, count))
		return damaged_page(w->err, id, "has no children, or more than room");
	for (unsigned i = 0; i < count && r == 0; i++) {
		size_t at = HEADER + (size_t)i * ELEMENT;
		const char *element = page.at + at;

		if (!in_page(page, at, i, count, number(element, 4), number(element + 4, 4)))
			return damaged_page(w->err, id, "has an element that ends outside of it");
		r = walk_page(w, number(element + 8, 8), depth + 1);
	}
	return r;
}

/* A page with what it goes on in. A tree has each page once, so more than there are is a circle. */
static int take_page(struct walk *w, uint64_t id, struct span *ret_page)
{
	const struct bbolt *db = w->db;
	const char *page;
	uint64_t n;

	if (id < FIRST_PAGE || id >= db->n_pages)
		return damaged_page(w->err, id, "is referred to and not there");
	page = db->file.at + id * db->page_size;
	n = number(page + 12, 4) + 1;
	if (number(page, 8) != id)
		return damaged_page(w->err, id, "has another number in it");
	if (n > db->n_pages - id)
		return damaged_page(w->err, id, "goes on behind the end");
	if (n > w->left)
		return damaged_page(w->err, id, "is part of a circle");
	w->left -= n;
	*ret_page = (struct span){ page, n * db->page_size };
	return 0;
}

static int walk_page(struct walk *w, uint64_t id, unsigned depth)
{
	struct span page;
	int r;

	if (depth > DEPTH_MAX)
		return damaged_page(w->err, id, "is too deep in the tree");
	r = take_page(w, id, &page);
	if (r < 0)
		return r;
	switch (number(page.at + 8, 2)) {
	case PAGE_LEAF: return walk_leaf(w, page, id);
	case PAGE_BRANCH: return walk_branch(w, page, id, depth);
	default: return damaged_page(w->err, id, "is no page of a bucket");
	}
}

/*
 * Buckets
 */

static int find(struct walk *w, uint32_t flags, struct span key, struct span value)
{
	if (compare(key, w->wanted) != 0)
		return 0;
	if (flags != LEAF_IS_BUCKET || value.len < BUCKET)
		return err_set(w->err, REASON_FOREIGN, NULL, "'%.*s' in the file is no bucket",
			(int)key.len, key.at);
	w->bucket = value;
	w->found = true;
	return 1;
}

static int tell(struct walk *w, uint32_t flags, struct span key, struct span value)
{
	int r;

	if (flags != 0)
		return err_set(w->err, REASON_FOREIGN, NULL,
			"the file has a bucket where a value belongs");
	r = w->each(w->ctx, key, value, w->err);
	return r < 0 ? r : 0;
}

static int walk_inline(struct walk *w, struct span page)
{
	if (page.len < HEADER || number(page.at + 8, 2) != PAGE_LEAF)
		return damaged(w->err, "a small bucket is malformed");
	return walk_leaf(w, page, 0);
}

int bbolt_bucket(
	const struct bbolt *db, const char *name, bbolt_each *each, void *ctx, struct err *err)
{
	struct walk root = {
		.db = db, .element = find, .left = db->n_pages, .err = err, .wanted = span_of(name)
	};
	struct walk inner = {
		.db = db, .element = tell, .left = db->n_pages, .err = err, .each = each, .ctx = ctx
	};
	int r = walk_page(&root, db->root, 0);
	uint64_t page;

	if (r < 0)
		return r;
	if (!root.found && !root.any)
		return 0;
	if (!root.found)
		return err_set(err, REASON_FOREIGN, NULL,
			"the file has no bucket '%s': it is another program's", name);
	page = number(root.bucket.at, 8);
	if (page == 0)
		r = walk_inline(
			&inner, (struct span){ root.bucket.at + BUCKET, root.bucket.len - BUCKET });
	else
		r = walk_page(&inner, page, 0);
	return r < 0 ? r : 1;
}
