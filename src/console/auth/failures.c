/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/auth/failures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 256, MINUTE_US = 60000000 };

struct slot {
	struct failure_report report; /* count: since the last entry */
	int64_t since_us;             /* 0: free */
};

struct failures {
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

struct failures *failures_new(void)
{
	struct failures *failures = calloc(1, sizeof *failures);

	if (failures)
		pthread_mutex_init(&failures->lock, NULL);
	return failures;
}

/* The pair's own slot, else a free one, else the oldest: then a count may be lost, never an entry of a
 * first failure. */
static struct slot *find(struct failures *failures, const struct cidr *source, const char *username)
{
	struct slot *best = &failures->slots[0];

	for (struct slot *slot = failures->slots; slot < failures->slots + SLOTS; slot++) {
		if (slot->since_us && cidr_equal(&slot->report.source, source) &&
			!strcmp(slot->report.username, username))
			return slot;
		if (slot->since_us < best->since_us)
			best = slot;
	}
	best->since_us = 0;
	return best;
}

bool failures_add(struct failures *failures, const struct cidr *source, const char *username,
	int64_t now_us, struct failure_report *ret)
{
	char name[FAILURE_NAME_MAX + 1];
	struct slot *slot;
	bool first;

	snprintf(name, sizeof name, "%s", username);
	pthread_mutex_lock(&failures->lock);
	slot = find(failures, source, name);
	first = !slot->since_us;
	if (first) {
		slot->report.source = *source;
		slot->report.count = 0;
		memcpy(slot->report.username, name, sizeof name);
		slot->since_us = now_us;
		*ret = slot->report;
		ret->count = 1;
	} else {
		slot->report.count++;
	}
	pthread_mutex_unlock(&failures->lock);
	return first;
}

bool failures_due(struct failures *failures, int64_t now_us, struct failure_report *ret)
{
	bool due = false;

	pthread_mutex_lock(&failures->lock);
	for (struct slot *slot = failures->slots; slot < failures->slots + SLOTS && !due; slot++) {
		if (!slot->since_us || now_us - slot->since_us < MINUTE_US)
			continue;
		slot->since_us = 0;
		due = slot->report.count > 0;
		*ret = slot->report;
	}
	pthread_mutex_unlock(&failures->lock);
	return due;
}

void failures_free(struct failures *failures)
{
	if (!failures)
		return;
	pthread_mutex_destroy(&failures->lock);
	free(failures);
}
