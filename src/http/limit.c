/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/time.h"
#include "http/limit.h"

enum { NEIGHBOURS = 8 };

struct bucket {
	struct cidr source;
	double tokens;
	int64_t at_us; /* when `tokens` was right; 0: a free slot */
};

struct limiter {
	unsigned slots;
	double rate, burst;
	uint8_t seed[crypto_shorthash_KEYBYTES];
	struct bucket buckets[];
};

struct limiter *limiter_new(unsigned slots, double rate, double burst)
{
	struct limiter *limiter = calloc(1, sizeof *limiter + slots * sizeof(struct bucket));

	if (!limiter)
		return NULL;
	limiter->slots = slots;
	limiter->rate = rate;
	limiter->burst = burst;
	rng_bytes(limiter->seed, sizeof limiter->seed);
	return limiter;
}

/* The bucket of a source, or the oldest in its neighbourhood, which becomes it. */
static struct bucket *bucket_of(
	struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	struct cidr key = *source;
	struct bucket *oldest = NULL;
	uint64_t hash;

	if (key.family == IP_V6)
		key.bits = 64;
	key = cidr_network(&key);
	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)&key, sizeof key, limiter->seed);
	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		struct bucket *b = &limiter->buckets[(hash + i) % limiter->slots];

		if (b->at_us && cidr_equal(&b->source, &key))
			return b;
		if (!oldest || b->at_us < oldest->at_us)
			oldest = b;
	}
	*oldest = (struct bucket){ key, limiter->burst, now_us };
	return oldest;
}

static void refill(struct limiter *limiter, struct bucket *b, int64_t now_us)
{
	b->tokens += (double)(now_us - b->at_us) / (double)USEC_PER_SEC * limiter->rate;
	if (b->tokens > limiter->burst)
		b->tokens = limiter->burst;
	b->at_us = now_us;
}

bool limiter_take(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	struct bucket *b = bucket_of(limiter, source, now_us);

	refill(limiter, b, now_us);
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

unsigned limiter_wait_s(struct limiter *limiter, const struct cidr *source, int64_t now_us)
{
	struct bucket *b = bucket_of(limiter, source, now_us);
	double missing;

	refill(limiter, b, now_us);
	missing = (1 - b->tokens) / limiter->rate;
	return missing > 1 ? (unsigned)missing + 1 : 1;
}

void limiter_free(struct limiter *limiter)
{
	free(limiter);
}
