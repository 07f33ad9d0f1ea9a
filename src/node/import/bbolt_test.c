/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/import/bbolt.h"

/* Files of tests/golden, made by tests/lib/bbolt.py. */
enum { SMALL_PEERS = 3, PAGES_PEERS = 120, PAGES_SIZE = 1024, FILE_MAX = 256 * 1024 };

struct file {
	char *bytes;
	size_t len;
};

static void file_done(struct file *file)
{
	free(file->bytes);
}

static struct file golden(const char *name)
{
	struct file file = { .bytes = malloc(FILE_MAX) };
	char path[512];
	FILE *in;

	snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
	in = fopen(path, "rb");
	assert_non_null(in);
	file.len = fread(file.bytes, 1, FILE_MAX, in);
	fclose(in);
	assert_in_range(file.len, 1, FILE_MAX - 1);
	/* so that a byte read behind the end is seen */
	file.bytes = realloc(file.bytes, file.len);
	assert_non_null(file.bytes);
	return file;
}

struct counted {
	unsigned n;
	size_t bytes;
};

static int count(void *ctx, struct span key, struct span value, struct err *err)
{
	struct counted *counted = ctx;

	(void)err;
	counted->n++;
	counted->bytes += key.len;
	for (size_t i = 0; i < value.len; i++)
		counted->bytes += value.at[i] != 0; /* every byte is read */
	return 0;
}

static int walk(
	const struct file *file, const char *bucket, struct counted *counted, struct err *err)
{
	struct bbolt db;
	int r = bbolt_open((struct span){ file->bytes, file->len }, &db, err);

	*counted = (struct counted){ 0 };
	return r < 0 ? r : bbolt_bucket(&db, bucket, count, counted, err);
}

TEST(reads_a_bucket_within_a_page)
{
	scoped(file_done) struct file file = golden("published-small.db");
	struct counted counted;
	struct err err;

	assert_ok(walk(&file, "peers", &counted, &err), &err);
	assert_int_equal(counted.n, SMALL_PEERS);
}

TEST(reads_branches_and_pages_that_go_on)
{
	scoped(file_done) struct file file = golden("published-pages.db");
	struct counted counted;
	struct bbolt db;
	struct err err;

	assert_ok(bbolt_open((struct span){ file.bytes, file.len }, &db, &err), &err);
	assert_int_equal(db.page_size, PAGES_SIZE);
	assert_int_equal(db.txid, 7);
	assert_int_equal(walk(&file, "peers", &counted, &err), 1);
	assert_int_equal(counted.n, PAGES_PEERS);
}

/* As after a power cut while the newer state was written: the older one counts, in which nothing was. */
TEST(the_older_state_counts_when_the_newer_is_not_whole)
{
	scoped(file_done) struct file file = golden("published-pages.db");
	struct counted counted;
	struct bbolt db;
	struct err err;

	file.bytes[PAGES_SIZE + 16 + 20]++; /* the second meta is transaction 7's */
	assert_ok(bbolt_open((struct span){ file.bytes, file.len }, &db, &err), &err);
	assert_int_equal(db.txid, 6);
	assert_int_equal(walk(&file, "peers", &counted, &err), 0);
	file.bytes[PAGES_SIZE + 16 + 20]--;
	file.bytes[16 + 20]++; /* the first is gone: where the second is tells the page size */
	assert_int_equal(walk(&file, "peers", &counted, &err), 1);
	assert_int_equal(counted.n, PAGES_PEERS);
	file.bytes[PAGES_SIZE + 16 + 20]++;
	assert_fails(walk(&file, "peers", &counted, &err), &err, REASON_STORE_CORRUPT);
}

TEST(other_files_are_named_as_such)
{
	scoped(file_done) struct file file = golden("published-small.db");
	static const char *const texts[] = { "", "x", "SQLite format 3", "{\"peers\":[]}" };
	struct counted counted;
	struct bbolt db;
	struct err err;

	for (size_t i = 0; i < N_ELEMENTS(texts); i++)
		assert_fails(bbolt_open(span_of(texts[i]), &db, &err), &err, REASON_FOREIGN);
	assert_fails(walk(&file, "other", &counted, &err), &err, REASON_FOREIGN);
	assert_fails(walk(&file, "peer", &counted, &err), &err, REASON_FOREIGN);
	file.bytes[16 + 4] = 1; /* version */
	file.bytes[4096 + 16 + 4] = 1;
	assert_fails(walk(&file, "peers", &counted, &err), &err, REASON_FOREIGN);
}

TEST(a_file_cut_anywhere_is_an_error)
{
	scoped(file_done) struct file file = golden("published-pages.db");
	struct counted counted;
	struct err err;

	for (size_t len = 0; len < file.len; len += 61) {
		scoped(freep) char *bytes = malloc(len + 1);
		struct file cut = { memcpy(bytes, file.bytes, len), len };

		if (walk(&cut, "peers", &counted, &err) >= 0)
			fail_msg("cut to %zu bytes it was read", len);
	}
}

