/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>
#include <string.h>

#include "model/node_api.h"
#include "node/keeper/store_rows.h"

/* clang-format off */
static const struct field node_fields[] = {
	FIELD(struct node_row, id),
	FIELD(struct node_row, epoch),
	FIELD(struct node_row, revision),
	FIELD(struct node_row, set_digest),
	{ 0 },
};
const struct type store_node_type = TYPE(struct node_row, "node", node_fields);

#define ROW(member, ...) FIELD(struct peer_row, member, __VA_ARGS__)
static const struct field peer_fields[] = {
	ROW(id),
	ROW(public_key),
	ROW(preshared_key, .flags = F_NULLABLE),
	ROW(address4, .flags = F_NULLABLE | F_HOST),
	ROW(address6, .flags = F_NULLABLE | F_HOST),
	ROW(created_at),
	ROW(expires_at, .flags = F_NULLABLE),
	ROW(suspended),
	ROW(keepalive),
	ROW(generation),
	ROW(revision),
	ROW(label, .flags = F_NULLABLE),
	ROW(author_key),
	ROW(author_source, .flags = F_NULLABLE | F_HOST),
	ROW(quarantine, .words = node_quarantine_words, .flags = F_NULLABLE),
	ROW(digest),
	{ 0 },
};
const struct type store_peer_type = TYPE(struct peer_row, "peer", peer_fields);

#define TOMB(member, ...) FIELD(struct tombstone_row, member, __VA_ARGS__)
static const struct field tombstone_fields[] = {
	TOMB(id),
	TOMB(public_key, .flags = F_NULLABLE),
	TOMB(address4, .flags = F_NULLABLE | F_HOST),
	TOMB(address6, .flags = F_NULLABLE | F_HOST),
	TOMB(created_at, .flags = F_NULLABLE),
	TOMB(ended_at),
	TOMB(end_reason, .words = node_peer_end_words),
	TOMB(generation),
	TOMB(revision),
	TOMB(author_key),
	TOMB(author_source, .flags = F_NULLABLE | F_HOST),
	TOMB(digest),
	{ 0 },
};
const struct type store_tombstone_type = TYPE(struct tombstone_row, "tombstone", tombstone_fields);

static const struct field used_key_fields[] = {
	FIELD(struct used_key_row, public_key),
	FIELD(struct used_key_row, id),
	{ 0 },
};
const struct type store_used_key_type = TYPE(struct used_key_row, "used_key", used_key_fields);

#define API_KEY(member, ...) FIELD(struct api_key_row, member, __VA_ARGS__)
static const struct field api_key_fields[] = {
	API_KEY(number),
	API_KEY(key_digest),
	API_KEY(origin, .words = node_key_origin_words),
	API_KEY(source, .flags = F_NULLABLE),
	API_KEY(created_at),
	API_KEY(expires_at, .flags = F_NULLABLE),
	API_KEY(retired_at, .flags = F_NULLABLE),
	API_KEY(last_used_at, .flags = F_NULLABLE),
	API_KEY(last_used_from, .flags = F_NULLABLE | F_HOST),
	API_KEY(digest),
	{ 0 },
};
const struct type store_api_key_type = TYPE(struct api_key_row, "api_key", api_key_fields);

#define LOG(member, ...) FIELD(struct log_row, member, __VA_ARGS__)
static const struct field log_fields[] = {
	LOG(number),
	LOG(origin),
	LOG(public_key),
	LOG(bound_at),
	LOG(released),
	LOG(predecessor, .flags = F_NULLABLE),
	LOG(fork, .flags = F_NULLABLE),
	LOG(digest),
	{ 0 },
};
const struct type store_log_type = TYPE(struct log_row, "log", log_fields);

#define CHECKPOINT(member, ...) FIELD(struct checkpoint_row, member, __VA_ARGS__)
static const struct field checkpoint_fields[] = {
	CHECKPOINT(log),
	CHECKPOINT(day),
	CHECKPOINT(size),
	CHECKPOINT(note),
	CHECKPOINT(received_at),
	CHECKPOINT(digest),
	{ 0 },
};
const struct type store_checkpoint_type = TYPE(struct checkpoint_row, "checkpoint", checkpoint_fields);

#define IMPORT(member, ...) FIELD(struct import_row, member, __VA_ARGS__)
static const struct field import_fields[] = {
	IMPORT(source),
	IMPORT(path),
	IMPORT(sha256),
	IMPORT(size),
	IMPORT(modified_at),
	IMPORT(imported_at),
	IMPORT(n_peers),
	IMPORT(digest),
	{ 0 },
};
const struct type store_import_type = TYPE(struct import_row, "import", import_fields);
/* clang-format on */

void sum_add(struct sum *sum, const struct sum *digest)
{
	sodium_add(sum->bytes, digest->bytes, SUM_SIZE);
}

void sum_sub(struct sum *sum, const struct sum *digest)
{
	sodium_sub(sum->bytes, digest->bytes, SUM_SIZE);
}

static void absorb(crypto_generichash_state *state, const void *data, size_t len)
{
	crypto_generichash_update(state, data, len);
}

static void absorb_int(crypto_generichash_state *state, int64_t value)
{
	absorb(state, &value, sizeof value);
}

static void absorb_text(crypto_generichash_state *state, const char *text)
{
	absorb(state, text, strlen(text) + 1);
}

