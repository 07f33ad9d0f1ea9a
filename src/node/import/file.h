/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * A file of another program, read whole and never written to.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"

struct import_file {
	int fd; /* keeps the lock */
	struct span text;
	struct timestamp modified_at;
};

#define IMPORT_FILE_INIT \
	{                \
		.fd = -1 \
	}

enum import_lock { IMPORT_ANYHOW, IMPORT_LOCKED };

/** Reads a file of at most `max` bytes; with IMPORT_LOCKED it stays locked (flock, shared) until
 * import_file_done(). REASON_NOT_FOUND: there is none; REASON_BUSY: another process has it locked;
 * REASON_CONFIG: it cannot be read, is no file, or is too large. */
int import_file_read(const char *path, size_t max, enum import_lock lock,
	struct import_file *ret_file, struct err *err) must_check;

/** Wipes what was read, and gives the lock back. */
void import_file_done(struct import_file *file);
