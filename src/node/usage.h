/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What a process uses: processor time, memory, descriptors.
 *
 * Read from /proc through descriptors that are opened early, because later the process
 * may see no files any more.
 */

#include <dirent.h>

#include "node/metrics.h"

struct usage {
	int stat_fd; /* /proc/PID/stat */
	DIR *fds;    /* /proc/PID/fd */
	int64_t started_us; /* since 1970; 0: not known */
};

/** Main opens its own before it forks; the keeper reads it, and the gate closes it. */
extern struct usage usage_of_main;

/** Opens what is there to read about this process; what cannot be opened stays unknown. */
void usage_open(struct usage *usage);

/** Fills in row `process` of each array; METRIC_NONE where it is not known (or the process is gone). */
void usage_read(const struct usage *usage, enum process process, struct process_metrics *metrics);

void usage_close(struct usage *usage);
