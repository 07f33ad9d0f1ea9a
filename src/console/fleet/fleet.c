/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/fleet/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "console/app.h"
#include "console/fleet/settle.h"
#include "console/housekeeping.h"
#include "console/instance.h"
#include "console/store/instances.h"
#include "json/write.h"
#include "log/log.h"

enum {
	POLL_ARENA = 64 * 1024 * 1024,
	TICK_MS = 200,
	RELOAD_US = 2000000,
	HEARTBEAT_US = 15000000,
};

/* One node, as the thread knows it; under the lock. */
struct member {
	struct uuid id;
	struct fleet *fleet;
	int64_t due_us;
	bool busy, again, gone;
	unsigned seen; /* the reload that listed it last */
};

struct fleet {
	struct console *console;
	struct db *db;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct map members;
	unsigned reloads;
	bool started, stopping;
};

/*
 * In the node pool
 */

static void finish(struct member *member, bool unsettled)
{
	struct fleet *fleet = member->fleet;

	pthread_mutex_lock(&fleet->lock);
	member->busy = false;
	member->due_us = time_monotonic_us() +
			 (unsettled ? FLEET_RETRY_S : FLEET_POLL_S) * USEC_PER_SEC;
	if (member->again)
		member->due_us = 0;
	member->again = false;
	pthread_cond_signal(&fleet->news);
	pthread_mutex_unlock(&fleet->lock);
}

static void poll_node(void *local, void *arg)
{
	scoped(arena_freep) struct arena *arena = arena_new(POLL_ARENA);
	struct member *member = arg;
	char id[UUID_TEXT_SIZE];
	bool unsettled = false;
	struct err err;

	store_guard(local, instance_epoch(member->fleet->console->instance));
	if (arena && settle_poll(member->fleet->console, local, &member->id, arena, &unsettled, &err) < 0)
		log_debug("a node was not polled to the end",
			LOG_STR("node", uuid_format(id, &member->id)), LOG_ERR(&err));
	finish(member, unsettled);
}

/*
 * The thread
 */

static struct member *add_member(struct fleet *fleet, const struct uuid *id)
{
	struct member *member = calloc(1, sizeof *member);

	if (!member)
		return NULL;
	member->id = *id;
	member->fleet = fleet;
	if (map_put(&fleet->members, member))
		return member;
	free(member);
	return NULL;
}

static void drop_gone(struct fleet *fleet)
{
	struct member *member;
	bool dropped = true;

	while (dropped) { /* the map must not change while it is walked */
		dropped = false;
		for (size_t i = 0; (member = map_next(&fleet->members, &i));)
			if (member->seen != fleet->reloads && !member->busy) {
				(void)map_del(&fleet->members, &member->id);
				free(member);
				dropped = true;
				break;
			}
	}
}

static void reload(struct fleet *fleet)
{
	scoped(arena_freep) struct arena *arena = arena_new(POLL_ARENA);
	struct list targets;
	struct err err;

	if (!arena || store_node_targets(fleet->db, &fleet->console->key, &targets, arena, &err) < 0) {
		log_warn("the list of nodes cannot be read", LOG_ERR(&err));
		return;
	}
	pthread_mutex_lock(&fleet->lock);
	fleet->reloads++;
	for (size_t i = 0; i < targets.n; i++) {
		const struct node_target *target = (const struct node_target *)targets.at + i;
		struct member *member = map_get(&fleet->members, &target->id);

		if (!member)
			member = add_member(fleet, &target->id);
		if (member)
			member->seen = fleet->reloads;
	}
	drop_gone(fleet);
	pthread_mutex_unlock(&fleet->lock);
}

static uint64_t key_of(const struct uuid *id)
{
	uint64_t key;

	memcpy(&key, id->bytes + 8, sizeof key); /* the random half */
	return key ? key : 1;
}

static void start_due(struct fleet *fleet)
{
	int64_t now = time_monotonic_us();
	struct member *member;

	for (size_t i = 0; (member = map_next(&fleet->members, &i));) {
		if (member->busy || member->due_us > now)
			continue;
		member->busy = pool_submit(fleet->console->pools[POOL_NODE], key_of(&member->id),
			poll_node, member);
	}
}

