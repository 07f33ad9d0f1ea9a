/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/keeper/store_rows.h"
#include "node_sql.h"

static int put(struct store *store, const struct api_key *key, struct err *err)
{
	struct api_key_row row = { .number = key->number,
		.key_digest = { key->digest.bytes, DIGEST_SIZE }, .origin = key->origin,
		.source = key->source, .created_at = key->created_at,
		.expires_at = key->expires_at, .retired_at = key->retired_at };
	struct sum digest = digest_of_api_key(key);

	sum_add(&store->sum, &digest);
	store->revision++;
	row.digest = (struct blob){ digest.bytes, ROW_DIGEST_SIZE };
	return db_exec(store->db, NODE_API_KEY_PUT, DB_OBJECT(&store_api_key_type, &row), NULL, err);
}

int store_key_add(struct store *store, struct api_key *key, struct err *err)
{
	key->number = ++store->last_key;
	return put(store, key, err);
}

int store_key_retire(struct store *store, struct api_key *key, struct timestamp at, struct err *err)
{
	struct sum digest = digest_of_api_key(key);

	sum_sub(&store->sum, &digest);
	key->retired_at = at;
	return put(store, key, err);
}

int store_key_used(struct store *store, const struct api_key *key, struct err *err)
{
	struct api_key_row row = { .number = key->number, .last_used_at = key->last_used_at,
		.last_used_from = key->last_used_from };

	return db_exec(store->db, NODE_API_KEY_USED, DB_OBJECT(&store_api_key_type, &row), NULL, err);
}

int api_key_from_row(const struct api_key_row *row, struct api_key *ret_key, struct err *err)
{
	if (row->key_digest.len != DIGEST_SIZE || row->number <= 0)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "an API key's row is malformed");
	*ret_key = (struct api_key){ .number = row->number, .origin = row->origin,
		.source = row->source, .created_at = row->created_at,
		.expires_at = row->expires_at, .retired_at = row->retired_at,
		.last_used_at = row->last_used_at, .last_used_from = row->last_used_from };
	memcpy(ret_key->digest.bytes, row->key_digest.at, DIGEST_SIZE);
	return 0;
}

static int get(struct store *store, enum node_query query, struct db_in in, struct api_key *ret_key,
	struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(4096);
	struct api_key_row row;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_one(store->db, query, in, &store_api_key_type, &row, arena, err);
	return r < 0 ? r : api_key_from_row(&row, ret_key, err);
}

int store_key_get(struct store *store, int64_t number, struct api_key *ret_key, struct err *err)
{
	return get(store, NODE_API_KEY_GET, DB_ARGS(DB_ARG("number", number)), ret_key, err);
}

int store_key_by_digest(struct store *store, const struct digest *digest, struct api_key *ret_key,
	struct err *err)
{
	struct blob bytes = { digest->bytes, DIGEST_SIZE };

	return get(store, NODE_API_KEY_BY_DIGEST, DB_ARGS(DB_ARG("key_digest", bytes)), ret_key, err);
}

struct key_reader {
	int (*key)(void *ctx, const struct api_key *key, struct err *err);
	void *ctx;
};

static int read_key(void *ctx, void *object, struct err *err)
{
	struct key_reader *reader = ctx;
	struct api_key key;
	int r = api_key_from_row(object, &key, err);

	return r < 0 ? r : reader->key(reader->ctx, &key, err);
}

int store_key_each(struct store *store, int64_t limit,
	int (*key)(void *ctx, const struct api_key *key, struct err *err), void *ctx, struct err *err)
{
	struct key_reader reader = { key, ctx };
	struct api_key_row row;

	return db_each(store->db, NODE_API_KEY_LATEST, DB_ARGS(DB_ARG("limit", limit)),
		&store_api_key_type, &row, read_key, &reader, err);
}
