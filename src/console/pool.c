/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct work {
	uint64_t key;
	void (*run)(void *local, void *arg);
	void *arg;
	TAILQ_ENTRY(work) link;
};

struct thread {
	struct pool *pool;
	pthread_t id;
	void *local;
	uint64_t key; /* of what it is at; under the pool's lock */
	bool started;
};

struct pool {
	struct pool_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t news;
	TAILQ_HEAD(, work) queue;
	unsigned n_queued;
	bool stopping;
	struct thread *threads;
};

static unsigned running(const struct pool *pool, uint64_t key)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pool->conf.threads; i++)
		n += pool->threads[i].key == key;
	return n;
}

/* The first that may run now. */
static struct work *take(struct pool *pool)
{
	struct work *work;

	TAILQ_FOREACH(work, &pool->queue, link) {
		if (work->key && pool->conf.per_key && running(pool, work->key) >= pool->conf.per_key)
			continue;
		TAILQ_REMOVE(&pool->queue, work, link);
		pool->n_queued--;
		return work;
	}
	return NULL;
}

static void *run_thread(void *arg)
{
	struct thread *thread = arg;
	struct pool *pool = thread->pool;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct work *work = take(pool);

		if (!work) {
			if (pool->stopping && TAILQ_EMPTY(&pool->queue))
				break;
			pthread_cond_wait(&pool->news, &pool->lock);
			continue;
		}
		thread->key = work->key;
		pthread_mutex_unlock(&pool->lock);
		work->run(thread->local, work->arg);
		free(work);
		pthread_mutex_lock(&pool->lock);
		thread->key = 0;
		pthread_cond_broadcast(&pool->news); /* the key may be free again */
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static int start_thread(struct pool *pool, struct thread *thread, struct err *err)
{
	int r = 0;

	thread->pool = pool;
	if (pool->conf.open)
		r = pool->conf.open(pool->conf.ctx, &thread->local, err);
	if (r < 0)
		return r;
	if (pthread_create(&thread->id, NULL, run_thread, thread) != 0)
		return err_set(err, REASON_INTERNAL, NULL, "no thread for pool %s", pool->conf.name);
	thread->started = true;
	return 0;
}

int pool_new(const struct pool_conf *conf, struct pool **ret_pool, struct err *err)
{
	scoped(pool_freep) struct pool *pool = calloc(1, sizeof *pool);
	int r = 0;

	if (!pool)
		return err_nomem(err);
	pool->conf = *conf;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->news, NULL);
	TAILQ_INIT(&pool->queue);
	pool->threads = calloc(conf->threads, sizeof *pool->threads);
	if (!pool->threads)
		return err_nomem(err);
	for (unsigned i = 0; r >= 0 && i < conf->threads; i++)
		r = start_thread(pool, &pool->threads[i], err);
	if (r < 0)
		return r;
	*ret_pool = TAKE(pool);
	return 0;
}

bool pool_submit(struct pool *pool, uint64_t key, void (*run)(void *local, void *arg), void *arg)
{
	struct work *work = malloc(sizeof *work);
	bool taken = false;

	if (!work)
		return false;
	*work = (struct work){ .key = key, .run = run, .arg = arg };
	pthread_mutex_lock(&pool->lock);
	if (!pool->stopping && pool->n_queued < pool->conf.queue) {
		TAILQ_INSERT_TAIL(&pool->queue, work, link);
		pool->n_queued++;
		taken = true;
		pthread_cond_signal(&pool->news);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!taken)
		free(work);
	return taken;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->news);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; pool->threads && i < pool->conf.threads; i++) {
		if (pool->threads[i].started)
			pthread_join(pool->threads[i].id, NULL);
		if (pool->threads[i].local && pool->conf.close)
			pool->conf.close(pool->threads[i].local);
	}
	free(pool->threads);
	pthread_cond_destroy(&pool->news);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
