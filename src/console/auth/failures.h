/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Failed sign-ins on their way into the audit log: of one source and user name the
 * first of a minute at once, the others as one entry with their count. Fixed memory;
 * any thread.
 */

#include "base/cidr.h"
#include "base/err.h"

enum { FAILURE_NAME_MAX = 64 };

struct failures; /* opaque */

struct failure_report {
	struct cidr source;
	char username[FAILURE_NAME_MAX + 1];
	int64_t count;
};

struct failures *failures_new(void);

/** Counts one. True: write an entry now, with the count in `ret`. */
bool failures_add(struct failures *failures, const struct cidr *source, const char *username,
	int64_t now_us, struct failure_report *ret);

/** A count whose minute is over, to be written. False: none. Call until then. */
bool failures_due(struct failures *failures, int64_t now_us, struct failure_report *ret);

void failures_free(struct failures *failures);
DEFINE_FREEP(struct failures, failures_free);
