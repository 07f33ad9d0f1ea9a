/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What has to be looked at now and then, whoever asks for what. */

#include "console/app.h"

enum { HOUSEKEEPING_EVERY_S = 3600 };

/** Ends streams whose session or token has ended by itself: idle, or expired. Every two seconds. */
void housekeeping_streams(struct console *console, struct db *db);

/** Forgets answers that nobody will ask for again. */
void housekeeping_sweep(struct db *db);
