/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/keeper/keyring.h"

#include <string.h>

#include "db/db.h"
#include "log/log.h"
#include "node/keeper/keeper.h"

enum { WRITE_EVERY_US = 600000000, LISTED_MAX = 32 };

static bool is_expired(const struct api_key *key, struct timestamp now)
{
	return key->expires_at.us && key->expires_at.us <= now.us;
}

static bool may_from(const struct api_key *key, const struct cidr *source)
{
	return !key->source.family || cidr_contains(&key->source, source);
}

bool keyring_same(const struct keyring *a, const struct keyring *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (a->at[i].number != b->at[i].number)
			return false;
	return true;
}

static struct api_key *by_number(struct keyring *ring, int64_t number)
{
	for (unsigned i = 0; i < ring->n; i++)
		if (ring->at[i].number == number)
			return &ring->at[i];
	return NULL;
}

static void take_out(struct keyring *ring, int64_t number)
{
	struct api_key *key = by_number(ring, number);

	if (!key)
		return;
	*key = ring->at[--ring->n];
	ring->at[ring->n] = (struct api_key){ 0 };
}

/*
 * Changes; the open batch has them
 */

static int retire(struct keeper *k, struct api_key *key, const char *why, struct err *err)
{
	struct api_key retired = *key;
	int r = store_key_retire(k->store, &retired, time_now(), err);

	if (r < 0)
		return r;
	log_notice("api_key.retired", LOG_INT("key", retired.number), LOG_STR("why", why));
	take_out(&k->keys, retired.number);
	return 0;
}

/* Those that are over have ended already; their places are free. */
static int retire_expired(struct keeper *k, struct err *err)
{
	struct timestamp now = time_now();
	int r = 0;

	for (unsigned i = k->keys.n; i-- > 0 && r >= 0;)
		if (is_expired(&k->keys.at[i], now))
			r = retire(k, &k->keys.at[i], "expired", err);
	return r;
}

static int add(struct keeper *k, struct api_key *key, struct err *err)
{
	int r = store_key_add(k->store, key, err);

	if (r < 0)
		return r;
	k->keys.at[k->keys.n++] = *key;
	return 0;
}

/*
 * The configuration's key
 */

static int load(void *ctx, const struct api_key *key, struct err *err)
{
	struct keeper *k = ctx;

	if (key->retired_at.us)
		return 0;
	if (k->keys.n == NODE_KEYS_LIVE_MAX)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "the store has too many API keys");
	k->keys.at[k->keys.n++] = *key;
	return 0;
}

/* The file's former key goes; of two others the one that was used last is the Console's. */
static int make_place(struct keeper *k, struct err *err)
{
	struct api_key *victim = NULL;
	int r = retire_expired(k, err);

	for (unsigned i = k->keys.n; i-- > 0 && r >= 0;)
		if (k->keys.at[i].origin == NODE_KEY_FILE)
			r = retire(k, &k->keys.at[i], "auth.api_key is another", err);
	if (r < 0 || k->keys.n < NODE_KEYS_LIVE_MAX)
		return r;
	victim = &k->keys.at[0];
	if (k->keys.at[1].last_used_at.us < victim->last_used_at.us)
		victim = &k->keys.at[1];
	return retire(k, victim, "auth.api_key takes its place", err);
}

static int enrol(struct keeper *k, const struct digest *digest, struct err *err)
{
	struct api_key key = { .digest = *digest, .origin = NODE_KEY_FILE, .created_at = time_now() };
	int r = store_begin(k->store, err);

	if (r >= 0)
		r = make_place(k, err);
	if (r >= 0)
		r = add(k, &key, err);
	if (r >= 0)
		r = witness_release(k, err);
	if (r >= 0)
		r = store_commit(k->store, err);
	if (r >= 0)
		log_notice("api_key.added", LOG_INT("key", key.number),
			LOG_STR("why", "auth.api_key"));
	return r;
}

