/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys of this API, and audit checkpoints. */
#include <stdio.h>

#include "base/parse.h"
#include "json/write.h"
#include "node/gate/native.h"

/*
 * Keys
 */

static void fill_key(const struct ipc_api_key *in, struct node_api_key *out)
{
	bool expired = in->expires_us && in->expires_us <= time_now().us;

	*out = (struct node_api_key){ .id = in->number, .origin = in->origin,
		.state = in->retired_us ? NODE_KEY_RETIRED
			 : expired	? NODE_KEY_EXPIRED
					: NODE_KEY_LIVE,
		.current = in->is_current != 0, .source = in->source,
		.last_used_from = in->last_used_from, .created_at = { in->created_us },
		.expires_at = { in->expires_us }, .retired_at = { in->retired_us },
		.last_used_at = { in->last_used_us } };
}

static int keys_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_api_key *in = records;
	struct node_api_keys *out = p->req->out;
	size_t n = len / sizeof *in;
	struct node_api_key *keys = arena_alloc(p->req->arena, n * sizeof *keys + 1);

	(void)more;
	if (!keys)
		return arena_full(p->req->arena, err);
	if (len % sizeof *in != 0)
		return native_malformed(err);
	for (size_t i = 0; i < n; i++)
		fill_key(&in[i], &keys[i]);
	*out = (struct node_api_keys){ meta->epoch, meta->revision, { keys, n } };
	return 0;
}

int native_api_keys(struct http_request *req, struct err *err)
{
	return gate_ask(req, IPC_API_KEYS, NULL, 0, keys_answer, err);
}

static int key_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	struct node_api_key_answer *out = p->req->out;

	(void)more;
	if (len != sizeof(struct ipc_api_key))
		return native_malformed(err);
	out->epoch = meta->epoch;
	out->revision = meta->revision;
	fill_key(records, &out->api_key);
	return 0;
}

int native_api_key_add(struct http_request *req, struct err *err)
{
	const struct node_api_key_new *in = req->in;
	struct ipc_api_key_add ask;

	memset(&ask, 0, sizeof ask);
	if (!parse_hex(span_of(in->sha256), ask.digest.bytes, DIGEST_SIZE))
		return err_set(err, REASON_INVALID_FIELD, "sha256",
			"'sha256' must be 64 hexadecimal digits: SHA-256 of the key's text");
	if (in->expires_at.us < 0)
		return err_set(err, REASON_INVALID_EXPIRES_AT, "expiresAt",
			"expiresAt must be in the future, or null");
	ask.expires_us = in->expires_at.us;
	if (in->source.family)
		ask.source = cidr_network(&in->source);
	return gate_ask(req, IPC_API_KEY_ADD, &ask, sizeof ask, key_answer, err);
}

int native_api_key_end(struct http_request *req, struct err *err)
{
	struct ipc_number ask = { .number = 0 };

	if (!parse_i64(span_of(req->param[0]), 1, INT64_MAX, &ask.number))
		return err_set(err, REASON_KEY_NOT_FOUND, "id", "there is no such key");
	return gate_ask(req, IPC_API_KEY_END, &ask, sizeof ask, key_answer, err);
}

/*
 * Checkpoints
 */

static bool held_ok(const struct ipc_held *in)
{
	return memchr(in->checkpoint.origin, 0, sizeof in->checkpoint.origin) &&
	       memchr(in->note, 0, sizeof in->note) &&
	       memchr(in->log_key, 0, sizeof in->log_key) &&
	       memchr(in->predecessor, 0, sizeof in->predecessor);
}

/* Texts are copied: the record is gone before the answer is written. */
static int fill_checkpoint(struct arena *arena, const struct ipc_held *in, struct node_checkpoint *out,
	struct err *err)
{
	struct span root = { (const char *)in->checkpoint.root.bytes, DIGEST_SIZE };

	*out = (struct node_checkpoint){ .origin = arena_strdup(arena, in->checkpoint.origin),
		.size = (int64_t)in->checkpoint.size,
		.root_hash = { (const uint8_t *)arena_strndup(arena, root), DIGEST_SIZE },
		.checkpoint = arena_strdup(arena, in->note), .received_at = { in->at_us } };
	if (!out->origin || !out->root_hash.at || !out->checkpoint)
		return arena_full(arena, err);
	return 0;
}

static int checkpoint_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	struct node_checkpoint_answer *out = p->req->out;

	(void)more;
	if (len != sizeof(struct ipc_held) || !held_ok(records))
		return native_malformed(err);
	out->epoch = meta->epoch;
	out->revision = meta->revision;
	return fill_checkpoint(p->req->arena, records, &out->held, err);
}

