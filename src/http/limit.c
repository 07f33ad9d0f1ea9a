/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/time.h"
#include "http/limit.h"

enum {
	WAYS = 8,
	LEVELS = 2,
	WIDE = 8, /* how much more a /48 may do than a /64 */
	TICK_US = USEC_PER_SEC / 8,
	PENALTY_MIN_TICKS = 15 * 8,
	PENALTY_MAX_TICKS = 600 * 8,
	KNOWN_TICKS = 24 * 3600 * 8,
};

/* Times are ticks of the monotonic clock: 32 bits last 17 years. */
struct slot {
	uint64_t tag;    /* keyed hash of the source; 0: free */
	int64_t full_us; /* when all tokens will be back */
	uint32_t used, penalty, known; /* last seen; until when */
	uint32_t active; /* the penalty has reached the minimum, and holds to its end */
};

static_assert(sizeof(struct slot) == 32, "two to a cache line");

struct table {
	uint8_t seed[crypto_shorthash_KEYBYTES];
	uint64_t seeded;
	uint64_t present[LIMIT_PRESENT_MAX]; /* tags of those who are connected; 0: free */
	struct slot slots[];
};

struct limiter {
	struct table *table;
	void *own; /* the table, when it is ours to free */
	unsigned n_sets;
	double token_us, burst;
	unsigned next_present;
};

/* A source as it counts: alone, and among its neighbours. */
struct level {
	uint64_t tag;
	unsigned weight;
};

size_t limiter_size(unsigned slots)
{
	return sizeof(struct table) + slots * sizeof(struct slot);
}

static uint64_t tag_of(const struct limiter *limiter, const struct cidr *source, uint8_t bits)
{
	struct cidr key = *source;
	uint64_t tag;

	key.bits = bits;
	key = cidr_network(&key);
	crypto_shorthash((uint8_t *)&tag, (const uint8_t *)&key, sizeof key, limiter->table->seed);
	return tag ? tag : 1;
}

static unsigned levels_of(
	const struct limiter *limiter, const struct cidr *source, struct level levels[LEVELS])
{
	if (source->family != IP_V6) {
		levels[0] = (struct level){ tag_of(limiter, source, 32), 1 };
		return 1;
	}
	levels[0] = (struct level){ tag_of(limiter, source, 64), 1 };
	levels[1] = (struct level){ tag_of(limiter, source, 48), WIDE };
	return 2;
}

static uint32_t ticks(int64_t now_us)
{
	return (uint32_t)(now_us / TICK_US) + 1;
}

/*
 * Slots
 */

static struct slot *set_of(const struct limiter *limiter, uint64_t tag)
{
	return &limiter->table->slots[tag % limiter->n_sets * WAYS];
}

static struct slot *find(const struct limiter *limiter, uint64_t tag)
{
	struct slot *set = set_of(limiter, tag);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].tag == tag)
			return &set[i];
	return NULL;
}

/* What it would be a pity to forget; more is worse. */
static unsigned worth(const struct slot *slot, uint32_t now)
{
	return !slot->tag ? 0 : slot->known > now ? 3 : slot->penalty > now ? 2 : 1;
}

static struct slot *find_or_make(const struct limiter *limiter, uint64_t tag, uint32_t now)
{
	struct slot *set = set_of(limiter, tag), *victim = set;
	unsigned least = worth(set, now);

	for (unsigned i = 0; i < WAYS; i++) {
		unsigned w = worth(&set[i], now);

		if (set[i].tag == tag) {
			set[i].used = now;
			return &set[i];
		}
		if (w < least || (w == least && set[i].used < victim->used)) {
			victim = &set[i];
			least = w;
		}
	}
	*victim = (struct slot){ .tag = tag, .used = now };
	return victim;
}

/*
 * Tokens: the virtual scheduling form of the token bucket (ITU-T I.371). A slot holds
 * the moment at which nothing will be missing any more.
 */

/* A wide source has more tokens, each as much shorter, so a full set of them lasts as long. */
static int64_t missing_us(const struct limiter *limiter, const struct slot *slot, int64_t now_us)
{
	int64_t most = (int64_t)(limiter->burst * limiter->token_us), missing;

	if (!slot || slot->full_us <= now_us)
		return 0;
	missing = (int64_t)((uint64_t)slot->full_us - (uint64_t)now_us);
	return missing < 0 || missing > most ? most : missing;
}

static double token_us(const struct limiter *limiter, unsigned weight)
{
	return limiter->token_us / weight;
}

static bool has_token(const struct limiter *limiter, const struct level *level, int64_t now_us)
{
	double missing = (double)missing_us(limiter, find(limiter, level->tag), now_us);

	/* one more microsecond: what rounding took */
	return missing <= limiter->burst * limiter->token_us - token_us(limiter, level->weight) + 1;
}

bool limiter_take(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	uint32_t now = ticks(now_us);
	struct level levels[LEVELS];
	unsigned n = levels_of(limiter, source, levels);

	for (unsigned i = 0; i < n; i++)
		if (!has_token(limiter, &levels[i], now_us))
			return false;
	for (unsigned i = 0; i < n; i++) {
		struct slot *slot = find_or_make(limiter, levels[i].tag, now);
		int64_t missing = missing_us(limiter, slot, now_us);

		slot->full_us = now_us + missing + (int64_t)token_us(limiter, levels[i].weight);
	}
	return true;
}