static void write_failures(struct fleet *fleet)
{
	struct failure_report report;

	while (failures_due(fleet->console->failures, time_monotonic_us(), &report)) {
		scoped(arena_freep) struct arena *arena = arena_new(64 * 1024);
		const struct actor actor = { .kind = ACTOR_ANONYMOUS, .auth = AUTH_NONE,
			.source = report.source };
		struct err err;

		if (!arena || store_session_failed(fleet->db, &actor, report.username, report.count,
				      arena, &err) < 0)
			log_error("failed sign-ins could not be recorded", LOG_INT("count", report.count));
	}
}

static void wait_a_little(struct fleet *fleet)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += TICK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	(void)pthread_cond_timedwait(&fleet->news, &fleet->lock, &until);
}

static void *run_fleet(void *arg)
{
	int64_t reloaded = 0, swept = 0, beat = time_monotonic_us();
	struct fleet *fleet = arg;

	pthread_mutex_lock(&fleet->lock);
	while (!fleet->stopping) {
		int64_t now = time_monotonic_us();

		bool working = instance_epoch(fleet->console->instance) != 0;

		pthread_mutex_unlock(&fleet->lock);
		if (working && now - reloaded >= RELOAD_US) {
			store_guard(fleet->db, instance_epoch(fleet->console->instance));
			reload(fleet);
			write_failures(fleet);
			housekeeping_streams(fleet->console, fleet->db);
			reloaded = now;
		}
		if (working && (!swept || now - swept >= HOUSEKEEPING_EVERY_S * USEC_PER_SEC)) {
			housekeeping_sweep(fleet->db);
			swept = now;
		}
		if (now - beat >= HEARTBEAT_US) {
			events_heartbeat(fleet->console->events);
			beat = now;
		}
		pthread_mutex_lock(&fleet->lock);
		if (working)
			start_due(fleet);
		wait_a_little(fleet);
	}
	pthread_mutex_unlock(&fleet->lock);
	return NULL;
}

int fleet_new(struct console *console, struct fleet **ret_fleet, struct err *err)
{
	scoped(fleet_freep) struct fleet *fleet = calloc(1, sizeof *fleet);
	int r;

	if (!fleet)
		return err_nomem(err);
	fleet->console = console;
	pthread_mutex_init(&fleet->lock, NULL);
	pthread_cond_init(&fleet->news, NULL);
	map_init(&fleet->members, struct member, id);
	r = store_open(console->conf.database_url.at, &fleet->db, err);
	if (r < 0)
		return r;
	*ret_fleet = fleet; /* what the thread starts asks the Console for it */
	if (pthread_create(&fleet->thread, NULL, run_fleet, fleet) != 0) {
		*ret_fleet = NULL;
		return err_set(err, REASON_INTERNAL, NULL, "no thread for the fleet");
	}
	fleet->started = true;
	(void)TAKE(fleet);
	return 0;
}

void fleet_wake(struct fleet *fleet, const struct uuid *node_id)
{
	struct member *member;

	pthread_mutex_lock(&fleet->lock);
	member = map_get(&fleet->members, node_id);
	if (!member) { /* just added */
		member = add_member(fleet, node_id);
		if (member)
			member->seen = fleet->reloads;
	}
	if (member) {
		member->due_us = 0;
		member->again = member->busy;
	}
	pthread_cond_signal(&fleet->news);
	pthread_mutex_unlock(&fleet->lock);
}

void fleet_tell(struct fleet *fleet, struct db *db, const char *what, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE], json[96];
	struct err err;
	int64_t seq;

	if (store_seq(db, &seq, &err) < 0)
		return; /* the page is read again at the next event */
	snprintf(json, sizeof json, "{\"ids\":[\"%s\"]}", uuid_format(text, id));
	events_publish(fleet->console->events, what, seq, json);
	snprintf(json, sizeof json, "{\"seq\":%lld}", (long long)seq);
	events_publish(fleet->console->events, "audit", seq, json);
}

void fleet_stop(struct fleet *fleet)
{
	if (!fleet || !fleet->started)
		return;
	pthread_mutex_lock(&fleet->lock);
	fleet->stopping = true;
	pthread_cond_signal(&fleet->news);
	pthread_mutex_unlock(&fleet->lock);
	pthread_join(fleet->thread, NULL);
	fleet->started = false;
}

void fleet_free(struct fleet *fleet)
{
	struct member *member;

	if (!fleet)
		return;
	fleet_stop(fleet);
	for (size_t i = 0; (member = map_next(&fleet->members, &i));)
		free(member);
	map_done(&fleet->members);
	db_close(fleet->db);
	pthread_cond_destroy(&fleet->news);
	pthread_mutex_destroy(&fleet->lock);
	free(fleet);
}
