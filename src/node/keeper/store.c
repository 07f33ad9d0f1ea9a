/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "node/keeper/store_rows.h"
#include "node_sql.h"

enum { APPLICATION_ID = 0x57474b4e /* WGKN */ };

static int make_node(struct store *store, struct err *err)
{
	struct node_row row = { .revision = 0, .set_digest = { store->sum.bytes, SUM_SIZE } };
	scoped(db_rollbackp) struct db *tx = store->db;
	int r;

	uuid_make_v4(&row.id);
	uuid_make_v4(&row.epoch);
	r = db_begin(tx, DB_WRITE, err);
	if (r >= 0)
		r = db_exec(store->db, NODE_NODE_INSERT, DB_OBJECT(&store_node_type, &row), NULL, err);
	if (r >= 0)
		r = db_commit(tx, err);
	store->id = row.id;
	store->epoch = row.epoch;
	return r;
}

static int read_node(struct store *store, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(4096);
	struct node_row row;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_one(store->db, NODE_NODE_GET, DB_NONE, &store_node_type, &row, arena, err);
	if (r == -ERR_NOT_FOUND)
		return make_node(store, err);
	if (r < 0)
		return r;
	if (row.set_digest.len != SUM_SIZE)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "the store's digest is malformed");
	store->id = row.id;
	store->epoch = row.epoch;
	store->revision = store->committed_revision = row.revision;
	memcpy(store->committed_sum.bytes, row.set_digest.at, SUM_SIZE);
	store->sum = store->committed_sum;
	return 0;
}

