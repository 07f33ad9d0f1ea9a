/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "node/keeper/top.h"

static int compare_ids(const void *a, const void *b)
{
	const struct ranked *one = a, *other = b;

	return memcmp(&one->peer->id, &other->peer->id, sizeof one->peer->id);
}

static bool behind(const struct ranked *a, const struct ranked *b)
{
	return a->moved != b->moved ? a->moved < b->moved : compare_ids(a, b) > 0;
}

int top_init(struct top *top, size_t max, struct err *err)
{
	*top = (struct top){ .max = max };
	top->at = calloc(max + 1, sizeof *top->at);
	return top->at ? 0 : err_nomem(err);
}

static void rise(struct top *top, size_t i, struct ranked new)
{
	for (; i > 0 && behind(&new, &top->at[(i - 1) / 2]); i = (i - 1) / 2)
		top->at[i] = top->at[(i - 1) / 2];
	top->at[i] = new;
}

static void sink(struct top *top, struct ranked new)
{
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < top->n; i = child) {
		if (child + 1 < top->n && behind(&top->at[child + 1], &top->at[child]))
			child++;
		if (!behind(&top->at[child], &new))
			break;
		top->at[i] = top->at[child];
	}
	top->at[i] = new;
}

void top_add(struct top *top, uint64_t moved, const struct peer *peer)
{
	struct ranked new = { moved, peer };

	if (top->n < top->max) {
		rise(top, top->n++, new);
		return;
	}
	top->left_out++;
	if (top->n && behind(&top->at[0], &new))
		sink(top, new);
}

void top_sort(struct top *top)
{
	qsort(top->at, top->n, sizeof *top->at, compare_ids);
}

void top_done(struct top *top)
{
	free(top->at);
}