/* Rows from before authors were kept have none, and the digest they were written with. */
static void absorb_author(crypto_generichash_state *state, const struct author *author)
{
	if (!author->key)
		return;
	absorb_text(state, "author");
	absorb_int(state, author->key);
	absorb(state, &author->source, sizeof author->source);
}

/* Rows from before there was a quarantine keep the digest they were written with. */
static void absorb_quarantine(crypto_generichash_state *state, int quarantine)
{
	if (!quarantine)
		return;
	absorb_text(state, "quarantine");
	absorb_int(state, quarantine);
}

/* `what` keeps the kinds of rows apart. */
static void begin(crypto_generichash_state *state, const char *what)
{
	crypto_generichash_init(state, NULL, 0, SUM_SIZE);
	absorb(state, what, strlen(what) + 1);
}

static struct sum finish(crypto_generichash_state *state)
{
	struct sum digest;

	crypto_generichash_final(state, digest.bytes, SUM_SIZE);
	sodium_memzero(state, sizeof *state);
	return digest;
}

struct sum digest_of_peer(const struct peer *peer)
{
	crypto_generichash_state state;
	const char *label = peer->label ? peer->label : "";

	begin(&state, "peer");
	absorb(&state, &peer->id, sizeof peer->id);
	absorb(&state, &peer->public_key, sizeof peer->public_key);
	absorb(&state, &peer->preshared_key, sizeof peer->preshared_key);
	absorb(&state, peer->address, sizeof peer->address);
	absorb_int(&state, peer->created_at.us);
	absorb_int(&state, peer->expires_at.us);
	absorb_int(&state, peer->suspended);
	absorb_int(&state, peer->keepalive);
	absorb_int(&state, peer->generation);
	absorb_int(&state, peer->revision);
	absorb(&state, label, strlen(label));
	absorb_author(&state, &peer->author);
	absorb_quarantine(&state, peer->quarantine);
	return finish(&state);
}

struct sum digest_of_tombstone(const struct tombstone *t)
{
	crypto_generichash_state state;

	begin(&state, "tombstone");
	absorb(&state, &t->id, sizeof t->id);
	absorb(&state, &t->public_key, sizeof t->public_key);
	absorb(&state, t->address, sizeof t->address);
	absorb_int(&state, t->created_at.us);
	absorb_int(&state, t->ended_at.us);
	absorb_int(&state, t->end_reason);
	absorb_int(&state, t->generation);
	absorb_int(&state, t->revision);
	absorb_author(&state, &t->author);
	return finish(&state);
}

struct sum digest_of_used_key(const struct wgkey *key, const struct uuid *id)
{
	crypto_generichash_state state;

	begin(&state, "used key");
	absorb(&state, key, sizeof *key);
	absorb(&state, id, sizeof *id);
	return finish(&state);
}

struct sum digest_of_api_key(const struct api_key *key)
{
	crypto_generichash_state state;

	begin(&state, "api key");
	absorb_int(&state, key->number);
	absorb(&state, &key->digest, sizeof key->digest);
	absorb_int(&state, key->origin);
	absorb(&state, &key->source, sizeof key->source);
	absorb_int(&state, key->created_at.us);
	absorb_int(&state, key->expires_at.us);
	absorb_int(&state, key->retired_at.us);
	return finish(&state);
}

struct sum digest_of_log(const struct witness_log *log)
{
	crypto_generichash_state state;

	begin(&state, "log");
	absorb_int(&state, log->number);
	absorb_text(&state, log->key.name);
	absorb(&state, log->key.bytes, sizeof log->key.bytes);
	absorb_int(&state, log->bound_at.us);
	absorb_int(&state, log->released);
	absorb_text(&state, log->predecessor);
	absorb_text(&state, log->fork);
	return finish(&state);
}

struct sum digest_of_checkpoint(int64_t log, int64_t day, const char *note, struct timestamp received_at)
{
	crypto_generichash_state state;

	begin(&state, "checkpoint");
	absorb_int(&state, log);
	absorb_int(&state, day);
	absorb_text(&state, note);
	absorb_int(&state, received_at.us);
	return finish(&state);
}

struct sum digest_of_import(const struct import_row *row)
{
	crypto_generichash_state state;

	begin(&state, "import");
	absorb_text(&state, row->source);
	absorb_text(&state, row->path);
	absorb(&state, row->sha256.at, row->sha256.len);
	absorb_int(&state, row->size);
	absorb_int(&state, row->modified_at.us);
	absorb_int(&state, row->imported_at.us);
	absorb_int(&state, row->n_peers);
	return finish(&state);
}

bool row_digest_ok(const struct blob *stored, const struct sum *digest)
{
	return stored->len == ROW_DIGEST_SIZE &&
	       !memcmp(stored->at, digest->bytes, ROW_DIGEST_SIZE);
}

void tombstone_from_row(const struct tombstone_row *row, struct tombstone *ret_tombstone)
{
	*ret_tombstone = (struct tombstone){ .id = row->id, .public_key = row->public_key,
		.address = { row->address4, row->address6 }, .created_at = row->created_at,
		.ended_at = row->ended_at, .end_reason = row->end_reason,
		.generation = row->generation, .revision = row->revision,
		.author = { (uint32_t)row->author_key, row->author_source } };
}
