/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "log/log.h"
#include "node/ipc.h"

static_assert(sizeof(struct ipc_head) == 120, "ipc_head has padding, which would travel");
static_assert(sizeof(struct ipc_batch) + IPC_PIECE_OPS * sizeof(struct ipc_op) <= IPC_MAX,
	"a piece of a batch is one message");
static_assert(sizeof(struct ipc_batch) % _Alignof(struct ipc_op) == 0, "its operations are aligned");
static_assert(sizeof(struct ipc_checkpoint) <= IPC_MAX, "a checkpoint is one message");
static_assert(sizeof(struct ipc_meta) % 8 == 0, "what follows a meta is aligned");

enum request_flag { R_REQUEST = 1, R_CHANGE = 2, R_OPEN = 4 };

/* Requests: the size of each one's body (of a batch: of its head), and whether it changes something. A type
 * without a row is none. */
/* clang-format off */
static const struct {
	unsigned flags;
	size_t size;
} requests[IPC_N_TYPES] = {
	[IPC_STATS] =       { R_REQUEST | R_OPEN, 0 },
	[IPC_NODE] =        { R_REQUEST, 0 },
	[IPC_LIST] =        { R_REQUEST, sizeof(struct ipc_range) },
	[IPC_GET] =         { R_REQUEST, sizeof(struct ipc_id) },
	[IPC_CHANGES] =     { R_REQUEST, sizeof(struct ipc_range) },
	[IPC_COUNTERS] =    { R_REQUEST, sizeof(struct ipc_range) },
	[IPC_KEY] =         { R_REQUEST, sizeof(struct ipc_key) },
	[IPC_DRIFT] =       { R_REQUEST, sizeof(struct ipc_drift_ask) },
	[IPC_API_KEYS] =    { R_REQUEST, 0 },
	[IPC_WITNESS] =     { R_REQUEST, 0 },
	[IPC_READY] =       { R_REQUEST, 0 },
	[IPC_METRICS] =     { R_REQUEST | R_OPEN, 0 }, /* the gate looks at its token */
	[IPC_CREATE] =      { R_REQUEST | R_CHANGE, sizeof(struct ipc_create) },
	[IPC_REMOVE] =      { R_REQUEST | R_CHANGE, sizeof(struct ipc_id) },
	[IPC_PUT] =         { R_REQUEST | R_CHANGE, sizeof(struct ipc_put) },
	[IPC_END] =         { R_REQUEST | R_CHANGE, sizeof(struct ipc_end) },
	[IPC_BATCH] =       { R_REQUEST | R_CHANGE, sizeof(struct ipc_batch) },
	[IPC_DRIFT_ACT] =   { R_REQUEST | R_CHANGE, sizeof(struct ipc_drift_act) },
	[IPC_API_KEY_ADD] = { R_REQUEST | R_CHANGE, sizeof(struct ipc_api_key_add) },
	[IPC_API_KEY_END] = { R_REQUEST | R_CHANGE, sizeof(struct ipc_number) },
	[IPC_CHECKPOINT] =  { R_REQUEST | R_CHANGE, sizeof(struct ipc_checkpoint) },
};
/* clang-format on */

bool ipc_is_change(unsigned type)
{
	return type < IPC_N_TYPES && (requests[type].flags & R_CHANGE);
}

bool ipc_is_open(unsigned type)
{
	return type < IPC_N_TYPES && (requests[type].flags & R_OPEN);
}

