/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/test.h"
#include "crypto/merkle.h"
#include "model/node_api.h"
#include "node/keeper/store.h"

static const int64_t day = INT64_C(86400) * USEC_PER_SEC;

/* A folder of its own, gone with the test. */
struct home {
	char folder[32], path[64];
};

static struct home home_make(void)
{
	struct home home = { "/tmp/wgk-store-XXXXXX", "" };

	assert_non_null(mkdtemp(home.folder));
	snprintf(home.path, sizeof home.path, "%s/store.db", home.folder);
	return home;
}

static void home_done(struct home *home)
{
	static const char *const files[] = { "", "-wal", "-shm" };
	char path[80];

	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		snprintf(path, sizeof path, "%s%s", home->path, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(home->folder);
}

static struct store *opened(const struct home *home)
{
	struct store *store;
	struct err err;

	assert_ok(store_open(home->path, &store, &err), &err);
	return store;
}

static int take_peer(void *ctx, struct peer *peer, struct err *err)
{
	unsigned *n = ctx;

	(void)err;
	(*n)++;
	peer_free(peer);
	return 0;
}

static int take_resting(void *ctx, const struct tombstone *tombstone, struct err *err)
{
	(void)ctx;
	(void)tombstone;
	(void)err;
	return 0;
}

/* Reads everything back; the sums must agree. */
static unsigned reload(struct store **store, const struct home *home)
{
	struct err err;
	unsigned n = 0;

	store_close(TAKE(*store));
	*store = opened(home);
	assert_ok(store_load(*store, (struct timestamp){ 0 }, take_peer, take_resting, &n, &err), &err);
	return n;
}

static struct peer *a_peer(void)
{
	struct peer *peer = calloc(1, sizeof *peer);

	assert_non_null(peer);
	uuid_make_v4(&peer->id);
	rng_bytes(&peer->public_key, sizeof peer->public_key);
	assert_true(cidr_parse_address(span_of("10.0.0.2"), &peer->address[0]));
	peer->created_at = time_now();
	peer->author.key = 3;
	assert_true(cidr_parse_address(span_of("192.0.2.7"), &peer->author.source));
	return peer;
}

static void commit(struct store *store)
{
	struct err err;

	assert_ok(store_commit(store, &err), &err);
}

static void begin(struct store *store)
{
	struct err err;

	assert_ok(store_begin(store, &err), &err);
}

static void see_ended(void *ctx, const struct tombstone *tombstone)
{
	*(struct tombstone *)ctx = *tombstone;
}

TEST(peers_and_tombstones_say_who_changed_them)
{
	scoped(home_done) struct home home = home_make();
	scoped(store_closep) struct store *store = opened(&home);
	scoped(peer_freep) struct peer *peer = a_peer();
	struct tombstone tombstone = { .id = peer->id, .public_key = peer->public_key,
		.ended_at = time_now(), .end_reason = NODE_END_DELETED, .author = { 4, { 0 } } };
	struct tombstone seen;
	struct err err;

	begin(store);
	assert_ok(store_put(store, peer, &err), &err);
	commit(store);
	assert_int_equal(reload(&store, &home), 1);
	assert_int_equal(store_last_ended(store), 0);
	begin(store);
	assert_ok(store_end(store, peer, &tombstone, &err), &err);
	commit(store);
	assert_int_equal(reload(&store, &home), 0);
	assert_int_equal(store_last_ended(store), tombstone.revision);
	assert_ok(store_ended_after(store, 1, 10, see_ended, &seen, &err), &err);
	assert_int_equal(seen.revision, tombstone.revision);
	assert_int_equal(seen.author.key, 4);
	assert_int_equal(seen.author.source.family, IP_NONE);
}

TEST(tombstones_are_counted)
{
	scoped(home_done) struct home home = home_make();
	scoped(store_closep) struct store *store = opened(&home);
	struct tombstone first = { .ended_at = time_now(), .end_reason = NODE_END_DELETED }, again;
	struct err err;

	uuid_make_v4(&first.id);
	begin(store);
	assert_ok(store_bury(store, NULL, &first, &err), &err);
	again = first;
	again.generation = 2;
	assert_ok(store_bury(store, &first, &again, &err), &err);
	assert_int_equal(store_ended(store), 1);
	store_rollback(store);
	assert_int_equal(store_ended(store), 0);
	begin(store);
	assert_ok(store_bury(store, NULL, &first, &err), &err);
	commit(store);
	(void)reload(&store, &home);
	assert_int_equal(store_ended(store), 1);
	begin(store);
	assert_ok(store_exhume(store, &first, &err), &err);
	commit(store);
	(void)reload(&store, &home);
	assert_int_equal(store_ended(store), 0);
}

TEST(a_batch_without_changes_is_no_revision)
{
	scoped(home_done) struct home home = home_make();
	scoped(store_closep) struct store *store = opened(&home);

	begin(store);
	commit(store);
	assert_int_equal(store_revision(store), 0);
	assert_int_equal(store_committed_revision(store), 0);
}

static int count_keys(void *ctx, const struct api_key *key, struct err *err)
{
	unsigned *n = ctx;

	(void)key;
	(void)err;
	(*n)++;
	return 0;
}

TEST(keys_are_kept_and_stay_retired)
{
	scoped(home_done) struct home home = home_make();
	scoped(store_closep) struct store *store = opened(&home);
	struct api_key key = { .digest = merkle_empty(), .origin = NODE_KEY_API,
		.created_at = time_now() }, read;
	struct digest unknown = merkle_leaf(span_of("x"));
	unsigned n = 0;
	struct err err;

	assert_true(cidr_parse(span_of("10.0.0.0/8"), &key.source));
	begin(store);
	assert_ok(store_key_add(store, &key, &err), &err);
	assert_int_equal(key.number, 1);
	store_rollback(store); /* and the number with it */
	begin(store);
	assert_ok(store_key_add(store, &key, &err), &err);
	assert_int_equal(key.number, 1);
	commit(store);
	key.last_used_at = time_now();
	assert_ok(store_key_used(store, &key, &err), &err);
	(void)reload(&store, &home);
	assert_ok(store_key_by_digest(store, &key.digest, &read, &err), &err);
	assert_true(cidr_equal(&read.source, &key.source) && read.number == 1);
	assert_int_equal(read.last_used_at.us, key.last_used_at.us);
	assert_fails(store_key_by_digest(store, &unknown, &read, &err), &err, REASON_NOT_FOUND);
	begin(store);
	assert_ok(store_key_retire(store, &read, time_now(), &err), &err);
	read.digest = unknown;
	read.retired_at.us = 0;
	assert_ok(store_key_add(store, &read, &err), &err);
	assert_int_equal(read.number, 2);
	commit(store);
	(void)reload(&store, &home);
	assert_ok(store_key_get(store, 1, &read, &err), &err);
	assert_true(read.retired_at.us > 0);
	assert_fails(store_key_get(store, 3, &read, &err), &err, REASON_NOT_FOUND);
	assert_ok(store_key_each(store, 10, count_keys, &n, &err), &err);
	assert_int_equal(n, 2);
}

struct seen {
	unsigned n_logs, n;
	uint64_t largest, smallest;
	struct witness_log log;
};

static int see_log(void *ctx, const struct witness_log *log, struct err *err)
{
	struct seen *seen = ctx;

	(void)err;
	seen->n_logs++;
	seen->log = *log;
	return 0;
}

static int see_checkpoint(void *ctx, int64_t log, const struct witness_checkpoint *checkpoint,
	struct err *err)
{
	struct seen *seen = ctx;

	(void)log;
	(void)err;
	if (!seen->n++)
		seen->largest = checkpoint->checkpoint.size;
	seen->smallest = checkpoint->checkpoint.size;
	return 0;
}

static struct seen look(struct store *store)
{
	struct seen seen = { 0 };
	struct err err;

	assert_ok(store_witness_each(store, see_log, see_checkpoint, &seen, &err), &err);
	return seen;
}

static void put_checkpoint(struct store *store, int64_t log, uint64_t size, int64_t at)
{
	static const uint8_t seed[NOTE_SEED_SIZE] = { 1 };
	scoped(sbuf_done) struct sbuf note = SBUF_INIT(4096);
	struct witness_checkpoint held = { .checkpoint = { .origin = "log", .size = size },
		.received_at = { at } };
	struct note_signer signer;
	struct err err;

	assert_ok(note_signer_make("log", seed, &signer, &err), &err);
	assert_ok(checkpoint_sign(&note, &held.checkpoint, &signer, 1, &err), &err);
	memcpy(held.note, note.data, note.len + 1);
	assert_ok(store_checkpoint_put(store, log, &held, &err), &err);
}

TEST(of_checkpoints_the_last_of_each_day_is_kept)
{
	scoped(home_done) struct home home = home_make();
	scoped(store_closep) struct store *store = opened(&home);
	struct witness_log log = { .number = 1, .bound_at = time_now(), .predecessor = "before\n" }, changed;
	uint8_t key[NOTE_KEY_SIZE] = { 9 };
	struct seen seen;
	struct err err;

	assert_ok(note_key_make("log", key, &log.key, &err), &err);
	begin(store);
	assert_ok(store_log_put(store, NULL, &log, &err), &err);
	for (int d = 0; d < WITNESS_DAYS + 5; d++) {
		put_checkpoint(store, 1, (uint64_t)d * 10 + 1, 20000 * day + d * day);
		put_checkpoint(store, 1, (uint64_t)d * 10 + 2, 20000 * day + d * day + 5);
	}
	commit(store);
	(void)reload(&store, &home);
	seen = look(store);
	assert_int_equal(seen.n, WITNESS_DAYS);
	assert_int_equal(seen.largest, (WITNESS_DAYS + 4) * 10 + 2);
	assert_int_equal(seen.smallest, 5 * 10 + 2);
	/* a clock that went back does not cost the largest one */
	begin(store);
	put_checkpoint(store, 1, 5000, day);
	changed = log;
	memcpy(changed.fork, "a note", 7);
	assert_ok(store_log_put(store, &log, &changed, &err), &err);
	commit(store);
	(void)reload(&store, &home);
	seen = look(store);
	assert_int_equal(seen.n, WITNESS_DAYS);
	assert_int_equal(seen.largest, 5000);
	assert_int_equal(seen.n_logs, 1);
	assert_string_equal(seen.log.fork, "a note");
	assert_string_equal(seen.log.predecessor, "before\n");
	assert_true(note_key_equal(&seen.log.key, &log.key));
	begin(store);
	assert_ok(store_log_retire(store, 1, &err), &err);
	commit(store);
	(void)reload(&store, &home);
	seen = look(store);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.largest, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_and_tombstones_say_who_changed_them),
		cmocka_unit_test(tombstones_are_counted),
		cmocka_unit_test(a_batch_without_changes_is_no_revision),
		cmocka_unit_test(keys_are_kept_and_stay_retired),
		cmocka_unit_test(of_checkpoints_the_last_of_each_day_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
