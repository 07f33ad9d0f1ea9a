/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What the keeper counts and knows for /metrics, as it goes to the gate.
 *
 * Plain numbers in arrays that the gate's table (gate/metrics.c) has the names for.
 * Counters live in the keeper's own copy and only grow; gauges are filled in for each
 * scrape. Times are microseconds.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/key.h"
#include "base/uuid.h"

/** A gauge that is not known now: no sample is written. */
#define METRIC_NONE UINT64_MAX
/** One that is without bound, such as the time since what never happened. */
#define METRIC_INFINITE (UINT64_MAX - 1)

enum { HISTOGRAM_BOUNDS = 11 };

/** Upper bounds, in microseconds: the published ones, .001 to 5 s. */
extern const uint64_t histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* by bucket, not cumulated; the last is beyond all */
	uint64_t sum_us;
};

/** Adds one observation; a negative one counts as 0. */
void histogram_add(struct histogram *histogram, int64_t us);

enum peer_op { PEER_CREATE, PEER_ROTATE, PEER_UPDATE, PEER_DELETE, PEER_EXPIRE, N_PEER_OPS };

enum op_result {
	RESULT_SUCCESS,
	RESULT_NO_IP,
	RESULT_PERSIST,
	RESULT_FAMILY,
	RESULT_NOT_FOUND,
	RESULT_DEVICE,
	RESULT_CONFLICT,
	RESULT_INVALID,
	RESULT_INTERNAL,
	N_OP_RESULTS,
};

enum peer_gauge {
	GAUGE_POSSIBLE,
	GAUGE_ISSUED,
	GAUGE_ACTIVE,
	GAUGE_CONNECTED,
	GAUGE_SUSPENDED,
	N_PEER_GAUGES,
};

enum drift_kind { DRIFT_UNMANAGED, DRIFT_ALTERED, DRIFT_MISSING, N_DRIFT_KINDS };
enum pool_gauge { POOL_POSSIBLE, POOL_USED, POOL_RESTING, N_POOL_GAUGES };
enum { N_FAMILIES = 2, N_FORWARDINGS = 3 };
enum process { PROCESS_MAIN, PROCESS_KEEPER, PROCESS_GATE, N_PROCESSES };

/** What /v1/ready looks at. */
enum check { CHECK_DEVICE, CHECK_STORE, CHECK_FORWARDING, CHECK_CLOCK, CHECK_CERTIFICATE, CHECK_DISK,
	N_CHECKS };

extern const char *const check_names[N_CHECKS];

struct process_metrics {
	uint64_t start_us[N_PROCESSES]; /* since 1970 */
	uint64_t cpu_us[N_PROCESSES], resident_bytes[N_PROCESSES], open_fds[N_PROCESSES];
};

struct node_metrics {
	/* counters */
	uint64_t ops[N_PEER_OPS][N_OP_RESULTS];
	struct histogram op_time[N_PEER_OPS];
	uint64_t rollbacks[2], rollbacks_failed; /* of PEER_CREATE and PEER_ROTATE */
	uint64_t rx_bytes, tx_bytes;
	struct histogram commit_time, read_time;
	uint64_t commits_failed, reads_failed;

	/* gauges */
	uint64_t peers[N_PEER_GAUGES], stale;
	uint64_t drift[N_DRIFT_KINDS];
	uint64_t pools[N_FAMILIES][N_POOL_GAUGES]; /* IPv4, IPv6 */
	uint64_t forwarding[N_FORWARDINGS];        /* one of ok, off, blocked is 1 */
	uint64_t checks[N_CHECKS];                 /* 1: nothing to say */
	uint64_t revision, ended, read_age_us, cert_expires_us, disk_free_bytes;
	struct process_metrics processes;

	uint64_t n_series, capped; /* peers that follow as struct peer_metrics; left out */
};

/** One peer of the device and the store. */
struct peer_metrics {
	struct uuid id;
	struct wgkey public_key;
	struct cidr address[2]; /* IPv4, IPv6; family IP_NONE: has none */
	uint8_t reserved[4];    /* no padding: records travel as they are */
	uint64_t rx_bytes, tx_bytes, handshake_us; /* as the device has them; 0: never */
};
