/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Threads that run handlers as plain waiting code, with a bounded queue.
 *
 * Each thread has a context of its own (a database handle). Work with the same key
 * runs on at most `per_key` threads at a time, so one slow node cannot take them all.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pool; /* opaque */

struct pool_conf {
	const char *name;
	unsigned threads, queue, per_key; /* per_key 0: no limit */
	/** Makes a thread's context; called in the starting thread. */
	int (*open)(void *ctx, void **ret_local, struct err *err);
	void (*close)(void *local);
	void *ctx;
};

int pool_new(const struct pool_conf *conf, struct pool **ret_pool, struct err *err) must_check;

/** Queues run(local, arg). False: full, nothing happened. `key` 0: none. */
bool pool_submit(struct pool *pool, uint64_t key, void (*run)(void *local, void *arg), void *arg);

/** Lets what is queued finish, then ends the threads. */
void pool_free(struct pool *pool);
DEFINE_FREEP(struct pool, pool_free);
