/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What a process gives up, so that a hole in it is worth little.
 *
 * Everything is described in tables (struct contain_rules) and taken on once, for good:
 * limits, no dumps, no new privileges, Landlock for files and ports, seccomp for system
 * calls. What the kernel does not have is left out and named in the log line. In builds
 * with sanitizers, which need files, ptrace and clone for themselves, only the limits on
 * privileges hold: contain_is_built() tells.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/** Some system calls, and why they are in the list. `names` ends with NULL; what this machine's libseccomp
 * or processor does not know is passed over. */
struct contain_calls {
	const char *why;
	const char *const *names;
};

#define CONTAIN_CALLS(why_, ...)                                             \
	{                                                                    \
		.why = (why_), .names = (const char *const[])                \
		{                                                            \
			__VA_ARGS__, NULL                                    \
		}                                                            \
	}

/** A call that is let through only when argument `arg`, of 32 bits, is `value` under `mask`, or is the
 * number of this process. Several rows of one call: any of them. */
struct contain_arg {
	const char *name;
	unsigned arg;
	uint32_t mask, value;
	bool own_pid;
	const char *why;
};

enum contain_right {
	CONTAIN_READ = 1 << 0,  /* read files, list folders */
	CONTAIN_WRITE = 1 << 1, /* write, make and remove files; renames inside a folder */
};

struct contain_path {
	const char *path; /* a file, or a folder with all in it; one that is not there is passed over */
	unsigned rights;
};

struct contain_limit {
	int resource; /* RLIMIT_… */
	uint64_t max;
	bool unless_log_is_file; /* of RLIMIT_FSIZE: standard error must stay writable */
};

enum { CONTAIN_PATHS_MAX = 32, CONTAIN_PORTS_MAX = 4 };

/** Where a process may go. */
struct contain_places {
	struct contain_path paths[CONTAIN_PATHS_MAX];
	size_t n_paths;
	uint16_t ports[CONTAIN_PORTS_MAX]; /* TCP, to listen on */
	size_t n_ports;
};

struct contain_rules {
	const char *name; /* of the process, for the log */
	/** `calls` are all it may do (the rest is EPERM), or, with `denies`, what it may not. */
	bool denies;
	const struct contain_calls *calls; /* ends without `why` */
	const struct contain_arg *args;    /* ends without `name`; NULL: none */
	const struct contain_limit *limits; /* ends with a `max` of UINT64_MAX */
	bool fences_files; /* Landlock; else files are as the user's rights say */
};

/** Whether this build contains its processes. */
bool contain_is_built(void);

/** Takes on everything in `rules`, for the calling thread and its children; `places` may be NULL. With
 * WGKEEPER_SECCOMP=kill in the environment a forbidden call ends the process instead of failing: tests
 * use it, and it can only make things stricter. REASON_INTERNAL: the kernel refused what it has. */
int contain(const struct contain_rules *rules, const struct contain_places *places, struct err *err)
	must_check;

/** Leaves these capabilities (CAP_…; the list ends with -1) in the bounding set: no others can ever come.
 * Without CAP_SETPCAP it stays as the starter made it. */
void contain_bounding_set(const int *keep);

/** Keeps those of these that there are, there and in all other sets. False: one was not there, or the
 * others could not be given up. */
bool contain_capabilities(const int *keep) must_check;

/** The Landlock version of this kernel; 0: none. */
int contain_landlock_version(void);

/** Adds what reaching `file` takes now and when it is renewed: its folder, and, where a part of its path is a
 * symbolic link, the folder that the link points into, for it may point to a neighbour next time. Texts are
 * put into the arena. REASON_CONFIG: too many. */
int contain_allow_file(struct contain_places *places, const char *file, unsigned rights,
	struct arena *arena, struct err *err) must_check;
