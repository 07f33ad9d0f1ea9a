/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Prometheus' text exposition format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * A family's head, then its samples; escaping is done here and nowhere else.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/sbuf.h"
#include "node/metrics.h"

extern const char exposition_type[]; /* for Content-Type */

struct label {
	const char *name, *value;
};

/** "# HELP …" and "# TYPE …". */
void exposition_head(struct sbuf *out, const char *name, const char *type, const char *help);

/** A whole number. METRIC_NONE writes nothing, METRIC_INFINITE is +Inf. */
void exposition_number(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	uint64_t value);

/** Microseconds, written as seconds; otherwise likewise. */
void exposition_seconds(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	uint64_t us);

/** Buckets, sum and count of a histogram. */
void exposition_histogram(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	const struct histogram *histogram);
