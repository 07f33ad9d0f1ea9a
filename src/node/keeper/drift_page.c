/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/keeper/drift_page.h"

#include <stdlib.h>
#include <string.h>

#include "node/keeper/keeper.h"

enum { RECORDS_PER_CHUNK = (IPC_MAX - sizeof(struct ipc_meta)) / sizeof(struct ipc_drift) };

struct drift_page {
	struct wgkey after;
	size_t n, limit;
	uint64_t total; /* differences in all */
	bool more;
	struct ipc_drift at[];
};

struct drift_page *drift_page_new(const struct wgkey *after, size_t limit)
{
	struct drift_page *page = calloc(1, sizeof *page + limit * sizeof *page->at);

	if (page) {
		page->after = *after;
		page->limit = limit;
	}
	return page;
}

void drift_page_begin(struct drift_page *page)
{
	page->n = 0;
	page->total = 0;
	page->more = false;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wgkey)); /* records begin with their key */
}

static void sift_down(struct drift_page *page, size_t at, const struct ipc_drift *record)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < page->n && compare(&page->at[child + 1], &page->at[child]) > 0)
			child++;
		if (child >= page->n || compare(&page->at[child], record) <= 0)
			break;
		page->at[at] = page->at[child];
		at = child;
	}
	page->at[at] = *record;
}

static void sift_up(struct drift_page *page, size_t at, const struct ipc_drift *record)
{
	while (at > 0 && compare(&page->at[(at - 1) / 2], record) < 0) {
		page->at[at] = page->at[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	page->at[at] = *record;
}

void drift_page_add(struct drift_page *page, const struct ipc_drift *record)
{
	page->total++;
	if (compare(record, &page->after) <= 0)
		return;
	if (page->n < page->limit) {
		sift_up(page, page->n++, record);
		return;
	}
	page->more = true;
	if (compare(record, &page->at[0]) < 0)
		sift_down(page, 0, record);
}

void drift_page_send(struct keeper *k, uint64_t id, struct drift_page *page)
{
	size_t at = 0;

	qsort(page->at, page->n, sizeof *page->at, compare);
	do {
		size_t n = page->n - at < RECORDS_PER_CHUNK ? page->n - at : RECORDS_PER_CHUNK;
		struct ipc_meta meta = answer_meta(k);
		bool last = at + n == page->n;

		meta.n_records = (uint32_t)n;
		meta.total = page->total;
		meta.more = page->more;
		answer(k, id, last ? 0 : IPC_MORE, &meta, sizeof meta, page->at + at,
			n * sizeof *page->at);
		at += n;
	} while (at < page->n);
}
