/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "node/keeper/traffic.h"
#include "wg/wgdev.h"

struct stranger {
	struct wgkey key;
	uint64_t rx_bytes, tx_bytes, reading;
};

void traffic_init(struct traffic *traffic)
{
	*traffic = (struct traffic){ 0 };
	map_init(&traffic->strangers, struct stranger, key);
}

void traffic_begin(struct traffic *traffic)
{
	traffic->reading++;
	traffic->n_seen = 0;
}

/* A counter below its last value began anew. */
static uint64_t grown(uint64_t last, uint64_t now)
{
	return now >= last ? now - last : now;
}

static void add(struct traffic *traffic, uint64_t last_rx, uint64_t last_tx,
	const struct wgdev_peer *seen)
{
	traffic->rx_bytes += grown(last_rx, seen->rx_bytes);
	traffic->tx_bytes += grown(last_tx, seen->tx_bytes);
}

void traffic_peer(struct traffic *traffic, const struct peer *peer, const struct wgdev_peer *seen)
{
	struct stranger *was = traffic->strangers.n ? map_del(&traffic->strangers, &seen->public_key)
						    : NULL;

	if (was) /* it has become ours */
		add(traffic, was->rx_bytes, was->tx_bytes, seen);
	else if (peer->seen_dump || peer->placed_us)
		add(traffic, peer->rx_device, peer->tx_device, seen);
	free(was);
}

void traffic_stranger(struct traffic *traffic, const struct wgdev_peer *seen)
{
	struct stranger *stranger = map_get(&traffic->strangers, &seen->public_key);

	if (stranger) {
		add(traffic, stranger->rx_bytes, stranger->tx_bytes, seen);
	} else {
		stranger = traffic->strangers.n < TRAFFIC_STRANGERS_MAX ? calloc(1, sizeof *stranger)
									: NULL;
		if (!stranger)
			return;
		stranger->key = seen->public_key;
		if (!map_put(&traffic->strangers, stranger)) {
			free(stranger);
			return;
		}
	}
	traffic->n_seen += stranger->reading != traffic->reading;
	stranger->reading = traffic->reading;
	stranger->rx_bytes = seen->rx_bytes;
	stranger->tx_bytes = seen->tx_bytes;
}

void traffic_end(struct traffic *traffic)
{
	struct map kept;
	struct stranger *stranger;

	if (traffic->n_seen == traffic->strangers.n)
		return;
	map_init(&kept, struct stranger, key);
	for (size_t i = 0; (stranger = map_next(&traffic->strangers, &i));)
		if (stranger->reading != traffic->reading || !map_put(&kept, stranger))
			free(stranger);
	map_done(&traffic->strangers);
	traffic->strangers = kept;
}

void traffic_done(struct traffic *traffic)
{
	struct stranger *stranger;

	for (size_t i = 0; (stranger = map_next(&traffic->strangers, &i));)
		free(stranger);
	map_done(&traffic->strangers);
}
