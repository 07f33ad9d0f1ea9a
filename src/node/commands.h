/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

#include <stdbool.h>

/* The command line: what is not serving. */

struct command_line {
	const char *config; /* or NULL: the default */
	bool accept_subnet_change;
};

/** Reads the arguments and runs what they name. The exit status, or -1: serve. */
int command_line_read(int argc, char **argv, struct command_line *ret_line);

/** `init`: writes a configuration with a fresh key, prints the enrol string. */
int command_init(int argc, char **argv, const char *config);

/** `--health`: asks the local API whether it is ready. 0: yes. */
int command_health(const char *config);
