/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The addresses of one family: who has which, and which is given next.
 *
 * Invariant: an address is taken by one owner, or foreign, or resting after being freed,
 * or free. Foreign are addresses that peers of the device have which nobody made here:
 * they are not given while that is so, for the device would take them from those peers. Given first are addresses whose rest is over, then never-used ones from the
 * bottom, then the longest-resting. Each step is O(1) amortised at any size: a
 * cursor passes each address once, and freed ones wait in a queue.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/map.h"

struct taken;

struct pool {
	struct cidr subnet, server;
	uint64_t first, last, cursor; /* offsets from the network; `cursor` is the next never-used */
	int64_t rest_us;
	struct map taken; /* of struct taken: with an owner, or resting */
	TAILQ_HEAD(taken_list, taken) resting; /* in the order they were freed */
	struct taken_list foreign;
	uint64_t n_used, n_resting, n_foreign;
};

/** `server` is reserved. Nothing is allocated yet. */
void pool_init(struct pool *pool, const struct cidr *subnet, const struct cidr *server,
	int64_t rest_us);

/** Addresses that owners can have. */
uint64_t pool_size(const struct pool *pool);

/** The next address, given to `owner`. REASON_NO_ADDRESS. */
int pool_give(struct pool *pool, void *owner, int64_t now_us, struct cidr *ret_address, struct err *err)
	must_check;

/** This very address, resting or free. REASON_INVALID_FIELD: outside the pool or reserved;
 * REASON_ADDRESS_IN_USE: taken, or foreign. */
int pool_claim(struct pool *pool, void *owner, const struct cidr *address, struct err *err)
	must_check;

/** Whether it is an address that owners can have. */
bool pool_has(const struct pool *pool, const struct cidr *address);

/** The owner of an address, or NULL. */
void *pool_owner(const struct pool *pool, const struct cidr *address);

/** Takes it back; it rests from `freed_us` on. */
void pool_free(struct pool *pool, const struct cidr *address, int64_t freed_us);

/** Takes it back as if it had not been given: the next pool_give() may give it at once. */
void pool_undo(struct pool *pool, const struct cidr *address);

/** Notes that reading number `reading` of the device found a stranger with this address. One that has an owner,
 * or is outside, is left alone. False without memory. */
bool pool_foreign(struct pool *pool, const struct cidr *address, uint64_t reading) must_check;

/** Reading `reading` is over: foreign addresses that it did not find rest from now on. */
void pool_foreign_sweep(struct pool *pool, uint64_t reading, int64_t now_us);

/** A foreign address is no longer that: its peer is about to become one of ours. */
void pool_foreign_forget(struct pool *pool, const struct cidr *address);

/** Marks an address as resting since `freed_us`, when loading what ended lately. Taken ones are left
 * alone, as are addresses outside. False without memory. */
bool pool_rest(struct pool *pool, const struct cidr *address, int64_t freed_us) must_check;

void pool_done(struct pool *pool);
