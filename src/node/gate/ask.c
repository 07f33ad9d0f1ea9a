/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Requests that the keeper has: sent, remembered until its answer comes, given up when it does not. */
#include <stdio.h>
#include <stdlib.h>

#include "node/gate/gate.h"

static void link_pending(struct gate *gate, struct pending *p)
{
	p->prev = gate->newest;
	if (gate->newest)
		gate->newest->next = p;
	else
		gate->oldest = p;
	gate->newest = p;
}

static void drop_pending(struct gate *gate, struct pending *p)
{
	map_del(&gate->pending, &p->id);
	if (p->prev)
		p->prev->next = p->next;
	else
		gate->oldest = p->next;
	if (p->next)
		p->next->prev = p->prev;
	else
		gate->newest = p->prev;
	free(p);
}

void gate_finish(struct gate *gate, struct pending *p, int r, const struct err *err)
{
	struct http_request *req = p->req;

	drop_pending(gate, p);
	http_finish(req, r, err);
}

struct one_piece {
	const void *body;
	size_t len;
};

static int send_one(int fd, const struct ipc_head *head, const void *ctx, size_t i)
{
	const struct one_piece *one = ctx;

	(void)i;
	return ipc_send(fd, head, one->body, one->len, NULL, 0);
}

int gate_ask(struct http_request *req, enum ipc_type type, const void *body, size_t len,
	gate_on_answer *on_answer, struct err *err)
{
	struct one_piece one = { body, len };

	return gate_ask_pieces(req, type, 1, send_one, &one, on_answer, err);
}

/* What the strict surface does not take is not passed over either. */
static int check_no_body(const struct http_request *req, struct err *err)
{
	if (gate_is_native(req) && !req->route->in && req->body.len)
		return err_set(err, REASON_INVALID_JSON, NULL, "this call takes no body");
	return 0;
}

int gate_ask_pieces(struct http_request *req, enum ipc_type type, size_t n_pieces,
	int (*piece)(int fd, const struct ipc_head *head, const void *ctx, size_t i), const void *ctx,
	gate_on_answer *on_answer, struct err *err)
{
	struct gate *gate = req->app;
	struct ipc_head head = { .version = IPC_VERSION, .type = (uint16_t)type,
		.origin.source = req->source };
	struct pending *p = NULL;
	int r = check_no_body(req, err);

	if (r < 0)
		return r;
	if (req->caller)
		head.caller = *(const struct digest *)req->caller;
	else
		head.flags = IPC_ANYONE; /* readiness is open to all */
	if (gate->pending.n < GATE_PENDING_MAX)
		p = calloc(1, sizeof *p);
	if (!p)
		return err_set(err, REASON_BUSY, NULL, "too many requests are waiting; try again");
	head.id = p->id = ++gate->last_id;
	snprintf(head.origin.request_id, sizeof head.origin.request_id, "%s", req->id);
	r = 1;
	for (size_t i = 0; i < n_pieces && r > 0; i++)
		r = piece(gate->ipc_fd, &head, ctx, i);
	if (r <= 0 || !map_put(&gate->pending, p)) {
		free(p);
		return r == 0 ? err_set(err, REASON_BUSY, NULL,
					"too many requests are waiting; try again")
			      : err_set(err, REASON_KEEPER_AWAY, NULL,
					"the node is restarting; try again");
	}
	p->req = req;
	p->on_answer = on_answer;
	p->since_us = time_monotonic_us();
	p->patience_us = type == IPC_METRICS || type == IPC_READY ? GATE_PROBE_US : GATE_TIMEOUT_US;
	p->is_change = ipc_is_change(type);
	link_pending(gate, p);
	return HTTP_PENDING;
}

static int away(const struct pending *p, struct err *err)
{
	if (p->is_change)
		return err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
			"the node restarted meanwhile; look whether the change was made");
	return err_set(err, REASON_KEEPER_AWAY, NULL, "the node is restarting; try again");
}

void gate_give_up_all(struct gate *gate)
{
	struct err err;

	while (gate->oldest) {
		int r = away(gate->oldest, &err);

		gate_finish(gate, gate->oldest, r, &err);
	}
}

void gate_give_up_old(struct gate *gate)
{
	int64_t now = time_monotonic_us();
	struct pending *p = gate->oldest, *next;
	struct err err;

	for (; p; p = next) {
		next = p->next;
		if (now - p->since_us > p->patience_us)
			gate_finish(gate, p, away(p, &err), &err);
	}
}
