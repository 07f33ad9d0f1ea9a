/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Batches: up to a thousand changes in one request, one commit and one call of the device. An element that is
 * refused does not keep the others; one that fails half way takes all of them along.
 *
 * A request is larger than a message, so it comes in pieces. They are only gathered here: nothing is touched
 * before the last one, and what is gathered of a batch whose gate has died, or has given it up, is dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "node/keeper/keeper.h"

enum { BULKS_MAX = 8, RESULTS_PER_CHUNK = (IPC_MAX - sizeof(struct ipc_meta)) / sizeof(struct ipc_result) };

struct gathering {
	uint64_t id; /* of the request; 0: empty */
	size_t n, total;
	struct ipc_op ops[NODE_BATCH_MAX];
};

struct bulk {
	uint64_t id;
	size_t n, left; /* one more than there are elements while they are being staged */
	struct ipc_result results[];
};

static void fail(struct keeper *k, uint64_t id, enum err_reason reason, const char *text)
{
	struct err err;

	(void)err_set(&err, reason, NULL, "%s", text);
	answer_error(k, id, &err);
}

/*
 * Outcomes
 */

static void answer_all(struct keeper *k, struct bulk *bulk)
{
	size_t at = 0;

	do {
		size_t n = bulk->n - at < RESULTS_PER_CHUNK ? bulk->n - at : RESULTS_PER_CHUNK;
		struct ipc_meta meta = answer_meta(k);

		meta.n_records = (uint32_t)n;
		answer(k, bulk->id, at + n < bulk->n ? IPC_MORE : 0, &meta, sizeof meta,
			bulk->results + at, n * sizeof *bulk->results);
		at += n;
	} while (at < bulk->n);
}

static void release(struct keeper *k, struct bulk *bulk)
{
	if (--bulk->left > 0)
		return;
	answer_all(k, bulk);
	k->n_bulks--;
	free(bulk);
}

void bulk_done(struct keeper *k, struct bulk *bulk, uint32_t index, const struct ipc_result *result)
{
	bulk->results[index] = *result;
	release(k, bulk);
}

/*
 * The whole
 */

static void stage_all(struct keeper *k, struct bulk *bulk, const struct gathering *g,
	const struct ipc_origin *origin, const struct author *author)
{
	struct err err;
	int r = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct ipc_op *in = &g->ops[i];
		struct op *op = op_new(g->id, in->type, (const void *)&in->body, author);

		if (!op) {
			struct ipc_result result = { .type = 0 };

			(void)err_nomem(&err);
			answer_fill_error(&result.body.error, &err);
			bulk_done(k, bulk, i, &result);
			continue;
		}
		op->origin = *origin;
		op->bulk = bulk;
		op->index = i;
		if (r >= 0) {
			r = change_stage(k, op, &in->body, &err);
		} else { /* the transaction is gone, and those before with it */
			op_fail(k, op, &err);
			op_free(op);
		}
	}
}

static void run(struct keeper *k, const struct gathering *g, const struct ipc_origin *origin,
	const struct author *author)
{
	struct bulk *bulk;

	if (k->n_bulks >= BULKS_MAX) {
		fail(k, g->id, REASON_BUSY, "too many batches are under way; try again");
		return;
	}
	bulk = calloc(1, sizeof *bulk + g->n * sizeof *bulk->results);
	if (!bulk) {
		fail(k, g->id, REASON_NO_MEMORY, "out of memory");
		return;
	}
	k->n_bulks++;
	bulk->id = g->id;
	bulk->n = g->n;
	bulk->left = g->n + 1;
	stage_all(k, bulk, g, origin, author);
	release(k, bulk);
}

/*
 * Pieces
 */

void bulk_forget(struct keeper *k)
{
	if (!k->gathering)
		return;
	explicit_bzero(k->gathering, sizeof *k->gathering);
	free(TAKE(k->gathering));
}

/* Whether the piece is the next one of what is gathered, or the first of another batch. */
static bool accept(struct gathering *g, uint64_t id, const struct ipc_batch *piece)
{
	if (piece->first == 0) {
		explicit_bzero(g, sizeof *g);
		g->id = id;
		g->total = piece->total;
	}
	return g->id == id && g->total == piece->total && g->n == piece->first;
}

void bulk_take(struct keeper *k, const struct ipc_message *message, const struct author *author)
{
	const struct ipc_batch *piece = message->body;
	struct gathering *g = k->gathering;

	if (!g)
		g = k->gathering = calloc(1, sizeof *g);
	if (!g) {
		fail(k, message->head.id, REASON_NO_MEMORY, "out of memory");
		return;
	}
	if (!accept(g, message->head.id, piece)) {
		fail(k, message->head.id, REASON_KEEPER_AWAY, "the node is restarting; try again");
		bulk_forget(k);
		return;
	}
	memcpy(g->ops + g->n, piece + 1, piece->n * sizeof *g->ops);
	g->n += piece->n;
	if (g->n < g->total) {
		k->n_asked--; /* one answer for all pieces */
		return;
	}
	run(k, g, &message->head.origin, author);
	bulk_forget(k);
}