/* Hashes of a proof, each base64 of 32 bytes. */
static int fill_proof(const struct list *in, struct digest out[NODE_PROOF_MAX], uint32_t *ret_n,
	const char *field, struct err *err)
{
	const struct blob *hashes = in->at;

	for (size_t i = 0; i < in->n; i++) {
		if (hashes[i].len != DIGEST_SIZE)
			return err_set(err, REASON_INVALID_FIELD, field,
				"each hash of a proof is 32 bytes, in base64");
		memcpy(out[i].bytes, hashes[i].at, DIGEST_SIZE);
	}
	*ret_n = (uint32_t)in->n;
	return 0;
}

static int fill_succession(const struct node_succession *in, struct ipc_checkpoint *ask,
	struct err *err)
{
	if (in->entry.len > sizeof ask->entry)
		return err_set(err, REASON_INVALID_FIELD, "succession.entry",
			"the entry is longer than %d bytes", NODE_ENTRY_MAX);
	ask->succeeds = 1;
	ask->entry_len = (uint32_t)in->entry.len;
	memcpy(ask->entry, in->entry.at, in->entry.len);
	snprintf(ask->predecessor, sizeof ask->predecessor, "%s", in->predecessor);
	return fill_proof(&in->proof, ask->entry_proof, &ask->n_entry_proof, "succession.proof", err);
}

int native_checkpoint_put(struct http_request *req, struct err *err)
{
	const struct node_checkpoint_put *in = req->in;
	struct ipc_checkpoint *ask = arena_alloc(req->arena, sizeof *ask);
	int r;

	if (!ask)
		return arena_full(req->arena, err);
	snprintf(ask->note, sizeof ask->note, "%s", in->checkpoint);
	snprintf(ask->log_key, sizeof ask->log_key, "%s", in->log_key ?: "");
	ask->old_size = (uint64_t)in->old_size;
	r = fill_proof(&in->proof, ask->proof, &ask->n_proof, "proof", err);
	if (r >= 0 && has_given(&in->has, NODE_CHECKPOINT_HAS_SUCCESSION))
		r = fill_succession(&in->succession, ask, err);
	return r < 0 ? r : gate_ask(req, IPC_CHECKPOINT, ask, sizeof *ask, checkpoint_answer, err);
}

/*
 * All that is held
 */

enum { LOGS_MAX = 32, HELD_MAX = 256 };

struct witness {
	struct node_witness_log logs[LOGS_MAX];
	struct node_checkpoint held[HELD_MAX];
	size_t n_logs, n_held;
};

static int add_log(struct arena *arena, struct witness *witness, const struct ipc_held *in,
	struct err *err)
{
	struct node_witness_log *log = &witness->logs[witness->n_logs++];

	*log = (struct node_witness_log){ .origin = arena_strdup(arena, in->checkpoint.origin),
		.log_key = arena_strdup(arena, in->log_key), .bound_at = { in->at_us },
		.predecessor = in->predecessor[0] ? arena_strdup(arena, in->predecessor) : NULL,
		.fork = in->note[0] ? arena_strdup(arena, in->note) : NULL,
		.checkpoints = { &witness->held[witness->n_held], 0 } };
	return log->origin && log->log_key ? 0 : arena_full(arena, err);
}

static int add_held(struct arena *arena, struct witness *witness, const struct ipc_held *in,
	struct err *err)
{
	if (!held_ok(in) || witness->n_held == HELD_MAX || witness->n_logs == LOGS_MAX)
		return native_malformed(err);
	if (in->kind == 1)
		return add_log(arena, witness, in, err);
	if (in->kind != 2 || !witness->n_logs)
		return native_malformed(err);
	witness->logs[witness->n_logs - 1].checkpoints.n++;
	return fill_checkpoint(arena, in, &witness->held[witness->n_held++], err);
}

static int witness_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	const struct ipc_held *in = records;
	struct witness *witness = p->req->query;
	int r = 0;

	if (len % sizeof *in != 0)
		return native_malformed(err);
	for (size_t i = 0; i < len / sizeof *in && r >= 0; i++)
		r = add_held(p->req->arena, witness, &in[i], err);
	if (r < 0 || more)
		return r;
	json_object(http_text(p->req, native_json_type), &node_witness_type,
		&(struct node_witness){ meta->epoch, meta->revision,
			{ witness->logs, witness->n_logs } });
	return 0;
}

int native_witness(struct http_request *req, struct err *err)
{
	req->query = arena_alloc(req->arena, sizeof(struct witness)); /* for the answer */
	if (!req->query)
		return arena_full(req->arena, err);
	return gate_ask(req, IPC_WITNESS, NULL, 0, witness_answer, err);
}