int keyring_open(struct keeper *k, struct err *err)
{
	struct api_key known;
	struct digest digest;
	int r = store_key_each(k->store, NODE_KEYS_LIVE_MAX + 1, load, k, err);

	if (r >= 0 && k->conf.api_key.at) {
		digest = digest_of((struct span){ k->conf.api_key.at, k->conf.api_key.len });
		r = store_key_by_digest(k->store, &digest, &known, err);
		if (r == -ERR_NOT_FOUND)
			r = enrol(k, &digest, err);
		else if (r >= 0 && known.retired_at.us)
			log_warn("auth.api_key is retired; remove it");
	}
	if (r < 0)
		return r;
	if (k->keys.n == 0)
		return err_set(err, REASON_CONFIG, "auth.api_key",
			"no API key is in force; set auth.api_key to a fresh one");
	k->committed_keys = k->keys;
	k->committed_witness = k->witness;
	return 0;
}

/*
 * Use
 */

const struct api_key *keyring_use(struct keeper *k, const struct ipc_head *head)
{
	static const struct api_key none;
	struct timestamp now = time_now();
	const struct api_key *found = NULL;
	struct api_key *committed;

	/* as many comparisons for a key that is none as for one that is */
	for (unsigned i = 0; i < NODE_KEYS_LIVE_MAX; i++) {
		struct api_key *key = i < k->keys.n ? &k->keys.at[i] : NULL;
		bool same = digest_equal(&head->caller, key ? &key->digest : &none.digest);

		if (!same || !key || is_expired(key, now) || !may_from(key, &head->origin.source))
			continue;
		/* the first use frees the way for retiring the other one: it is written soon */
		if (!key->last_used_at.us)
			k->key_uses.written_us = 0;
		key->last_used_at = now;
		key->last_used_from = head->origin.source;
		committed = by_number(&k->committed_keys, key->number);
		if (committed)
			*committed = *key;
		k->key_uses.unwritten = true;
		found = key;
	}
	return found;
}

struct author keyring_author(const struct api_key *key, const struct ipc_head *head)
{
	return key ? (struct author){ (uint32_t)key->number, head->origin.source } : (struct author){ 0 };
}

void keyring_write_uses(struct keeper *k, bool now)
{
	int64_t at = time_monotonic_us();
	struct err err;
	int r = 0;

	if (!k->key_uses.unwritten ||
		(!now && k->key_uses.written_us && at - k->key_uses.written_us < WRITE_EVERY_US))
		return;
	k->key_uses.unwritten = false;
	k->key_uses.written_us = at;
	for (unsigned i = 0; i < k->committed_keys.n && r >= 0; i++)
		r = store_key_used(k->store, &k->committed_keys.at[i], &err);
	if (r >= 0)
		return;
	log_warn("when the API keys were used could not be written", LOG_ERR(&err));
	if (db_is_broken(&err)) { /* as after a batch: never a second try */
		k->stopping = true;
		k->exit_status = KEEPER_EXIT_STORE;
	}
}

/*
 * Requests
 */

static void fill(struct ipc_api_key *record, const struct api_key *key, int64_t current)
{
	memset(record, 0, sizeof *record);
	record->number = key->number;
	record->created_us = key->created_at.us;
	record->expires_us = key->expires_at.us;
	record->retired_us = key->retired_at.us;
	record->last_used_us = key->last_used_at.us;
	record->source = key->source;
	record->last_used_from = key->last_used_from;
	record->origin = (uint8_t)key->origin;
	record->is_current = key->number == current;
}

static int reply(struct op *op, const struct api_key *key, struct err *err)
{
	struct ipc_api_key record;

	fill(&record, key, op->author.key);
	op->off_device = true;
	return change_reply(op, &record, sizeof record, err);
}

static unsigned count_live(const struct keeper *k)
{
	struct timestamp now = time_now();
	unsigned n = 0;

	for (unsigned i = 0; i < k->keys.n; i++)
		n += !is_expired(&k->keys.at[i], now);
	return n;
}

