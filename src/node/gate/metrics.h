/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The metrics: one table, with name, type, help, labels, and where the values come from.
 *
 * docs/observability.md has the same table, which a test compares.
 */

#include "base/sbuf.h"
#include "http/http.h"
#include "node/metrics.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum metric_unit {
	UNIT_NUMBER,  /* as it is */
	UNIT_SECONDS, /* microseconds */
	UNIT_AGE,     /* microseconds since 1970, told as the time since; never: +Inf */
};

/** Where values are: the struct that `offset` is in, or an array that a writer knows. */
enum metric_from { FROM_KEEPER, FROM_GATE, FROM_HTTP, FROM_HTTP_TIME, FROM_PEER };

enum { METRIC_LABELS_MAX = 3 };

struct metric_label {
	const char *name;
	const char *const *words; /* the values, in the array's order; NULL: the writer knows */
	size_t n;
};

struct metric {
	const char *name;
	enum metric_type type;
	enum metric_unit unit;
	enum metric_from from;
	size_t offset, size; /* of one value, or of an array of as many as the labels' words say */
	struct metric_label label[METRIC_LABELS_MAX];
	const char *help; /* a sentence without its full stop */
};

extern const struct metric metrics[];
extern const size_t n_metrics;

const char *metric_type_word(enum metric_type type);

/** What the gate counts of one route, or of one method without a route. */
enum status_class { CLASS_2XX, CLASS_3XX, CLASS_4XX, CLASS_5XX, CLASS_UNKNOWN, N_CLASSES };

struct http_meter {
	uint64_t classes[N_CLASSES];
	struct histogram time;
};

/** One for each row of `routes`, then one for each method (enum http_method) without a route. */
struct http_meters {
	const struct route *routes;
	size_t n_routes;
	struct http_meter *at;
};

/** REASON_NO_MEMORY. */
int http_meters_init(struct http_meters *meters, const struct route *routes, size_t n_routes,
	struct err *err) must_check;

/** Counts a request that was answered (or never was: class unknown). */
void http_meters_add(struct http_meters *meters, const struct http_request *req);

void http_meters_done(struct http_meters *meters);

/** The gate's own numbers. */
struct gate_metrics {
	uint64_t one, keeper_up, authenticated_us; /* the last: since then; METRIC_INFINITE: never */
	struct process_metrics processes;
};

/** All that one scrape tells. */
struct scrape {
	struct gate_metrics gate;
	const struct http_meters *http;
	const struct node_metrics *node; /* NULL: the keeper is away */
	const char *interface;
	const struct peer_metrics *peers;
	size_t n_peers;
	uint64_t now_us;

	size_t row, at; /* how far metrics_write_peers() is */
	size_t sent;    /* how far the sender is in what was written last */
};

/** Writes every family but those of single peers. */
void metrics_write(struct sbuf *out, const struct scrape *scrape);

/** Writes some more of the families of single peers, at least `enough` bytes unless it is the rest. False:
 * that was all. */
bool metrics_write_peers(struct sbuf *out, struct scrape *scrape, size_t enough);