/* bbolt has no checksums over pages, so that not every flip can be seen; none may do harm. */
TEST(a_flipped_byte_does_no_harm)
{
	static const char *const names[] = { "published-small.db", "published-pages.db" };
	unsigned errors = 0;

	for (size_t f = 0; f < N_ELEMENTS(names); f++) {
		scoped(file_done) struct file file = golden(names[f]);
		struct counted counted;
		struct err err;

		for (size_t i = 0; i < file.len; i += 3) {
			char was = file.bytes[i];

			file.bytes[i] = (char)(was ^ (1 << (i % 8)));
			errors += walk(&file, "peers", &counted, &err) < 0;
			file.bytes[i] = (char)0xff;
			errors += walk(&file, "peers", &counted, &err) < 0;
			file.bytes[i] = was;
		}
	}
	assert_true(errors > 1000);
}

static void put(struct file *file, size_t at, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		file->bytes[at + i] = (char)(value >> (8 * i));
}

static uint64_t get(const struct file *file, size_t at, unsigned n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | (uint8_t)file->bytes[at + n];
	return value;
}

/* The root of the bucket: behind the header, the element and its key in the root bucket's leaf. */
static uint64_t peers_root(const struct file *file, struct err *err)
{
	struct bbolt db;

	assert_ok(bbolt_open((struct span){ file->bytes, file->len }, &db, err), err);
	return get(file, db.root * PAGES_SIZE + 16 + 16 + strlen("peers"), 8);
}

TEST(hostile_trees_end_in_an_error)
{
	enum { AT_FLAGS = 8, AT_COUNT = 10, AT_OVERFLOW = 12, AT_ELEMENT = 16 };
	static const struct {
		const char *what;
		size_t at;
		unsigned n;
		uint64_t value; /* 0: the root's own number */
	} cases[] = {
		{ "a child that is its parent", AT_ELEMENT + 8, 8, 0 },
		{ "a child behind the end", AT_ELEMENT + 8, 8, 100000 },
		{ "a child that is a meta page", AT_ELEMENT + 8, 8, 1 },
		{ "a child that is the free list", AT_ELEMENT + 8, 8, 2 },
		{ "a child out of all bounds", AT_ELEMENT + 8, 8, UINT64_MAX },
		{ "another kind of page", AT_FLAGS, 2, 16 },
		{ "a branch that is called a leaf", AT_FLAGS, 2, 2 },
		{ "no children", AT_COUNT, 2, UINT64_C(0x10000) },
		{ "more children than room", AT_COUNT, 2, 0xffff },
		{ "going on behind the end", AT_OVERFLOW, 4, 0xffffffff },
		{ "a key inside of the elements", AT_ELEMENT, 4, 8 },
		{ "a key behind the page", AT_ELEMENT, 4, 0xfffffff0 },
		{ "a key that is too long", AT_ELEMENT + 4, 4, 0xffffffff },
		{ "another number", 0, 8, 12345 },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(file_done) struct file file = golden("published-pages.db");
		struct counted counted;
		struct err err;
		uint64_t root = peers_root(&file, &err);

		put(&file, root * PAGES_SIZE + cases[i].at, cases[i].value ? cases[i].value : root,
			cases[i].n);
		if (walk(&file, "peers", &counted, &err) >= 0)
			fail_msg("%s: read, %u elements", cases[i].what, counted.n);
		assert_in_range(err.reason, REASON_FOREIGN, REASON_STORE_CORRUPT);
	}
}

static int refuse(void *ctx, struct span key, struct span value, struct err *err)
{
	(void)key;
	(void)value;
	++*(unsigned *)ctx;
	return err_nomem(err);
}

TEST(an_answer_of_the_caller_ends_the_walk)
{
	scoped(file_done) struct file file = golden("published-pages.db");
	struct bbolt db;
	unsigned n = 0;
	struct err err;

	assert_ok(bbolt_open((struct span){ file.bytes, file.len }, &db, &err), &err);
	assert_fails(bbolt_bucket(&db, "peers", refuse, &n, &err), &err, REASON_NO_MEMORY);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_bucket_within_a_page),
		cmocka_unit_test(reads_branches_and_pages_that_go_on),
		cmocka_unit_test(the_older_state_counts_when_the_newer_is_not_whole),
		cmocka_unit_test(other_files_are_named_as_such),
		cmocka_unit_test(a_file_cut_anywhere_is_an_error),
		cmocka_unit_test(a_flipped_byte_does_no_harm),
		cmocka_unit_test(hostile_trees_end_in_an_error),
		cmocka_unit_test(an_answer_of_the_caller_ends_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
