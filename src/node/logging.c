/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "node/logging.h"

static int ends[2] = { -1, -1 };

void logging_open(void)
{
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		log_warn("no pipe for log settings");
}

void logging_leave(void)
{
	closep(&ends[0]);
	closep(&ends[1]);
}

void logging_set(unsigned level, unsigned format)
{
	if (level < LOG_LEVEL_ERROR || level > LOG_LEVEL_DEBUG ||
		(format != LOG_LOGFMT && format != LOG_JSON))
		return;
	log_init("wgkeeper-node", (enum log_level)level, (enum log_format)format);
}

void logging_tell(enum log_level level, enum log_format format)
{
	uint8_t how[2] = { (uint8_t)level, (uint8_t)format };

	logging_set(level, format);
	/* a full pipe says the same many times over */
	if (ends[1] >= 0 && write(ends[1], how, sizeof how) != sizeof how)
		log_debug("main was not told how to log");
}

void logging_learn(void)
{
	uint8_t how[2];

	while (ends[0] >= 0 && read(ends[0], how, sizeof how) == sizeof how)
		logging_set(how[0], how[1]);
}
