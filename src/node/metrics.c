/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/metrics.h"

const uint64_t histogram_bounds[HISTOGRAM_BOUNDS] = { 1000, 5000, 10000, 25000, 50000, 100000, 250000,
	500000, 1000000, 2500000, 5000000 };

const char *const check_names[N_CHECKS] = { [CHECK_DEVICE] = "device", [CHECK_STORE] = "store",
	[CHECK_FORWARDING] = "forwarding", [CHECK_CLOCK] = "clock",
	[CHECK_CERTIFICATE] = "certificate", [CHECK_DISK] = "disk" };

_Static_assert(sizeof(struct peer_metrics) == 112, "peer_metrics has padding");

void histogram_add(struct histogram *histogram, int64_t us)
{
	uint64_t value = us > 0 ? (uint64_t)us : 0;
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && value > histogram_bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum_us += value;
}