/* The same request again has the same answer. */
static int add_again(const struct ipc_api_key_add *in, const struct api_key *known, struct op *op,
	struct err *err)
{
	if (known->retired_at.us || is_expired(known, time_now()))
		return err_set(err, REASON_KEY_RETIRED, "sha256",
			"this key was in force once and is no more; make a fresh one");
	if (known->expires_at.us != in->expires_us || !cidr_equal(&known->source, &in->source))
		return err_set(err, REASON_EXISTS, "sha256",
			"this key is in force with another expiry or source; make a fresh one");
	return reply(op, known, err);
}

int keyring_add(struct keeper *k, const struct ipc_api_key_add *in, struct op *op, struct err *err)
{
	struct api_key key = { .digest = in->digest, .origin = NODE_KEY_API,
		.source = in->source, .created_at = time_now(), .expires_at = { in->expires_us } },
		       known;
	int r = store_key_by_digest(k->store, &in->digest, &known, err);

	if (r >= 0)
		return add_again(in, by_number(&k->keys, known.number) ?: &known, op, err);
	if (r != -ERR_NOT_FOUND)
		return r;
	r = change_check_expiry(in->expires_us, err);
	if (r < 0)
		return r;
	if (count_live(k) == NODE_KEYS_LIVE_MAX)
		return err_set(err, REASON_KEYS_FULL, NULL,
			"two keys are in force already; end one of them first");
	r = retire_expired(k, err);
	if (r >= 0)
		r = add(k, &key, err);
	return r < 0 ? r : reply(op, &key, err);
}

/* Nobody is locked out: one key stays, and it has been seen to work. */
static int check_end(struct keeper *k, const struct api_key *key, struct err *err)
{
	struct timestamp now = time_now();
	bool other = false, used = false;

	if (is_expired(key, now))
		return 0;
	for (unsigned i = 0; i < k->keys.n; i++) {
		const struct api_key *at = &k->keys.at[i];

		if (at->number == key->number || is_expired(at, now))
			continue;
		other = true;
		used = used || at->last_used_at.us;
	}
	if (!other)
		return err_set(err, REASON_KEY_LAST, NULL,
			"this is the last key in force; add another one first");
	if (!used)
		return err_set(err, REASON_KEY_UNUSED, NULL,
			"the other key has never been used; use it once, so that it is known to work");
	return 0;
}

int keyring_end(struct keeper *k, const struct ipc_number *in, struct op *op, struct err *err)
{
	struct api_key *live = by_number(&k->keys, in->number), key;
	int r;

	if (!live) {
		r = store_key_get(k->store, in->number, &key, err);
		if (r == -ERR_NOT_FOUND)
			return err_set(err, REASON_KEY_NOT_FOUND, NULL, "there is no such key");
		return r < 0 ? r : reply(op, &key, err);
	}
	r = check_end(k, live, err);
	if (r < 0)
		return r;
	key = *live;
	r = store_key_retire(k->store, &key, time_now(), err);
	if (r >= 0)
		r = store_key_used(k->store, &key, err); /* it will not be asked again */
	if (r < 0)
		return r;
	take_out(&k->keys, key.number);
	if (key.origin == NODE_KEY_FILE && k->key_in_file)
		log_warn("auth.api_key is retired; remove it");
	return reply(op, &key, err);
}

struct listing {
	struct keeper *k;
	struct ipc_api_key records[LISTED_MAX];
	size_t n;
	int64_t current;
};

static int add_record(void *ctx, const struct api_key *key, struct err *err)
{
	struct listing *listing = ctx;
	const struct api_key *live = by_number(&listing->k->keys, key->number);

	(void)err;
	fill(&listing->records[listing->n++], live ?: key, listing->current);
	return 0;
}

void keyring_list(struct keeper *k, uint64_t id, int64_t current)
{
	struct listing listing = { .k = k, .current = current };
	struct ipc_meta meta;
	struct err err;

	if (store_key_each(k->store, LISTED_MAX, add_record, &listing, &err) < 0) {
		answer_error(k, id, &err);
		return;
	}
	meta = answer_meta(k);
	meta.n_records = (uint32_t)listing.n;
	answer(k, id, 0, &meta, sizeof meta, listing.records,
		listing.n * sizeof *listing.records);
}
