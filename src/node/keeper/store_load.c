/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading the whole store at start, and believing none of it before the sums agree. */
#include <stdlib.h>

#include "node/keeper/store_rows.h"
#include "node_sql.h"

struct loader {
	struct sum sum;
	int64_t n_ended, last_ended, last_key;
	int (*peer)(void *ctx, struct peer *peer, struct err *err);
	int (*resting)(void *ctx, const struct tombstone *tombstone, struct err *err);
	void *ctx;
};

static int damaged(struct err *err, const char *what)
{
	return err_set(err, REASON_STORE_CORRUPT, NULL,
		"the peer store is damaged (%s); the interface is left as it is. Restore the file "
		"from a backup, or move it away and let the Console issue its peers again",
		what);
}

static int load_peer(void *ctx, void *object, struct err *err)
{
	scoped(peer_freep) struct peer *peer = calloc(1, sizeof *peer);
	const struct peer_row *row = object;
	struct loader *loader = ctx;
	struct sum digest;

	if (!peer)
		return err_nomem(err);
	*peer = (struct peer){ .id = row->id, .public_key = row->public_key,
		.preshared_key = row->preshared_key,
		.address = { row->address4, row->address6 }, .created_at = row->created_at,
		.expires_at = row->expires_at, .suspended = row->suspended,
		.keepalive = row->keepalive, .generation = row->generation,
		.revision = row->revision,
		.author = { (uint32_t)row->author_key, row->author_source },
		.quarantine = row->quarantine };
	if (row->label) {
		peer->label = strdup(row->label);
		if (!peer->label)
			return err_nomem(err);
	}
	digest = digest_of_peer(peer);
	if (!row_digest_ok(&row->digest, &digest))
		return damaged(err, "a peer's row was altered");
	sum_add(&loader->sum, &digest);
	return loader->peer(loader->ctx, TAKE(peer), err);
}

static int load_tombstone(void *ctx, void *object, struct err *err)
{
	const struct tombstone_row *row = object;
	struct loader *loader = ctx;
	struct sum digest;
	struct tombstone t;

	tombstone_from_row(row, &t);
	digest = digest_of_tombstone(&t);
	if (!row_digest_ok(&row->digest, &digest))
		return damaged(err, "a tombstone was altered");
	loader->n_ended++;
	if (t.revision > loader->last_ended)
		loader->last_ended = t.revision;
	sum_add(&loader->sum, &digest);
	return 0;
}

static int load_api_key(void *ctx, void *object, struct err *err)
{
	const struct api_key_row *row = object;
	struct loader *loader = ctx;
	struct api_key key;
	struct sum digest;
	int r = api_key_from_row(row, &key, err);

	if (r < 0)
		return r;
	digest = digest_of_api_key(&key);
	if (!row_digest_ok(&row->digest, &digest))
		return damaged(err, "an API key was altered");
	sum_add(&loader->sum, &digest);
	loader->last_key = key.number;
	return 0;
}

static int load_log(void *ctx, void *object, struct err *err)
{
	const struct log_row *row = object;
	struct loader *loader = ctx;
	struct witness_log log;
	struct sum digest;
	int r = log_from_row(row, &log, err);

	if (r < 0)
		return r;
	digest = digest_of_log(&log);
	if (!row_digest_ok(&row->digest, &digest))
		return damaged(err, "an audit log was altered");
	sum_add(&loader->sum, &digest);
	return 0;
}

static int load_checkpoint(void *ctx, void *object, struct err *err)
{
	const struct checkpoint_row *row = object;
	struct witness_checkpoint checkpoint;
	struct loader *loader = ctx;
	struct sum digest;
	int r = checkpoint_from_row(row, &checkpoint, err);

	if (r < 0)
		return r;
	digest = digest_of_checkpoint(row->log, row->day, row->note, row->received_at);
	if (!row_digest_ok(&row->digest, &digest))
		return damaged(err, "a checkpoint was altered");
	sum_add(&loader->sum, &digest);
	return 0;
}

static int load_used_key(void *ctx, void *object, struct err *err)
{
	const struct used_key_row *row = object;
	struct loader *loader = ctx;
	struct sum digest;

	(void)err;
	digest = digest_of_used_key(&row->public_key, &row->id);
	sum_add(&loader->sum, &digest);
	return 0;
}

static int load_import(void *ctx, void *object, struct err *err)
{
	const struct import_row *row = object;
	struct loader *loader = ctx;
	struct sum digest;

	digest = digest_of_import(row);
	if (!row_digest_ok(&row->digest, &digest))
		return damaged(err, "the note of an import was altered");
	sum_add(&loader->sum, &digest);
	return 0;
}

static int load_resting(void *ctx, void *object, struct err *err)
{
	struct loader *loader = ctx;
	struct tombstone t;

	tombstone_from_row(object, &t);
	return loader->resting(loader->ctx, &t, err);
}

/* What is neither peer nor tombstone. */
static int load_rest(struct store *store, struct loader *loader, struct err *err)
{
	struct checkpoint_row checkpoint;
	struct used_key_row used;
	struct import_row import;
	struct api_key_row key;
	struct log_row log;
	int r = db_each(store->db, NODE_USED_KEY_ALL, DB_NONE, &store_used_key_type, &used,
		load_used_key, loader, err);

	if (r >= 0)
		r = db_each(store->db, NODE_API_KEY_ALL, DB_NONE, &store_api_key_type, &key,
			load_api_key, loader, err);
	if (r >= 0)
		r = db_each(store->db, NODE_LOG_ALL, DB_NONE, &store_log_type, &log, load_log, loader,
			err);
	if (r >= 0)
		r = db_each(store->db, NODE_CHECKPOINT_ALL, DB_NONE, &store_checkpoint_type, &checkpoint,
			load_checkpoint, loader, err);
	if (r >= 0)
		r = db_each(store->db, NODE_IMPORT_ALL, DB_NONE, &store_import_type, &import,
			load_import, loader, err);
	return r;
}

int store_load(struct store *store, struct timestamp since,
	int (*peer)(void *ctx, struct peer *peer, struct err *err),
	int (*resting)(void *ctx, const struct tombstone *tombstone, struct err *err), void *ctx,
	struct err *err)
{
	struct loader loader = { .peer = peer, .resting = resting, .ctx = ctx };
	struct tombstone_row tombstone;
	struct peer_row row;
	int r = db_each(store->db, NODE_PEER_ALL, DB_NONE, &store_peer_type, &row, load_peer, &loader,
		err);

	if (r >= 0)
		r = db_each(store->db, NODE_TOMBSTONE_ALL, DB_NONE, &store_tombstone_type, &tombstone,
			load_tombstone, &loader, err);
	if (r >= 0)
		r = load_rest(store, &loader, err);
	if (r < 0)
		return r;
	if (memcmp(loader.sum.bytes, store->committed_sum.bytes, SUM_SIZE) != 0)
		return damaged(err, "a row is missing, or came back");
	store->n_ended = store->committed_n_ended = loader.n_ended;
	store->last_ended = loader.last_ended;
	store->last_key = store->committed_last_key = loader.last_key;
	return db_each(store->db, NODE_TOMBSTONE_RESTING, DB_ARGS(DB_ARG("since", since)),
		&store_tombstone_type, &tombstone, load_resting, &loader, err);
}
