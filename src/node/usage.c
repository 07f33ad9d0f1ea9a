/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/time.h"
#include "node/usage.h"

struct usage usage_of_main = { .stat_fd = -1 };

/* proc(5): fields of /proc/PID/stat, counted from 1; the first after the name is 3 */
enum { FIELD_UTIME = 14, FIELD_STIME = 15, FIELD_STARTTIME = 22, FIELD_RSS = 24, N_FIELDS = 25 };

/* The name may hold blanks and brackets; behind its last bracket come numbers. */
static bool read_stat(int fd, uint64_t fields[N_FIELDS])
{
	char text[1024];
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof text, 0) : -1;
	const char *end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
	struct span rest;

	if (!end || text + n - end < 3)
		return false;
	rest = (struct span){ end + 2, (size_t)(text + n - end) - 2 };
	for (unsigned i = 3; i < N_FIELDS; i++) {
		struct span field = span_cut(&rest, ' ');

		if (!field.at)
			return false;
		if (!parse_u64(field, UINT64_MAX, &fields[i]))
			fields[i] = 0; /* the state's letter, a negative number */
	}
	return true;
}

static int64_t ticks_us(uint64_t ticks)
{
	long hz = sysconf(_SC_CLK_TCK);

	return (int64_t)(ticks / (uint64_t)hz) * USEC_PER_SEC +
	       (int64_t)(ticks % (uint64_t)hz) * USEC_PER_SEC / hz;
}

/* Once: the kernel counts from its boot, and computing it anew would give another answer each time the
 * clock is corrected. */
static int64_t start_of(const struct usage *usage)
{
	uint64_t fields[N_FIELDS];
	struct timespec boot;

	if (!read_stat(usage->stat_fd, fields) || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return 0;
	return time_now().us - (boot.tv_sec * USEC_PER_SEC + boot.tv_nsec / 1000) +
	       ticks_us(fields[FIELD_STARTTIME]);
}

void usage_open(struct usage *usage)
{
	*usage = (struct usage){ .stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC),
		.fds = opendir("/proc/self/fd") };
	usage->started_us = start_of(usage);
}

static uint64_t count_fds(DIR *dir)
{
	const struct dirent *entry;
	uint64_t n = 0;

	if (!dir)
		return METRIC_NONE;
	rewinddir(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	return n ? n : METRIC_NONE;
}

void usage_read(const struct usage *usage, enum process process, struct process_metrics *metrics)
{
	uint64_t fields[N_FIELDS];
	bool known = usage->started_us && read_stat(usage->stat_fd, fields);

	metrics->start_us[process] = known ? (uint64_t)usage->started_us : METRIC_NONE;
	metrics->cpu_us[process] =
		known ? (uint64_t)ticks_us(fields[FIELD_UTIME] + fields[FIELD_STIME]) : METRIC_NONE;
	metrics->resident_bytes[process] =
		known ? fields[FIELD_RSS] * (uint64_t)sysconf(_SC_PAGESIZE) : METRIC_NONE;
	metrics->open_fds[process] = known ? count_fds(usage->fds) : METRIC_NONE;
}

void usage_close(struct usage *usage)
{
	closep(&usage->stat_fd);
	if (usage->fds)
		closedir(usage->fds);
	usage->fds = NULL;
}
