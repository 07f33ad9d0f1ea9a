/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What is remembered of sources, in fixed memory: how fast they ask, what they have done
 * wrong, and whether they ever showed a valid key.
 *
 * An IPv4 address is a source; of IPv6 a /64 is, and its /48 as well, which may do eight
 * times as much. A table of fixed size is found by a keyed hash, eight neighbours to a
 * set; a full set forgets a stranger before one that is being punished, that before one
 * that is known, and of equals the one not seen for longest. Penalties add up as those of
 * OpenSSH's PerSourcePenalties: they count from 15 s on and end at 600 s.
 *
 * The memory may be shared with the process that comes after this one; whatever stands in
 * it, nothing worse follows than a wrong judgement. One thread, or the caller's lock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"

struct limiter; /* opaque */

enum { LIMIT_PRESENT_MAX = 1024, LIMIT_NOBODY = -1 };

/** `rate` tokens a second, at most `burst` saved up; `slots` sources are remembered (a multiple of 8). */
struct limiter *limiter_new(unsigned slots, double rate, double burst);

/** As limiter_new, in memory of limiter_size() bytes that is zero or was another limiter's with as many slots.
 * Sources that were present when that one ended without limiter_free() are punished for `crash_us`. */
struct limiter *limiter_attach(void *memory, unsigned slots, double rate, double burst, int64_t crash_us,
	int64_t now_us);

size_t limiter_size(unsigned slots);

/** Takes a token for `source`; false when there is none. */
bool limiter_take(struct limiter *limiter, const struct cidr *source, int64_t now_us);

/** Seconds until there is a token again, at least 1. */
unsigned limiter_wait_s(struct limiter *limiter, const struct cidr *source, int64_t now_us);

/** Adds a penalty. Known sources keep none. */
void limiter_punish(struct limiter *limiter, const struct cidr *source, int64_t penalty_us, int64_t now_us);

/** Whether penalties have added up so that `source` is not to be let in. Never of a known one. */
bool limiter_is_punished(struct limiter *limiter, const struct cidr *source, int64_t now_us);

/** `source` has shown a valid key: it is known for a day from now on. */
void limiter_know(struct limiter *limiter, const struct cidr *source, int64_t now_us);

bool limiter_is_known(struct limiter *limiter, const struct cidr *source, int64_t now_us);

/** Somebody is connected from `source`, until limiter_leave() with the same number; LIMIT_NOBODY where there
 * is no room to note it. */
int limiter_enter(struct limiter *limiter, const struct cidr *source);
void limiter_leave(struct limiter *limiter, int number);

void limiter_free(struct limiter *limiter);
DEFINE_FREEP(struct limiter, limiter_free);
