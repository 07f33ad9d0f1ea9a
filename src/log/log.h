/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The log: one line an event, on standard error.
 *
 * logfmt with systemd's <N> priority in front (left away on a terminal), or JSON. The
 * message is a constant text; what varies goes into fields, quoted by us, so nothing
 * that came from outside can make a line of its own. Layers below the programs log at
 * debug only. Any thread may log; a line is one write().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* the numbers of syslog(3) */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_format { LOG_LOGFMT = 1, LOG_JSON };

struct log_field {
	const char *name; /* NULL: not there */
	const char *text; /* NULL: `number` counts */
	int64_t number;
};

static inline struct log_field LOG_STR(const char *name, const char *text)
{
	return (struct log_field){ .name = name, .text = text ? text : "null" };
}

#define LOG_INT(name_, number_)                               \
	(struct log_field)                                    \
	{                                                     \
		.name = (name_), .number = (int64_t)(number_) \
	}
/** An error's reason, message, field and origin, in four fields. */
#define LOG_ERR(err_)                                                              \
	LOG_STR("reason", err_slug((err_)->reason)), LOG_STR("error", (err_)->msg), \
		(err_)->field[0] ? LOG_STR("field", (err_)->field)                 \
				 : (struct log_field){ 0 },                        \
		LOG_STR("at", log_origin(err_, (char[64]){ 0 }))

extern enum log_level log_max;

/** Called once, before there are threads. `program` is put into each line as it is. */
void log_init(const char *program, enum log_level max, enum log_format format);

/** A field that every line of this thread carries from now on, e.g. the request's id; NULL ends it.
 * The text must live as long. */
void log_context(const char *name, const char *text);

/** "file.c:12", of where the error was raised. */
const char *log_origin(const struct err *err, char buf[64]);

void log_write(enum log_level level, const char *file, int line, const char *msg,
	const struct log_field *fields, size_t n_fields);

#define log_at(level_, msg_, ...)                                                         \
	do {                                                                              \
		if ((level_) <= log_max) {                                                \
			const struct log_field fields_[] = { __VA_ARGS__ };               \
			log_write((level_), __FILE__, __LINE__, (msg_), fields_,          \
				sizeof fields_ / sizeof *fields_);                        \
		}                                                                         \
	} while (0)

#define log_error(msg, ...)  log_at(LOG_LEVEL_ERROR, msg, __VA_ARGS__)
#define log_warn(msg, ...)   log_at(LOG_LEVEL_WARN, msg, __VA_ARGS__)
#define log_notice(msg, ...) log_at(LOG_LEVEL_NOTICE, msg, __VA_ARGS__)
#define log_info(msg, ...)   log_at(LOG_LEVEL_INFO, msg, __VA_ARGS__)
#define log_debug(msg, ...)  log_at(LOG_LEVEL_DEBUG, msg, __VA_ARGS__)