static int sent(ssize_t n)
{
	if (n >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : -1;
}

int ipc_send(int fd, const struct ipc_head *head, const void *body, size_t len, const void *more,
	size_t more_len)
{
	struct iovec iov[] = { { (void *)(uintptr_t)head, sizeof *head },
		{ (void *)(uintptr_t)body, len }, { (void *)(uintptr_t)more, more_len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };

	return sent(sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int ipc_send_fd(int fd, const struct ipc_head *head, const void *body, size_t len, int passed)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov[] = { { (void *)(uintptr_t)head, sizeof *head },
		{ (void *)(uintptr_t)body, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (passed >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof control;
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &passed, sizeof passed);
	}
	return sent(sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int passed_fd(struct msghdr *msg)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
			c->cmsg_len == CMSG_LEN(sizeof fd))
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

int ipc_receive(int fd, void *buf, struct ipc_message *ret_message)
{
	struct ipc_message message = { 0 };
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov[] = { { &message.head, sizeof message.head }, { buf, IPC_MAX } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control,
		.msg_controllen = sizeof control };

	ssize_t n;

	for (;;) {
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0)
			return -1;
		message.fd = passed_fd(&msg);
		if ((size_t)n >= sizeof message.head && !(msg.msg_flags & MSG_TRUNC) &&
			message.head.version == IPC_VERSION && message.head.type > 0 &&
			message.head.type < IPC_N_TYPES)
			break;
		log_error("a malformed message between gate and keeper was dropped",
			LOG_INT("bytes", n));
		closep(&message.fd);
		msg.msg_controllen = sizeof control;
	}
	message.len = (size_t)n - sizeof message.head;
	message.body = buf;
	*ret_message = message;
	return 1;
}

static bool text_ok(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static bool families_ok(const uint8_t *families, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (families[i] != IP_V4 && families[i] != IP_V6)
			return false;
	return n <= 2 && !(n == 2 && families[0] == families[1]);
}

static bool address_ok(const struct cidr *address)
{
	return (address->family == IP_V4 || address->family == IP_V6) &&
	       address->bits == cidr_full_bits(address);
}

static bool put_ok(const struct ipc_put *put)
{
	if (put->n_addresses > 2 || !families_ok(put->families, put->n_families > 2 ? 3 : put->n_families))
		return false;
	for (unsigned i = 0; i < put->n_addresses; i++)
		if (!address_ok(&put->address[i]))
			return false;
	return text_ok(put->label, sizeof put->label) && put->suspended <= 1 &&
	       put->generation >= 0 && put->expires_us >= 0 && put->keepalive >= 0 &&
	       put->keepalive <= 65535;
}

static bool batch_ok(const struct ipc_message *m)
{
	const struct ipc_batch *batch = m->body;
	const struct ipc_op *ops = (const void *)(batch + 1);

	if (batch->n > IPC_PIECE_OPS || batch->total > NODE_BATCH_MAX || batch->first > batch->total ||
		batch->n > batch->total - batch->first ||
		m->len != sizeof *batch + batch->n * sizeof *ops)
		return false;
	for (uint32_t i = 0; i < batch->n; i++)
		if (ops[i].type == IPC_PUT ? !put_ok(&ops[i].body.put)
					   : ops[i].type != IPC_END || ops[i].body.end.generation < 0)
			return false;
	return true;
}

static bool drift_act_ok(const struct ipc_drift_act *act)
{
	return word_text(node_drift_act_words, act->action) && act->generation >= 0 &&
	       act->expires_us >= 0 && text_ok(act->label, sizeof act->label);
}

static bool prefix_ok(const struct cidr *prefix)
{
	return prefix->family == IP_NONE ||
	       ((prefix->family == IP_V4 || prefix->family == IP_V6) &&
		       prefix->bits <= cidr_full_bits(prefix));
}

static bool checkpoint_ok(const struct ipc_checkpoint *in)
{
	return text_ok(in->note, sizeof in->note) && text_ok(in->log_key, sizeof in->log_key) &&
	       text_ok(in->predecessor, sizeof in->predecessor) && in->old_size <= INT64_MAX &&
	       in->n_proof <= NODE_PROOF_MAX && in->n_entry_proof <= NODE_PROOF_MAX &&
	       in->entry_len <= sizeof in->entry && in->succeeds <= 1;
}

bool ipc_request_ok(const struct ipc_message *m)
{
	const struct ipc_api_key_add *key = m->body;
	const struct ipc_create *create = m->body;
	const struct ipc_drift_ask *drift = m->body;
	const struct ipc_range *range = m->body;
	unsigned type = m->head.type;

	if (type >= IPC_N_TYPES || !(requests[type].flags & R_REQUEST) ||
		m->len < requests[type].size ||
		(type != IPC_BATCH && m->len != requests[type].size) ||
		!prefix_ok(&m->head.origin.source) ||
		!text_ok(m->head.origin.request_id, sizeof m->head.origin.request_id))
		return false;
	switch (type) {
	case IPC_LIST:
	case IPC_CHANGES:
	case IPC_COUNTERS:
		return range->after >= 0 && range->offset >= 0 && range->limit >= 0;
	case IPC_CREATE:
		return create->n_families <= 2 && create->expires_us >= 0 &&
		       families_ok(create->families, create->n_families);
	case IPC_PUT: return put_ok(m->body);
	case IPC_END: return ((const struct ipc_end *)m->body)->generation >= 0;
	case IPC_BATCH: return batch_ok(m);
	case IPC_DRIFT: return drift->limit > 0 && drift->limit <= NODE_PAGE_MAX;
	case IPC_DRIFT_ACT: return drift_act_ok(m->body);
	case IPC_API_KEY_ADD: return key->expires_us >= 0 && prefix_ok(&key->source);
	case IPC_CHECKPOINT: return checkpoint_ok(m->body);
	default: return true;
	}
}
