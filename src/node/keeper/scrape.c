/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"
#include "node/keeper/scrape.h"
#include "node/keeper/top.h"
#include "node/sockets.h"

enum {
	RECORDS_A_MESSAGE = (IPC_MAX - sizeof(struct ipc_meta)) / sizeof(struct peer_metrics),
	PER_PEER_DEFAULT = 100, /* as published */
	HURRY_US = 250000,
};

static size_t series_max(const struct keeper *k)
{
	int64_t max = k->conf.per_peer_max ?: PER_PEER_DEFAULT;

	return k->conf.metrics_port && k->conf.per_peer ? (size_t)max : 0;
}

static void fill_pools(const struct keeper *k, struct node_metrics *m)
{
	for (unsigned f = 0; f < N_FAMILIES; f++)
		for (unsigned g = 0; g < N_POOL_GAUGES; g++)
			m->pools[f][g] = METRIC_NONE;
	for (unsigned p = 0; p < k->n_pools; p++) {
		uint64_t *gauges = m->pools[k->pools[p].subnet.family == IP_V6];

		gauges[POOL_POSSIBLE] = pool_size(&k->pools[p]);
		gauges[POOL_USED] = k->pools[p].n_used;
		gauges[POOL_RESTING] = k->pools[p].n_resting;
	}
}

/* What readings tell is left out while there is none that counts. */
static void fill_device(struct keeper *k, struct node_metrics *m)
{
	bool ready = k->state == DEVICE_READY;

	for (unsigned g = 0; g < N_PEER_GAUGES; g++)
		m->peers[g] = METRIC_NONE;
	m->stale = ready ? k->stale : METRIC_NONE;
	m->drift[DRIFT_UNMANAGED] = ready ? k->unmanaged : METRIC_NONE;
	m->drift[DRIFT_ALTERED] = ready ? k->altered : METRIC_NONE;
	m->drift[DRIFT_MISSING] = ready ? k->missing : METRIC_NONE;
	m->read_age_us = k->read_us ? (uint64_t)(time_monotonic_us() - k->read_us) : METRIC_INFINITE;
	if (!ready)
		return;
	m->peers[GAUGE_POSSIBLE] = reads_possible(k);
	m->peers[GAUGE_ISSUED] = k->peers.n;
	m->peers[GAUGE_ACTIVE] = k->active;
	m->peers[GAUGE_CONNECTED] = k->connected;
	m->peers[GAUGE_SUSPENDED] = reads_suspended(k);
}

static void fill(struct keeper *k, struct node_metrics *m)
{
	*m = k->metrics;
	m->rx_bytes = k->traffic.rx_bytes;
	m->tx_bytes = k->traffic.tx_bytes;
	m->revision = (uint64_t)store_revision(k->store);
	m->ended = (uint64_t)store_ended(k->store);
	fill_device(k, m);
	fill_pools(k, m);
	checks_meter(k, m);
	m->forwarding[0] = k->forwarding.state == NFT_FORWARD_OK;
	m->forwarding[1] = k->forwarding.state == NFT_FORWARD_OFF;
	m->forwarding[2] = k->forwarding.state == NFT_FORWARD_BLOCKED;
	usage_read(&usage_of_main, PROCESS_MAIN, &m->processes);
	usage_read(&k->usage, PROCESS_KEEPER, &m->processes);
}

/*
 * Series per peer: as many as configured, of those that moved most since the last scrape
 */

static void choose(struct keeper *k, struct top *top)
{
	for (size_t i = 0; i < k->peers.n; i++) {
		struct peer *peer = k->peers.order[i];
		uint64_t bytes = peer->rx_bytes + peer->tx_bytes;
		/* counters that began anew count whole */
		uint64_t moved = bytes >= peer->scraped_bytes ? bytes - peer->scraped_bytes : bytes;

		if (!peer->seen_dump || peer->seen_dump < k->read_dump)
			continue; /* the device does not have it */
		peer->scraped_bytes = bytes;
		top_add(top, moved, peer);
	}
	top_sort(top);
}

static struct lister *make_lister(uint64_t id, const struct top *top)
{
	struct lister *lister = calloc(1, sizeof *lister + top->n * sizeof lister->records[0]);

