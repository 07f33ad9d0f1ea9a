/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * GET /metrics, on a listener of its own, in the gate's loop.
 *
 * Plain HTTP, as published; a bearer token that is no API key. In order: rate, token,
 * method. Strangers share a bucket that those who know the token do not draw from.
 */

#include "http/server.h"
#include "node/gate/metrics.h"
#include "node/ipc.h"
#include "node/usage.h"

struct gate;

struct bucket {
	double tokens;
	int64_t at_us;
};

struct scraper {
	struct http_server *server; /* NULL: no metrics here */
	struct digest token;
	char interface[16];
	struct bucket strangers, known;
	struct usage usage;     /* of the gate */
	unsigned n_holding;     /* scrapes under way that hold records of peers */
};

/** Before privileges and files are given up. */
void scraper_init(struct scraper *scraper);

/** IPC_METRICS_SETUP: takes the message's socket and serves, or takes the token. */
void scraper_setup(struct gate *gate, struct ipc_message *message);

void scraper_done(struct scraper *scraper);
