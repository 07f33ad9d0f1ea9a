/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * A page of the list of differences: the `limit` smallest keys behind `after`, whatever order they come
 * in. A heap with the largest of them on top, so that a page of any device costs no more than itself.
 */

#include "node/ipc.h"

struct keeper;
struct drift_page;

/** To be freed with free(). NULL without memory. */
struct drift_page *drift_page_new(const struct wgkey *after, size_t limit);

/** Forgets what came so far. */
void drift_page_begin(struct drift_page *page);

void drift_page_add(struct drift_page *page, const struct ipc_drift *record);

/** Answers a request with it, in the order of the keys. */
void drift_page_send(struct keeper *k, uint64_t id, struct drift_page *page);