	if (!lister)
		return NULL;
	lister->id = id;
	lister->type = IPC_METRICS;
	lister->left = (int64_t)top->n;
	for (size_t i = 0; i < top->n; i++) {
		const struct peer *peer = top->at[i].peer;

		lister->records[i] = (struct peer_metrics){ .id = peer->id,
			.public_key = peer->public_key,
			.address = { peer->address[0], peer->address[1] },
			.rx_bytes = peer->rx_bytes, .tx_bytes = peer->tx_bytes,
			.handshake_us = (uint64_t)peer->last_handshake.us };
	}
	return lister;
}

/* NULL and 0: none are to be sent. */
static int list_peers(struct keeper *k, uint64_t id, struct node_metrics *m,
	struct lister **ret_lister, struct err *err)
{
	size_t max = series_max(k);
	scoped(top_done) struct top top = { 0 };
	struct lister *lister;
	unsigned n = 0;
	int r;

	m->capped = METRIC_NONE;
	if (!max)
		return 0;
	STAILQ_FOREACH(lister, &k->listers, link)
		n += lister->type == IPC_METRICS;
	if (n >= SCRAPES_MAX)
		return err_set(err, REASON_BUSY, NULL, "too many scrapes are under way");
	r = top_init(&top, max < k->peers.n ? max : k->peers.n, err);
	if (r < 0)
		return r;
	choose(k, &top);
	m->n_series = top.n;
	m->capped = top.left_out;
	if (!top.n)
		return 0;
	*ret_lister = make_lister(id, &top);
	return *ret_lister ? 0 : err_nomem(err);
}

/*
 * The listener: ours to open, the gate's to serve
 */

void scrape_listen(struct keeper *k)
{
	struct err err;

	if (!k->conf.metrics_port)
		return;
	if (sockets_listen(LISTENER_METRICS, k->conf.metrics_bind, (uint16_t)k->conf.metrics_port,
		    &k->metrics_fd, &err) < 0)
		log_error("the metrics cannot be served; everything else is", LOG_ERR(&err));
}

void scrape_setup(struct keeper *k, bool serving)
{
	struct ipc_head head = { .version = IPC_VERSION, .type = IPC_METRICS_SETUP };
	struct ipc_metrics_setup setup = { 0 }; /* a digest of zeros is no token's */

	if (!serving && k->metrics_fd < 0)
		return;
	snprintf(setup.interface, sizeof setup.interface, "%s", k->conf.interface);
	if (k->conf.metrics_port)
		setup.token = k->metrics_token;
	if (ipc_send_fd(k->ipc_fd, &head, &setup, sizeof setup, serving ? -1 : k->metrics_fd) <= 0)
		log_error("the gate was not told how to serve metrics");
}

/*
 * Answers
 */

void scrape_serve(struct keeper *k, uint64_t id)
{
	struct ipc_meta meta = answer_meta(k);
	struct lister *lister = NULL;
	struct node_metrics m;
	struct err err;

	fill(k, &m);
	if (list_peers(k, id, &m, &lister, &err) < 0) {
		answer_error(k, id, &err);
		return;
	}
	answer(k, id, lister ? IPC_MORE : 0, &meta, sizeof meta, &m, sizeof m);
	if (lister)
		STAILQ_INSERT_TAIL(&k->listers, lister, link);
}

bool scrape_next(struct keeper *k, struct lister *lister)
{
	struct ipc_meta meta = answer_meta(k);
	size_t n = (size_t)lister->left < RECORDS_A_MESSAGE ? (size_t)lister->left : RECORDS_A_MESSAGE;
	bool more = (size_t)lister->left > n;

	answer(k, lister->id, more ? IPC_MORE : 0, &meta, sizeof meta, lister->records + lister->slot,
		n * sizeof lister->records[0]);
	lister->slot += n;
	lister->left -= (int64_t)n;
	return more;
}

void scrape_hurry(struct keeper *k)
{
	int64_t now = time_monotonic_us(), limit = now - KEEPER_READ_AGE_US - SCRAPE_PATIENCE_US;
	struct waiter *waiter = TAILQ_FIRST(&k->waiters), *next;

	if (now - k->hurried_us < HURRY_US)
		return; /* there may be thousands who wait for something else */
	k->hurried_us = now;
	for (; waiter; waiter = next) {
		next = TAILQ_NEXT(waiter, link);
		if ((waiter->type != IPC_METRICS && waiter->type != IPC_READY) || waiter->op ||
			waiter->since_us > limit)
			continue;
		TAILQ_REMOVE(&k->waiters, waiter, link);
		read_serve(k, waiter, 0, NULL);
		waiter_free(waiter);
	}
}
