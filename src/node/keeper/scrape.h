/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the keeper says of its own state: /metrics and /v1/ready. */

#include "node/keeper/keeper.h"

enum { SCRAPES_MAX = 4, SCRAPE_PATIENCE_US = 3000000 };

/** Opens the listening socket where one is configured; a failure is logged and nothing more. */
void scrape_listen(struct keeper *k);

/** Tells the gate how to serve metrics, or, where it does (`serving`) and should no more, that no token is
 * right. */
void scrape_setup(struct keeper *k, bool serving);

/** Answers IPC_METRICS; where series per peer are configured, a lister with them follows. */
void scrape_serve(struct keeper *k, uint64_t id);

/** Sends the next records of a lister that scrape_serve() made; whether there are more. */
bool scrape_next(struct keeper *k, struct lister *lister);

/** Serves scrapes that have waited too long for a reading: a device that hangs is when one looks. */
void scrape_hurry(struct keeper *k);

/** Answers IPC_READY. */
void checks_serve(struct keeper *k, uint64_t id);

/** Looks at everything of enum check. */
void checks_run(struct keeper *k, struct ipc_ready *ret_ready);

/** The same as numbers. */
void checks_meter(struct keeper *k, struct node_metrics *metrics);