int store_open(const char *path, struct store **ret_store, struct err *err)
{
	scoped(store_closep) struct store *store = calloc(1, sizeof *store);
	char url[512];
	struct db_conf conf = { .url = url, .queries = node_queries, .n_queries = NODE_N_QUERIES,
		.migrations = node_migrations, .application_id = APPLICATION_ID,
		.exclusive = true };
	int r;

	if (!store)
		return err_nomem(err);
	if ((size_t)snprintf(url, sizeof url, "file:%s", path) >= sizeof url)
		return err_set(err, REASON_CONFIG, "state_dir", "the path '%s' is too long", path);
	r = db_open(&conf, &store->db, err);
	if (r >= 0)
		r = db_migrate(store->db, err);
	if (r >= 0)
		r = read_node(store, err);
	if (r == -ERR_UNAVAILABLE && err && err->reason == REASON_BUSY)
		return err_set(err, REASON_BUSY, NULL,
			"'%s' is in use: another wgkeeper-node runs with this state_dir", path);
	if (r < 0)
		return r;
	*ret_store = TAKE(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	db_close(store->db);
	free(store);
}

const struct uuid *store_id(const struct store *store)
{
	return &store->id;
}

const struct uuid *store_epoch(const struct store *store)
{
	return &store->epoch;
}

int64_t store_revision(const struct store *store)
{
	return store->revision;
}

int64_t store_last_ended(const struct store *store)
{
	return store->last_ended;
}

int64_t store_committed_revision(const struct store *store)
{
	return store->committed_revision;
}

int64_t store_ended(const struct store *store)
{
	return store->n_ended;
}

/*
 * Batches
 */

int store_begin(struct store *store, struct err *err)
{
	int r;

	if (store->in_batch)
		return 0;
	r = db_begin(store->db, DB_WRITE, err);
	store->in_batch = r >= 0;
	return r;
}

void store_rollback(struct store *store)
{
	struct db *tx = store->db;

	db_rollbackp(&tx);
	store->in_batch = false;
	store->revision = store->committed_revision;
	store->n_ended = store->committed_n_ended;
	store->sum = store->committed_sum;
	store->last_key = store->committed_last_key;
}

static bool is_changed(const struct store *store)
{
	return store->revision != store->committed_revision ||
	       memcmp(&store->sum, &store->committed_sum, sizeof store->sum) != 0;
}

int store_commit(struct store *store, struct err *err)
{
	struct node_row row = { .revision = store->revision,
		.set_digest = { store->sum.bytes, SUM_SIZE } };
	int r = 0;

	if (!store->in_batch)
		return 0;
	/* a batch that changed nothing writes nothing, and costs no fsync */
	if (is_changed(store))
		r = db_exec(store->db, NODE_NODE_ADVANCE, DB_OBJECT(&store_node_type, &row), NULL,
			err);
	if (r >= 0)
		r = db_commit(store->db, err);
	if (r < 0) {
		store_rollback(store);
		return r;
	}
	store->in_batch = false;
	store->committed_revision = store->revision;
	store->committed_n_ended = store->n_ended;
	store->committed_sum = store->sum;
	store->committed_last_key = store->last_key;
	return 0;
}

void store_outdate(struct store *store, const struct peer *peer)
{
	struct sum digest = digest_of_peer(peer);

	sum_sub(&store->sum, &digest);
}

int store_put(struct store *store, struct peer *peer, struct err *err)
{
	struct peer_row row = { .id = peer->id, .public_key = peer->public_key,
		.preshared_key = peer->preshared_key, .address4 = peer->address[0],
		.address6 = peer->address[1], .created_at = peer->created_at,
		.expires_at = peer->expires_at, .suspended = peer->suspended,
		.keepalive = peer->keepalive, .generation = peer->generation,
		.revision = store->revision + 1, .label = peer->label,
		.author_key = peer->author.key, .author_source = peer->author.source,
		.quarantine = peer->quarantine };
	struct sum digest;
	int r;

	peer->revision = ++store->revision;
	digest = digest_of_peer(peer);
	sum_add(&store->sum, &digest);
	row.digest = (struct blob){ digest.bytes, ROW_DIGEST_SIZE };
	r = db_exec(store->db, NODE_PEER_PUT, DB_OBJECT(&store_peer_type, &row), NULL, err);
	wgkey_wipe(&row.preshared_key);
	return r;
}

static int put_tombstone(struct store *store, struct tombstone *t, struct err *err)
{
	struct tombstone_row row = { .id = t->id, .public_key = t->public_key,
		.address4 = t->address[0], .address6 = t->address[1], .created_at = t->created_at,
		.ended_at = t->ended_at, .end_reason = t->end_reason, .generation = t->generation,
		.revision = store->revision + 1, .author_key = t->author.key,
		.author_source = t->author.source };
	struct sum digest;

	t->revision = store->last_ended = ++store->revision;
	digest = digest_of_tombstone(t);
	sum_add(&store->sum, &digest);
	row.digest = (struct blob){ digest.bytes, ROW_DIGEST_SIZE };
	return db_exec(store->db, NODE_TOMBSTONE_PUT, DB_OBJECT(&store_tombstone_type, &row), NULL, err);
}

int store_undo(struct store *store, const struct peer *peer, struct err *err)
{
	store_outdate(store, peer);
	store->revision++;
	return db_exec(store->db, NODE_PEER_DELETE, DB_ARGS(DB_ARG("id", peer->id)), NULL, err);
}

int store_end(struct store *store, const struct peer *peer, struct tombstone *tombstone,
	struct err *err)
{
	int r = store_undo(store, peer, err);

	if (r >= 0)
		r = put_tombstone(store, tombstone, err);
	store->n_ended += r >= 0;
	return r < 0 ? r : store_retire_key(store, &peer->public_key, &peer->id, err);
}

int store_bury(struct store *store, const struct tombstone *before, struct tombstone *tombstone,
	struct err *err)
{
	struct sum digest;

	if (before) {
		digest = digest_of_tombstone(before);
		sum_sub(&store->sum, &digest);
	} else {
		store->n_ended++;
	}
	return put_tombstone(store, tombstone, err);
}

int store_exhume(struct store *store, const struct tombstone *tombstone, struct err *err)
{
	struct sum digest;

	digest = digest_of_tombstone(tombstone);
	sum_sub(&store->sum, &digest);
	store->n_ended--;
	return db_exec(store->db, NODE_TOMBSTONE_DELETE, DB_ARGS(DB_ARG("id", tombstone->id)), NULL,
		err);
}

int store_retire_key(struct store *store, const struct wgkey *key, const struct uuid *id,
	struct err *err)
{
	struct used_key_row row = { *key, *id };
	struct sum digest;
	int64_t added = 0;
	int r = db_exec(store->db, NODE_USED_KEY_INSERT, DB_OBJECT(&store_used_key_type, &row), &added,
		err);

	if (r < 0 || !added)
		return r;
	digest = digest_of_used_key(key, id);
	sum_add(&store->sum, &digest);
	return 0;
}

/*
 * Questions
 */

int store_tombstone(struct store *store, const struct uuid *id, struct tombstone *ret_tombstone,
	struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(4096);
	struct tombstone_row row;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_one(store->db, NODE_TOMBSTONE_GET, DB_ARGS(DB_ARG("id", *id)), &store_tombstone_type, &row,
		arena, err);
	if (r >= 0)
		tombstone_from_row(&row, ret_tombstone);
	return r;
}

int store_used_key(struct store *store, const struct wgkey *key, struct uuid *ret_id, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(4096);
	struct used_key_row row;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_one(store->db, NODE_USED_KEY_GET, DB_ARGS(DB_ARG("public_key", *key)),
		&store_used_key_type, &row, arena, err);
	if (r >= 0)
		*ret_id = row.id;
	return r;
}

struct ended_reader {
	void (*ended)(void *ctx, const struct tombstone *tombstone);
	void *ctx;
};

static int read_ended(void *ctx, void *object, struct err *err)
{
	struct ended_reader *reader = ctx;
	struct tombstone tombstone;

	(void)err;
	tombstone_from_row(object, &tombstone);
	reader->ended(reader->ctx, &tombstone);
	return 0;
}

int store_ended_after(struct store *store, int64_t after, int64_t limit,
	void (*ended)(void *ctx, const struct tombstone *tombstone), void *ctx, struct err *err)
{
	struct ended_reader reader = { ended, ctx };
	struct tombstone_row row;

	return db_each(store->db, NODE_TOMBSTONE_AFTER,
		DB_ARGS(DB_ARG("after", after), DB_ARG("limit", limit)), &store_tombstone_type, &row,
		read_ended, &reader, err);
}
