/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * POST /v1/batch. What is wrong with the body as a document fails the whole request; what a single call would
 * refuse is said of the element alone, and does not even reach the keeper where the gate can tell.
 */
#include "json/write.h"
#include "node/gate/native.h"

/* What is needed again when the answer comes. */
struct batch {
	const struct node_batch_op *in;
	size_t n, n_written;
	struct ipc_op *ops; /* what the keeper is asked, in order */
	size_t n_ops, n_answered;
	uint32_t *place;    /* of each of `ops` among `in` */
	struct err **wrong; /* of each of `in` that is not asked */
};

/*
 * Asking
 */

static int convert(const struct node_batch_op *in, struct ipc_op *op, struct err *err)
{
	bool has_peer = has_given(&in->has, NODE_BATCH_HAS_PEER);

	memset(op, 0, sizeof *op);
	if (in->op == NODE_BATCH_PUT) {
		op->type = IPC_PUT;
		if (!has_peer)
			return err_set(err, REASON_MISSING_FIELD, "peer", "'peer' is missing");
		if (has_given(&in->has, NODE_BATCH_HAS_GENERATION))
			return err_set(err, REASON_INVALID_FIELD, "generation",
				"the generation of a put stands in 'peer'");
		return native_fill_put(&in->peer, &in->id, &op->body.put, err);
	}
	if (has_peer)
		return err_set(err, REASON_INVALID_FIELD, "peer", "'peer' is for a put");
	op->type = IPC_END;
	op->body.end = (struct ipc_end){ in->id, in->generation };
	return native_check_id(&in->id, err);
}

static int convert_all(struct http_request *req, struct batch *batch, struct err *err)
{
	for (uint32_t i = 0; i < batch->n; i++) {
		struct err *wrong;

		if (convert(&batch->in[i], &batch->ops[batch->n_ops], err) >= 0) {
			batch->place[batch->n_ops++] = i;
			continue;
		}
		wrong = arena_alloc(req->arena, sizeof *wrong);
		if (!wrong)
			return arena_full(req->arena, err);
		*wrong = *err;
		batch->wrong[i] = wrong;
	}
	return 0;
}

static int send_piece(int fd, const struct ipc_head *head, const void *ctx, size_t i)
{
	const struct batch *batch = ctx;
	size_t first = i * IPC_PIECE_OPS, left = batch->n_ops - first;
	struct ipc_batch piece = { .total = (uint32_t)batch->n_ops, .first = (uint32_t)first,
		.n = (uint32_t)(left < IPC_PIECE_OPS ? left : IPC_PIECE_OPS) };

	return ipc_send(fd, head, &piece, sizeof piece, batch->ops + first,
		piece.n * sizeof *batch->ops);
}

static void wipe(struct batch *batch, const struct list *operations)
{
	struct node_batch_op *in = operations->at;

	explicit_bzero(batch->ops, batch->n * sizeof *batch->ops);
	for (size_t i = 0; i < operations->n; i++)
		wgkey_wipe(&in[i].peer.preshared_key);
}

/*
 * Answering
 */

static void begin_result(struct sbuf *out, struct batch *batch, int status)
{
	sbuf_printf(out, "%s{\"status\":%d,", batch->n_written++ ? "," : "", status);
}

static void put_wrong(struct http_request *req, struct batch *batch, const struct err *err)
{
	struct sbuf *out = &req->answer;

	begin_result(out, batch, err_status(err->reason));
	json_name(out, "problem", false);
	http_put_problem(out, err, req->id);
	sbuf_putc(out, '}');
}

/* Those before element `end` that the keeper was not asked about. */
static void put_wrong_until(struct http_request *req, struct batch *batch, size_t end)
{
	while (batch->n_written < end && batch->wrong[batch->n_written])
		put_wrong(req, batch, batch->wrong[batch->n_written]);
}

static void put_done(struct http_request *req, struct batch *batch, const struct ipc_result *result,
	const struct ipc_meta *meta, const struct node_batch_op *in)
{
	struct sbuf *out = &req->answer;
	struct node_deleted deleted;
	struct node_peer peer;

	if (result->type == IPC_END) {
		native_fill_deleted(&result->body.ended, &in->id, meta, &deleted);
		begin_result(out, batch, 200);
		json_name(out, "deleted", false);
		json_object(out, &node_deleted_type, &deleted);
		sbuf_putc(out, '}');
		return;
	}
	peer = native_peer(&result->body.peer, meta, false);
	begin_result(out, batch, 200);
	json_name(out, "peer", false);
	json_object(out, &node_peer_type, &peer);
	sbuf_putc(out, '}');
}

static int put_result(struct http_request *req, struct batch *batch, const struct ipc_result *result,
	const struct ipc_meta *meta, struct err *err)
{
	const struct node_batch_op *in;
	struct err wrong;

	if (batch->n_answered == batch->n_ops)
		return native_malformed(err);
	in = &batch->in[batch->place[batch->n_answered]];
	put_wrong_until(req, batch, batch->place[batch->n_answered]);
	batch->n_answered++;
	if (result->type == 0) {
		gate_error(&result->body.error, &wrong);
		put_wrong(req, batch, &wrong);
		return 0;
	}
	if ((result->type != IPC_PUT && result->type != IPC_END) ||
		(result->type == IPC_PUT && !memchr(result->body.peer.label, 0, IPC_LABEL_SIZE)))
		return native_malformed(err);
	put_done(req, batch, result, meta, in);
	return 0;
}

static int batch_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_result *results = records;
	struct batch *batch = p->req->query;
	struct sbuf *out = &p->req->answer;
	int r = 0;

	if (!out->len) {
		native_put_head(http_text(p->req, native_json_type), meta);
		sbuf_puts(out, ",\"results\":[");
	}
	if (len % sizeof *results != 0)
		return native_malformed(err);
	for (size_t i = 0; i < len / sizeof *results && r >= 0; i++)
		r = put_result(p->req, batch, &results[i], meta, err);
	if (r < 0 || more)
		return r;
	put_wrong_until(p->req, batch, batch->n);
	if (batch->n_written != batch->n)
		return native_malformed(err);
	sbuf_puts(out, "]}");
	return 0;
}

static struct batch *batch_new(struct arena *arena, const struct list *operations)
{
	struct batch *batch = arena_alloc(arena, sizeof *batch);

	if (!batch)
		return NULL;
	batch->in = operations->at;
	batch->n = operations->n;
	batch->ops = arena_alloc(arena, batch->n * sizeof *batch->ops + 1);
	batch->place = arena_alloc(arena, batch->n * sizeof *batch->place + 1);
	batch->wrong = arena_alloc(arena, batch->n * sizeof(struct err *) + 1);
	return batch->ops && batch->place && batch->wrong ? batch : NULL;
}

int native_batch(struct http_request *req, struct err *err)
{
	const struct node_batch *in = req->in;
	struct batch *batch = batch_new(req->arena, &in->operations);
	size_t n_pieces;
	int r;

	if (!batch)
		return arena_full(req->arena, err);
	req->query = batch; /* for the answer */
	r = convert_all(req, batch, err);
	n_pieces = batch->n_ops ? (batch->n_ops + IPC_PIECE_OPS - 1) / IPC_PIECE_OPS : 1;
	if (r >= 0)
		r = gate_ask_pieces(req, IPC_BATCH, n_pieces, send_piece, batch, batch_answer, err);
	wipe(batch, &in->operations);
	return r;
}
