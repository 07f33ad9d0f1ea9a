/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "base/time.h"
#include "node/conf.h"
#include "node/keeper/pool.h"

struct taken {
	struct cidr address;
	void *owner; /* NULL: resting; &foreign_owner: foreign */
	union {
		int64_t freed_us; /* of a resting one */
		uint64_t reading; /* of a foreign one: the last that found it */
	};
	TAILQ_ENTRY(taken) link;
};

static char foreign_owner;

void pool_init(struct pool *pool, const struct cidr *subnet, const struct cidr *server,
	int64_t rest_us)
{
	*pool = (struct pool){ .subnet = cidr_network(subnet), .server = *server,
		.rest_us = rest_us };
	node_conf_hosts(subnet, &pool->first, &pool->last);
	pool->cursor = pool->first;
	map_init(&pool->taken, struct taken, address);
	TAILQ_INIT(&pool->resting);
	TAILQ_INIT(&pool->foreign);
}

uint64_t pool_size(const struct pool *pool)
{
	return pool->last - pool->first; /* all of them, without the server's */
}

static int put(struct pool *pool, void *owner, const struct cidr *address, struct err *err)
{
	struct taken *taken = calloc(1, sizeof *taken);

	if (!taken)
		return err_nomem(err);
	taken->address = *address;
	taken->owner = owner;
	if (!map_put(&pool->taken, taken)) {
		free(taken);
		return err_nomem(err);
	}
	pool->n_used++;
	return 0;
}

static void revive(struct pool *pool, struct taken *taken, void *owner)
{
	TAILQ_REMOVE(&pool->resting, taken, link);
	taken->owner = owner;
	pool->n_resting--;
	pool->n_used++;
}

/* Moves the cursor to the next address that nobody had; false at the end. */
static bool find_new(struct pool *pool, struct cidr *ret_address)
{
	for (; pool->cursor <= pool->last; pool->cursor++) {
		struct cidr at = cidr_host(&pool->subnet, pool->cursor);

		if (cidr_equal(&at, &pool->server) || map_get(&pool->taken, &at))
			continue;
		*ret_address = at;
		return true;
	}
	return false;
}

int pool_give(struct pool *pool, void *owner, int64_t now_us, struct cidr *ret_address, struct err *err)
{
	struct taken *oldest = TAILQ_FIRST(&pool->resting);
	bool rested = oldest && now_us - oldest->freed_us >= pool->rest_us;
	struct cidr address;
	int r;

	if (!rested && find_new(pool, &address)) {
		r = put(pool, owner, &address, err);
		if (r < 0)
			return r;
		pool->cursor++;
		*ret_address = address;
		return 0;
	}
	if (!oldest)
		return err_set(err, REASON_NO_ADDRESS, NULL, "no available ip addresses");
	revive(pool, oldest, owner);
	*ret_address = oldest->address;
	return 0;
}

bool pool_has(const struct pool *pool, const struct cidr *address)
{
	uint64_t offset;

	if (address->family != pool->subnet.family || !cidr_contains(&pool->subnet, address) ||
		cidr_equal(address, &pool->server))
		return false;
	offset = cidr_offset(&pool->subnet, address);
	return offset >= pool->first && offset <= pool->last;
}

int pool_claim(struct pool *pool, void *owner, const struct cidr *address, struct err *err)
{
	struct taken *taken = map_get(&pool->taken, address);
	char text[CIDR_TEXT_SIZE];

	cidr_format_address(text, address);
	if (!pool_has(pool, address))
		return err_set(err, REASON_INVALID_FIELD, "addresses",
			"%s is not an address that peers of this node can have", text);
	if (!taken)
		return put(pool, owner, address, err);
	if (taken->owner == &foreign_owner)
		return err_set(err, REASON_ADDRESS_IN_USE, "addresses",
			"%s is used by a peer of the interface that nobody made here; adopt or remove "
			"it first (GET /v1/drift)",
			text);
	if (taken->owner)
		return err_set(err, REASON_ADDRESS_IN_USE, "addresses",
			"%s belongs to another peer", text);
	revive(pool, taken, owner);
	return 0;
}

void *pool_owner(const struct pool *pool, const struct cidr *address)
{
	struct taken *taken = map_get(&pool->taken, address);

	return taken && taken->owner != &foreign_owner ? taken->owner : NULL;
}

void pool_free(struct pool *pool, const struct cidr *address, int64_t freed_us)
{
	struct taken *taken = map_get(&pool->taken, address);

	assert(taken && taken->owner);
	taken->owner = NULL;
	taken->freed_us = freed_us;
	TAILQ_INSERT_TAIL(&pool->resting, taken, link);
	pool->n_used--;
	pool->n_resting++;
}

void pool_undo(struct pool *pool, const struct cidr *address)
{
	struct taken *taken = map_get(&pool->taken, address);

	assert(taken && taken->owner);
	taken->owner = NULL;
	taken->freed_us = INT64_MIN / 2; /* as one that has rested for ages: it goes first */
	TAILQ_INSERT_HEAD(&pool->resting, taken, link);
	pool->n_used--;
	pool->n_resting++;
}

static void make_foreign(struct pool *pool, struct taken *taken, uint64_t reading)
{
	taken->owner = &foreign_owner;
	taken->reading = reading;
	TAILQ_INSERT_TAIL(&pool->foreign, taken, link);
	pool->n_used--;
	pool->n_foreign++;
}

bool pool_foreign(struct pool *pool, const struct cidr *address, uint64_t reading)
{
	struct taken *taken = map_get(&pool->taken, address);
	struct err err;

	if (!pool_has(pool, address) || (taken && taken->owner && taken->owner != &foreign_owner))
		return true;
	if (taken && taken->owner) {
		taken->reading = reading;
		return true;
	}
	if (!taken && put(pool, NULL, address, &err) < 0)
		return false;
	if (taken)
		revive(pool, taken, NULL);
	make_foreign(pool, map_get(&pool->taken, address), reading);
	return true;
}

static void end_foreign(struct pool *pool, struct taken *taken, int64_t freed_us)
{
	TAILQ_REMOVE(&pool->foreign, taken, link);
	pool->n_foreign--;
	taken->owner = NULL;
	taken->freed_us = freed_us;
	TAILQ_INSERT_TAIL(&pool->resting, taken, link);
	pool->n_resting++;
}

void pool_foreign_sweep(struct pool *pool, uint64_t reading, int64_t now_us)
{
	struct taken *taken = TAILQ_FIRST(&pool->foreign), *next;

	for (; taken; taken = next) {
		next = TAILQ_NEXT(taken, link);
		if (taken->reading != reading)
			end_foreign(pool, taken, now_us);
	}
}

void pool_foreign_forget(struct pool *pool, const struct cidr *address)
{
	struct taken *taken = map_get(&pool->taken, address);

	if (taken && taken->owner == &foreign_owner)
		end_foreign(pool, taken, time_now().us);
}

bool pool_rest(struct pool *pool, const struct cidr *address, int64_t freed_us)
{
	struct err err;

	if (!pool_has(pool, address) || map_get(&pool->taken, address))
		return true;
	if (put(pool, pool, address, &err) < 0)
		return false;
	pool_free(pool, address, freed_us);
	return true;
}

void pool_done(struct pool *pool)
{
	struct taken *taken;

	for (size_t i = 0; (taken = map_next(&pool->taken, &i));)
		free(taken);
	map_done(&pool->taken);
}
