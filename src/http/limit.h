/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Token buckets per source, in fixed memory.
 *
 * IPv4 addresses count each, IPv6 by /64. A table of fixed size is found by a keyed
 * hash; when a slot's neighbourhood is full the least recently used is forgotten.
 * One thread, or the caller's lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"

struct limiter; /* opaque */

/** `rate` tokens a second, at most `burst` saved up; `slots` sources are remembered. */
struct limiter *limiter_new(unsigned slots, double rate, double burst);

/** Takes a token for `source`; false when there is none. */
bool limiter_take(struct limiter *limiter, const struct cidr *source, int64_t now_us);

/** Seconds until there is a token again, at least 1. */
unsigned limiter_wait_s(struct limiter *limiter, const struct cidr *source, int64_t now_us);

void limiter_free(struct limiter *limiter);
DEFINE_FREEP(struct limiter, limiter_free);