unsigned limiter_wait_s(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	double most = limiter->burst * limiter->token_us, wait = 0;
	struct level levels[LEVELS];
	unsigned n = levels_of(limiter, source, levels);

	for (unsigned i = 0; i < n; i++) {
		double missing =
			(double)missing_us(limiter, find(limiter, levels[i].tag), now_us);
		double until = missing - (most - token_us(limiter, levels[i].weight));

		wait = until > wait ? until : wait;
	}
	wait /= (double)USEC_PER_SEC;
	return wait > 1 ? (unsigned)wait + 1 : 1;
}

/*
 * Penalties
 */

static void punish_tag(struct limiter *limiter, const struct level *level, int64_t penalty_us, uint32_t now)
{
	struct slot *slot = find_or_make(limiter, level->tag, now);
	uint32_t more = (uint32_t)(penalty_us / TICK_US / level->weight);

	if (slot->known > now)
		return;
	if (slot->penalty <= now) {
		slot->penalty = now;
		slot->active = 0;
	}
	slot->penalty += more ? more : 1;
	if (slot->penalty - now > PENALTY_MAX_TICKS)
		slot->penalty = now + PENALTY_MAX_TICKS;
	if (slot->penalty - now >= PENALTY_MIN_TICKS)
		slot->active = 1;
}

void limiter_punish(struct limiter *limiter, const struct cidr *source, int64_t penalty_us, int64_t now_us)
{
	struct level levels[LEVELS];
	unsigned n = levels_of(limiter, source, levels);

	if (limiter_is_known(limiter, source, now_us))
		return;
	for (unsigned i = 0; i < n; i++)
		punish_tag(limiter, &levels[i], penalty_us, ticks(now_us));
}

bool limiter_is_punished(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	uint32_t now = ticks(now_us);
	struct level levels[LEVELS];
	unsigned n = levels_of(limiter, source, levels);

	if (limiter_is_known(limiter, source, now_us))
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct slot *slot = find(limiter, levels[i].tag);

		if (slot && slot->active && slot->penalty > now &&
			slot->penalty - now <= PENALTY_MAX_TICKS)
			return true;
	}
	return false;
}

/*
 * Who is known, who is there
 */

void limiter_know(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	uint32_t now = ticks(now_us);
	struct level levels[LEVELS];
	struct slot *slot;

	(void)levels_of(limiter, source, levels);
	slot = find_or_make(limiter, levels[0].tag, now);
	slot->known = now + KNOWN_TICKS;
	slot->penalty = slot->active = 0;
}

bool limiter_is_known(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	uint32_t now = ticks(now_us);
	struct level levels[LEVELS];
	const struct slot *slot;

	(void)levels_of(limiter, source, levels);
	slot = find(limiter, levels[0].tag);
	return slot && slot->known > now && slot->known - now <= KNOWN_TICKS;
}

int limiter_enter(struct limiter *limiter, const struct cidr *source)
{
	struct level levels[LEVELS];

	for (unsigned i = 0; i < LIMIT_PRESENT_MAX; i++) {
		unsigned at = (limiter->next_present + i) % LIMIT_PRESENT_MAX;

		if (limiter->table->present[at])
			continue;
		(void)levels_of(limiter, source, levels);
		limiter->table->present[at] = levels[0].tag;
		limiter->next_present = at + 1;
		return (int)at;
	}
	return LIMIT_NOBODY;
}

void limiter_leave(struct limiter *limiter, int number)
{
	if (number >= 0 && number < LIMIT_PRESENT_MAX)
		limiter->table->present[number] = 0;
}

/* The one before us died with these on the line: one of them may have been the reason. */
static void punish_present(struct limiter *limiter, int64_t crash_us, int64_t now_us)
{
	for (unsigned i = 0; i < LIMIT_PRESENT_MAX; i++) {
		struct level level = { limiter->table->present[i], 1 };

		if (level.tag)
			punish_tag(limiter, &level, crash_us, ticks(now_us));
		limiter->table->present[i] = 0;
	}
}

/*
 * Making one
 */

struct limiter *limiter_attach(void *memory, unsigned slots, double rate, double burst, int64_t crash_us,
	int64_t now_us)
{
	struct limiter *limiter = calloc(1, sizeof *limiter);
	struct table *table = memory;

	if (!limiter)
		return NULL;
	assert(slots >= WAYS && rate > 0 && burst >= 1);
	limiter->table = table;
	limiter->n_sets = slots / WAYS;
	limiter->token_us = (double)USEC_PER_SEC / rate;
	limiter->burst = burst;
	if (!table->seeded) {
		table->seeded = 1;
		rng_bytes(table->seed, sizeof table->seed);
	}
	punish_present(limiter, crash_us, now_us);
	return limiter;
}

struct limiter *limiter_new(unsigned slots, double rate, double burst)
{
	scoped(freep) void *memory = calloc(1, limiter_size(slots));
	struct limiter *limiter = NULL;

	if (memory)
		limiter = limiter_attach(memory, slots, rate, burst, 0, time_monotonic_us());
	if (limiter)
		limiter->own = TAKE(memory);
	return limiter;
}

void limiter_free(struct limiter *limiter)
{
	if (!limiter)
		return;
	/* an end in order: nobody who was there is to blame */
	memset(limiter->table->present, 0, sizeof limiter->table->present);
	free(limiter->own);
	free(limiter);
}
