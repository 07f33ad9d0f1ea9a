/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* GET /v1/ready: what /readyz keeps from strangers. */
#include "model/node_api.h"
#include "model/node_ready.h"
#include "node/gate/native.h"

static bool check_ok(const struct ipc_check *check)
{
	return check->state >= NODE_CHECK_OK && check->state <= NODE_CHECK_FAILED &&
	       memchr(check->detail, 0, sizeof check->detail) &&
	       memchr(check->remedy, 0, sizeof check->remedy);
}

static int ready_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_ready *in = records;
	struct node_ready *out = p->req->out;
	struct node_check *checks = arena_alloc(p->req->arena, N_CHECKS * sizeof *checks);

	(void)more;
	if (!checks)
		return arena_full(p->req->arena, err);
	for (unsigned i = 0; i < N_CHECKS; i++) {
		if (len != sizeof *in || !check_ok(&in->checks[i]))
			return err_set(err, REASON_INTERNAL, NULL,
				"a malformed answer from the keeper");
		checks[i] = (struct node_check){ .name = check_names[i], .state = in->checks[i].state,
			.detail = arena_strdup(p->req->arena, in->checks[i].detail),
			.remedy = in->checks[i].remedy[0]
					  ? arena_strdup(p->req->arena, in->checks[i].remedy)
					  : NULL };
		if (!checks[i].detail)
			return arena_full(p->req->arena, err);
	}
	*out = (struct node_ready){ .epoch = meta->epoch, .revision = meta->revision,
		.ready = meta->device == NODE_DEVICE_READY, .checks = { checks, N_CHECKS } };
	p->req->status = out->ready ? 200 : 503;
	return 0;
}

int native_ready(struct http_request *req, struct err *err)
{
	return gate_ask(req, IPC_READY, NULL, 0, ready_answer, err);
}
