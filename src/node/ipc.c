/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/time.h"
#include "base/utf8.h"
#include "log/log.h"
#include "node/ipc.h"

enum { MALFORMED_MAX = 64 };

/* 9999-12-31T23:59:59.999999Z: later ones have no date in RFC 3339 */
static const int64_t expires_max_us = INT64_C(253402300799999999);

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

int ipc_passed_fd(struct msghdr *msg)
{
	int only = -1, fd;
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof fd <= c->cmsg_len; at += sizeof fd) {
			memcpy(&fd, (const char *)c + at, sizeof fd);
			closep(&only);
			only = n++ == 0 ? fd : -1;
			if (n > 1)
				close(fd);
		}
	}
	return only;
}

/* A gate that has been taken over may send anything, as often as it likes. */
static void log_malformed(size_t bytes)
{
	static int64_t logged_us;
	int64_t now = time_monotonic_us();

	if (logged_us && now - logged_us < USEC_PER_SEC)
		return;
	logged_us = now;
	log_error("a malformed message between gate and keeper was dropped",
		LOG_INT("bytes", bytes));
}

/* An empty packet reads like the end of the socket, and whoever is at the other one can send some. */
static bool is_gone(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLRDHUP };

	return poll(&poll_fd, 1, 0) != 0;
}

static bool head_ok(const struct ipc_head *head, ssize_t n, int flags)
{
	return (size_t)n >= sizeof *head && !(flags & MSG_TRUNC) && head->version == IPC_VERSION &&
	       head->type > 0 && head->type < IPC_N_TYPES;
}

int ipc_receive(int fd, void *buf, struct ipc_message *ret_message)
{
	struct ipc_message message = { 0 };
	/* room for two, so that a second one is seen, and closed */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov[] = { { &message.head, sizeof message.head }, { buf, IPC_MAX } };

	for (int i = 0; i < MALFORMED_MAX; i++) {
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control,
			.msg_controllen = sizeof control };
		ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		message.fd = ipc_passed_fd(&msg);
		if (n == 0 && is_gone(fd))
			return -1;
		if (head_ok(&message.head, n, msg.msg_flags)) {
			message.len = (size_t)n - sizeof message.head;
			message.body = buf;
			*ret_message = message;
			return 1;
		}
		closep(&message.fd);
		log_malformed((size_t)n);
	}
	return 0;
}

/* Ends, and is UTF-8: it goes into the store, and from there into JSON. */
static bool text_ok(const char *text, size_t size)
{
	const char *end = memchr(text, 0, size);

	return end && utf8_ok((struct span){ text, (size_t)(end - text) });
}

static bool expiry_ok(int64_t us)
{
	return us >= 0 && us <= expires_max_us;
}

static bool families_ok(const uint8_t *families, unsigned n)
{
	if (n > 2 || (n == 2 && families[0] == families[1]))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (families[i] != IP_V4 && families[i] != IP_V6)
			return false;
	return true;
}

static bool address_ok(const struct cidr *address)
{
	struct cidr clean;

	if ((address->family != IP_V4 && address->family != IP_V6) ||
		address->bits != cidr_full_bits(address))
		return false;
	clean = cidr_network(address); /* nothing behind an IPv4 address: structs are compared */
	return cidr_equal(&clean, address);
}

static bool put_ok(const struct ipc_put *put)
{
	if (put->n_addresses > 2 || !families_ok(put->families, put->n_families))
		return false;
	for (unsigned i = 0; i < put->n_addresses; i++)
		if (!address_ok(&put->address[i]))
			return false;
	return text_ok(put->label, sizeof put->label) && put->suspended <= 1 &&
	       put->keeps_preshared_key <= 1 && put->generation >= 0 &&
	       expiry_ok(put->expires_us) && put->keepalive >= 0 && put->keepalive <= 65535;
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
	       expiry_ok(act->expires_us) && text_ok(act->label, sizeof act->label);
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

static bool request_ok(const struct ipc_message *m)
{
	const struct ipc_api_key_add *key = m->body;
	const struct ipc_create *create = m->body;
	const struct ipc_drift_ask *drift = m->body;
	const struct ipc_range *range = m->body;
	unsigned type = m->head.type;

	/* an answer goes to a number */
	if (m->head.id == 0 || type >= IPC_N_TYPES || !(requests[type].flags & R_REQUEST) ||
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
		return expiry_ok(create->expires_us) &&
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

bool ipc_request_ok(const struct ipc_message *message)
{
	bool ok = request_ok(message);

	if (!ok)
		log_malformed(message->len);
	return ok;
}
