/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/instance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "console/events.h"
#include "console/store/instances.h"
#include "console/store/store.h"
#include "log/log.h"

enum { FORGET_S = 86400 };

enum state { STATE_STANDBY, STATE_WORKING, STATE_AWAY };

struct instance {
	struct uuid id;
	struct db *db;
	struct events *events;
	struct lease lease; /* ours while it works */
	/* by the clock that never jumps: when it was kept, when the database was told that we live */
	int64_t kept_us, seen_us;
	bool told;             /* that another instance works */
	atomic_int state;      /* enum state */
	_Atomic int64_t epoch; /* 0 unless it works */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	bool started, stopping;
};

static struct timestamp in_seconds(int64_t s)
{
	return (struct timestamp){ time_now().us + s * USEC_PER_SEC };
}

static void become(struct instance *in, enum state state)
{
	enum state was = (enum state)atomic_exchange(&in->state, (int)state);

	atomic_store(&in->epoch, state == STATE_WORKING ? in->lease.epoch : 0);
	if (was == STATE_WORKING && state != STATE_WORKING)
		events_end(in->events, NULL);
}

/* Whether the lease is to be had: nobody has it, it has run out, or whoever had it had the claim too,
 * which is ours now, so that process is gone. */
static bool is_free(const struct lease *lease, bool claimed)
{
	int64_t left_us = lease->until.us - time_now().us;

	if (uuid_is_zero(&lease->owner) || (claimed && lease->claimed))
		return true;
	/* more than a lease lasts: some clock has jumped */
	return left_us < 0 || left_us > 2 * INSTANCE_LEASE_S * USEC_PER_SEC;
}

int instance_may_migrate(struct db *db, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(4096);
	struct lease lease;
	int r = db_is_current(db, err);
	bool claimed;

	if (r != 0)
		return r < 0 ? r : 0;
	if (!arena)
		return err_nomem(err);
	if (store_lease(db, &lease, arena, NULL) < 0)
		return 0; /* there is no such table yet */
	r = db_claim(db, err);
	claimed = r > 0;
	db_unclaim(db);
	if (r < 0 || is_free(&lease, claimed))
		return r < 0 ? r : 0;
	return err_set(err, REASON_STANDBY, NULL,
		"an older version works this database (on %.64s) and its tables have to be changed for this "
		"one; stop it, then start this one again",
		lease.host ?: "an unknown host");
}

static void stand_by(struct instance *in, const struct lease *lease)
{
	db_unclaim(in->db);
	if (!in->told)
		log_notice("another instance works this database; this one stands by",
			LOG_STR("host", lease->host ?: "unknown"));
	in->told = true;
	become(in, STATE_STANDBY);
}

static int try_to_take(struct instance *in, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(4096);
	struct lease lease;
	bool claimed;
	int r;

	if (!arena)
		return err_nomem(err);
	r = db_claim(in->db, err);
	claimed = r > 0;
	if (r >= 0)
		r = store_lease(in->db, &lease, arena, err);
	if (r >= 0 && is_free(&lease, claimed))
		r = store_lease_take(
			in->db, &in->id, in_seconds(INSTANCE_LEASE_S), claimed, &lease, err);
	else if (r >= 0)
		r = 0;
	if (r < 0)
		return r;
	if (r == 0) {
		stand_by(in, &lease);
		return 0;
	}
	in->lease = lease;
	in->kept_us = time_monotonic_us();
	in->told = false;
	become(in, STATE_WORKING);
	log_notice("this instance works the database", LOG_INT("epoch", lease.epoch));
	return 0;
}

static int keep(struct instance *in, struct err *err)
{
	int r = db_claim(in->db, err);

	in->lease.claimed = r > 0;
	if (r >= 0)
		r = store_lease_keep(in->db, &in->id, in->lease.epoch, in_seconds(INSTANCE_LEASE_S),
			in->lease.claimed, err);
	if (r > 0) {
		in->kept_us = time_monotonic_us();
		become(in, STATE_WORKING);
	}
	if (r == 0) {
		log_warn("another instance has taken over; this one stands by");
		in->lease = (struct lease){ 0 };
		in->told = true;
		stand_by(in, &in->lease);
	}
	return r;
}

