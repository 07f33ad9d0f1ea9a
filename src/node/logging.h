/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * How the three processes log, from the one configuration that only the keeper reads.
 *
 * The keeper tells main through a pipe of two bytes a message, and the gate in its
 * set-up. Main parses nothing for it, and the gate, which may have been taken, has no
 * way to silence the others.
 */

#include "log/log.h"

/** In main, before it forks. Without a descriptor main keeps logging as it began. */
void logging_open(void);

/** In the keeper: from now on, here and in main. */
void logging_tell(enum log_level level, enum log_format format);

/** In main, before it logs: takes what the keeper has told. */
void logging_learn(void);

/** In the gate: gives the pipe up. */
void logging_leave(void);

/** From here on this process logs so. Values that are none of their enums' change nothing. */
void logging_set(unsigned level, unsigned format);