static int be_seen(struct instance *in, struct err *err)
{
	int64_t now = time_monotonic_us();
	int r;

	if (now - in->seen_us < INSTANCE_BEAT_S * USEC_PER_SEC)
		return 0;
	r = store_instance_seen(in->db, &in->id, err);
	if (r >= 0)
		in->seen_us = now;
	return r;
}

/* While the database is away the lease runs on, and then out: as this instance sees it, too. */
static void beat(struct instance *in)
{
	bool had = !uuid_is_zero(&in->lease.owner);
	struct err err;
	int r = had ? keep(in, &err) : try_to_take(in, &err);

	if (r >= 0)
		r = be_seen(in, &err);
	if (r >= 0)
		return;
	if (atomic_load(&in->state) != STATE_AWAY)
		log_warn("the database cannot be asked who works it", LOG_ERR(&err),
			LOG_STR("why", db_why(in->db)));
	if (!had || time_monotonic_us() - in->kept_us > INSTANCE_LEASE_S * USEC_PER_SEC)
		become(in, STATE_AWAY);
}

static void *run(void *arg)
{
	struct instance *in = arg;
	struct timespec until;

	pthread_mutex_lock(&in->lock);
	while (!in->stopping) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		/* whoever waits looks more often: it is waited for */
		until.tv_sec += atomic_load(&in->state) == STATE_WORKING ? INSTANCE_BEAT_S : 1;
		(void)pthread_cond_timedwait(&in->news, &in->lock, &until);
		if (in->stopping)
			break;
		pthread_mutex_unlock(&in->lock);
		beat(in);
		pthread_mutex_lock(&in->lock);
	}
	pthread_mutex_unlock(&in->lock);
	return NULL;
}

static void init_lock(struct instance *in)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&in->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&in->news, &attr);
	pthread_condattr_destroy(&attr);
}

int instance_new(
	const char *url, struct events *events, struct instance **ret_instance, struct err *err)
{
	scoped(instance_freep) struct instance *in = calloc(1, sizeof *in);
	char host[256] = "";
	int r;

	if (!in)
		return err_nomem(err);
	init_lock(in);
	in->events = events;
	uuid_make_v7(time_now(), &in->id);
	gethostname(host, sizeof host - 1);
	r = store_open(url, &in->db, err);
	if (r >= 0)
		r = store_instance_insert(in->db, &in->id, host, err);
	if (r >= 0)
		r = try_to_take(in, err);
	if (r < 0)
		return r;
	if (pthread_create(&in->thread, NULL, run, in) != 0)
		return err_set(err, REASON_INTERNAL, NULL, "no thread for the lease");
	in->started = true;
	*ret_instance = TAKE(in);
	return 0;
}

int instance_check(const struct instance *in, struct err *err)
{
	switch ((enum state)atomic_load(&in->state)) {
	case STATE_WORKING: return 0;
	case STATE_AWAY:
		return err_set(
			err, REASON_STORE, NULL, "the database cannot be reached; try again");
	case STATE_STANDBY: break;
	}
	return err_set(err, REASON_STANDBY, NULL,
		"another instance works this database and this one waits to take over; ask that one");
}

int64_t instance_epoch(const struct instance *in)
{
	return atomic_load(&in->epoch);
}

static void leave(struct instance *in)
{
	struct timestamp old = in_seconds(-FORGET_S);
	struct err err;
	int r = 0;

	if (!uuid_is_zero(&in->lease.owner))
		r = store_lease_drop(in->db, &in->id, in->lease.epoch, &err);
	if (r >= 0)
		r = store_instance_gone(in->db, &in->id, old, &err);
	if (r < 0)
		log_warn("the lease could not be given back; it runs out", LOG_ERR(&err));
}

void instance_free(struct instance *in)
{
	if (!in)
		return;
	if (in->started) {
		pthread_mutex_lock(&in->lock);
		in->stopping = true;
		pthread_cond_signal(&in->news);
		pthread_mutex_unlock(&in->lock);
		pthread_join(in->thread, NULL);
	}
	if (in->db)
		leave(in);
	db_close(in->db);
	pthread_cond_destroy(&in->news);
	pthread_mutex_destroy(&in->lock);
	free(in);
}
