/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What of the native surface is about the node rather than one peer: batches, drift, keys, checkpoints. */
#include "model/node_api.h"

/* clang-format off */
const struct word node_drift_kind_words[] = {
	{ NODE_DRIFT_UNMANAGED, "unmanaged" }, { NODE_DRIFT_ALTERED, "altered" }, { NODE_DRIFT_MISSING, "missing" },
	{ NODE_DRIFT_OFFERED, "offered" }, { 0 },
};
const struct word node_drift_what_words[] = {
	{ NODE_DIFFERS_ALLOWED, "allowedIPs" }, { NODE_DIFFERS_PRESHARED, "presharedKey" },
	{ NODE_DIFFERS_KEEPALIVE, "persistentKeepalive" }, { NODE_DIFFERS_PRESENT, "present" }, { 0 },
};
const struct word node_drift_act_words[] = {
	{ NODE_ADOPT, "adopt" }, { NODE_REMOVE, "remove" }, { NODE_RESTORE, "restore" }, { 0 },
};
const struct word node_batch_words[] = {
	{ NODE_BATCH_PUT, "put" }, { NODE_BATCH_DELETE, "delete" }, { 0 },
};
const struct word node_key_origin_words[] = {
	{ NODE_KEY_FILE, "file" }, { NODE_KEY_API, "api" }, { 0 },
};
const struct word node_key_state_words[] = {
	{ NODE_KEY_LIVE, "live" }, { NODE_KEY_EXPIRED, "expired" }, { NODE_KEY_RETIRED, "retired" }, { 0 },
};

/*
 * Batches
 */

#define OP(member, ...) FIELD(struct node_batch_op, member, __VA_ARGS__)
static const struct field op_fields[] = {
	OP(op, .flags = F_REQUIRED, .words = node_batch_words, .doc = "put or delete."),
	OP(id, .flags = F_REQUIRED, .doc = "The peer."),
	FIELD_SUB(struct node_batch_op, peer, &node_put_type, .opt = NODE_BATCH_HAS_PEER, .doc = "Of a put: the body of PUT /v1/peers/{id}."),
	OP(generation, .opt = NODE_BATCH_HAS_GENERATION, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "Of a delete: the Console's count of intents."),
	{ 0 },
};
const struct type node_batch_op_type = TYPE_HAS(struct node_batch_op, "NodeBatchOp", op_fields, has);

static const struct field batch_fields[] = {
	FIELD(struct node_batch, operations, .of = FIELD_OBJECT, .type = &node_batch_op_type, .flags = F_REQUIRED, .max = NODE_BATCH_MAX, .doc = "What to do, in this order."),
	{ 0 },
};
const struct type node_batch_type = TYPE(struct node_batch, "NodeBatch", batch_fields);

#define PROBLEM(member, ...) FIELD(struct node_problem, member, __VA_ARGS__)
static const struct field problem_fields[] = {
	PROBLEM(type, .max = 64, .doc = "about:blank."),
	PROBLEM(title, .max = 128, .doc = "What is wrong, in general."),
	PROBLEM(status, .min = 100, .max = 599, .doc = "HTTP status."),
	PROBLEM(code, .max = 64, .doc = "A stable word for programs."),
	PROBLEM(field, .flags = F_NULLABLE, .max = 64, .doc = "The member at fault."),
	PROBLEM(detail, .flags = F_NULLABLE, .max = 512, .doc = "A sentence with the remedy."),
	PROBLEM(request_id, .max = 64, .doc = "For the log."),
	{ 0 },
};
const struct type node_problem_type = TYPE(struct node_problem, "NodeProblem", problem_fields);

#define RESULT(member, ...) FIELD(struct node_batch_result, member, __VA_ARGS__)
static const struct field result_fields[] = {
	RESULT(status, .min = 100, .max = 599, .doc = "The status the single call would have had."),
	FIELD_SUB(struct node_batch_result, peer, &node_peer_type, .flags = F_NULLABLE | F_OMIT, .doc = "Of a put that was done."),
	FIELD_SUB(struct node_batch_result, deleted, &node_deleted_type, .flags = F_NULLABLE | F_OMIT, .doc = "Of a delete that was done."),
	FIELD_SUB(struct node_batch_result, problem, &node_problem_type, .flags = F_NULLABLE | F_OMIT, .doc = "Of what was not done."),
	{ 0 },
};
const struct type node_batch_result_type = TYPE(struct node_batch_result, "NodeBatchResult", result_fields);

#define RESULTS(member, ...) FIELD(struct node_batch_results, member, __VA_ARGS__)
static const struct field results_fields[] = {
	RESULTS(epoch, .doc = "See the node."),
	RESULTS(revision, .doc = "The store's revision now."),
	RESULTS(results, .of = FIELD_OBJECT, .type = &node_batch_result_type, .max = NODE_BATCH_MAX, .doc = "One for each operation, in their order."),
	{ 0 },
};
const struct type node_batch_results_type = TYPE(struct node_batch_results, "NodeBatchResults", results_fields);

/*
 * Drift
 */

static const struct field drift_query_fields[] = {
	FIELD(struct node_drift_query, after, .flags = F_NULLABLE, .max = 64, .doc = "Only keys behind this one, in the order of their bytes; base64url."),
	FIELD(struct node_drift_query, limit, .dflt = "1000", .min = 1, .max = NODE_PAGE_MAX, .doc = "At most so many."),
	{ 0 },
};
const struct type node_drift_query_type = TYPE(struct node_drift_query, "NodeDriftQuery", drift_query_fields);

#define ENTRY(member, ...) FIELD(struct node_drift_entry, member, __VA_ARGS__)
static const struct field drift_entry_fields[] = {
	ENTRY(public_key, .doc = "The peer's public key."),
	ENTRY(kind, .words = node_drift_kind_words, .doc = "unmanaged: on the device, not made here; altered: not as the store has it; missing: live, and not on the device."),
	ENTRY(differs, .of = FIELD_WORD, .words = node_drift_what_words, .max = NODE_N_DIFFERS, .doc = "In what an altered one differs."),
	ENTRY(peer_id, .flags = F_NULLABLE, .doc = "The peer of the store that has this key, or had it."),
	ENTRY(state, .words = node_peer_state_words, .flags = F_NULLABLE, .doc = "What the store says of it; none: it never heard of the key."),
	ENTRY(allowed_ips, .json = "allowedIPs", .of = FIELD_CIDR, .max = NODE_ALLOWED_SHOWN, .doc = "What the device lets it use; the first of them."),
	ENTRY(allowed_ips_total, .json = "allowedIPsTotal", .doc = "How many there are."),
	ENTRY(addresses, .of = FIELD_CIDR, .max = 2, .doc = "What the store gave it."),
	ENTRY(has_preshared_key, .doc = "Whether the device has a preshared key for it."),
	ENTRY(persistent_keepalive, .doc = "On the device, in seconds; 0: off."),
	ENTRY(receive_bytes, .min = 0, .max = INT64_MAX, .doc = "Bytes from it, as the device counts."),
	ENTRY(transmit_bytes, .min = 0, .max = INT64_MAX, .doc = "Bytes to it."),
	ENTRY(last_handshake_at, .flags = F_NULLABLE, .doc = "Last handshake."),
	ENTRY(endpoint, .flags = F_NULLABLE, .max = 64, .doc = "Where it was last seen."),
	ENTRY(label, .flags = F_NULLABLE, .max = NODE_LABEL_MAX, .doc = "A name that somebody gave it on this machine: a suggestion."),
	{ 0 },
};
const struct type node_drift_entry_type = TYPE(struct node_drift_entry, "NodeDriftEntry", drift_entry_fields);

#define DRIFTS(member, ...) FIELD(struct node_drift_page, member, __VA_ARGS__)
static const struct field drift_page_fields[] = {
	DRIFTS(epoch, .doc = "See the node."),
	DRIFTS(revision, .doc = "The store's revision now."),
	DRIFTS(device_read_at, .doc = "When the reading began that this is answered from: after the request came."),
	DRIFTS(total, .doc = "How many differences there are in all."),
	DRIFTS(more, .doc = "Whether there is more behind this page."),
	DRIFTS(data, .of = FIELD_OBJECT, .type = &node_drift_entry_type, .max = NODE_PAGE_MAX, .doc = "The differences, in the order of their keys' bytes."),
	{ 0 },
};
const struct type node_drift_page_type = TYPE(struct node_drift_page, "NodeDriftPage", drift_page_fields);

#define ACTION(member, ...) FIELD(struct node_drift_action, member, __VA_ARGS__)
static const struct field action_fields[] = {
	ACTION(action, .flags = F_REQUIRED, .words = node_drift_act_words, .doc = "adopt: the device is right; remove: it leaves the device; restore: the store is right."),
	ACTION(id, .opt = NODE_DRIFT_HAS_ID, .flags = F_NULLABLE, .doc = "Of a new peer: its identifier; else the node draws one."),
	ACTION(label, .opt = NODE_DRIFT_HAS_LABEL, .flags = F_NULLABLE, .max = NODE_LABEL_MAX, .doc = "Of a new peer: its name; left out: the suggestion."),
	ACTION(generation, .opt = NODE_DRIFT_HAS_GENERATION, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "The Console's count of intents; must not go back."),
	ACTION(expires_at, .opt = NODE_DRIFT_HAS_EXPIRES, .flags = F_NULLABLE, .doc = "Of a new peer: when it ends by itself; null: never."),
	{ 0 },
};
const struct type node_drift_action_type = TYPE_HAS(struct node_drift_action, "NodeDriftAction", action_fields, has);

#define DONE(member, ...) FIELD(struct node_drift_done, member, __VA_ARGS__)
static const struct field drift_done_fields[] = {
	DONE(epoch, .doc = "See the node."),
	DONE(revision, .doc = "The store's revision now."),
	DONE(public_key, .doc = "The key this was about."),
	DONE(action, .words = node_drift_act_words, .doc = "What was done."),
	FIELD_SUB(struct node_drift_done, peer, &node_peer_type, .flags = F_NULLABLE, .doc = "The peer of the store that has the key now."),
	DONE(absent_from_device, .doc = "A reading of the device after the change did not have the key."),
	DONE(confirmed_at, .flags = F_NULLABLE, .doc = "When that reading began."),
	{ 0 },
};
const struct type node_drift_done_type = TYPE(struct node_drift_done, "NodeDriftDone", drift_done_fields);

/*
 * Keys of the API
 */

#define API_KEY(member, ...) FIELD(struct node_api_key, member, __VA_ARGS__)
static const struct field api_key_fields[] = {
	API_KEY(id, .doc = "Its number on this node."),
	API_KEY(origin, .words = node_key_origin_words, .doc = "file: auth.api_key; api: made over the API."),
	API_KEY(state, .words = node_key_state_words, .doc = "live, expired or retired."),
	API_KEY(current, .doc = "Whether it is the key of this request."),
	API_KEY(source, .flags = F_NULLABLE, .doc = "Where it may be used from; none: anywhere."),
	API_KEY(created_at, .doc = "When it was made known to the node."),
	API_KEY(expires_at, .flags = F_NULLABLE, .doc = "When it ends by itself."),
	API_KEY(retired_at, .flags = F_NULLABLE, .doc = "When it was ended."),
	API_KEY(last_used_at, .flags = F_NULLABLE, .doc = "When it was last used."),
	API_KEY(last_used_from, .flags = F_NULLABLE | F_HOST, .doc = "From where."),
	{ 0 },
};
const struct type node_api_key_type = TYPE(struct node_api_key, "NodeApiKey", api_key_fields);

#define API_KEYS(member, ...) FIELD(struct node_api_keys, member, __VA_ARGS__)
static const struct field api_keys_fields[] = {
	API_KEYS(epoch, .doc = "See the node."),
	API_KEYS(revision, .doc = "The store's revision now."),
	API_KEYS(data, .of = FIELD_OBJECT, .type = &node_api_key_type, .max = NODE_PAGE_MAX, .doc = "Keys in force, then those retired last."),
	{ 0 },
};
const struct type node_api_keys_type = TYPE(struct node_api_keys, "NodeApiKeys", api_keys_fields);

#define API_KEY_NEW(member, ...) FIELD(struct node_api_key_new, member, __VA_ARGS__)
static const struct field api_key_new_fields[] = {
	API_KEY_NEW(sha256, .flags = F_REQUIRED, .min = 64, .max = 64, .doc = "SHA-256 of the key's text, in hexadecimal: the key itself stays with its maker."),
	API_KEY_NEW(source, .flags = F_NULLABLE, .doc = "Where it may be used from; null: anywhere."),
	API_KEY_NEW(expires_at, .flags = F_NULLABLE, .doc = "When it ends by itself; null: never."),
	{ 0 },
};
const struct type node_api_key_new_type = TYPE(struct node_api_key_new, "NodeApiKeyNew", api_key_new_fields);

#define API_KEY_ANSWER(member, ...) FIELD(struct node_api_key_answer, member, __VA_ARGS__)
static const struct field api_key_answer_fields[] = {
	API_KEY_ANSWER(epoch, .doc = "See the node."),
	API_KEY_ANSWER(revision, .doc = "The store's revision now."),
	FIELD_SUB(struct node_api_key_answer, api_key, &node_api_key_type, .doc = "The key."),
	{ 0 },
};
const struct type node_api_key_answer_type = TYPE(struct node_api_key_answer, "NodeApiKeyAnswer", api_key_answer_fields);

/*
 * Checkpoints
 */

#define CHECKPOINT(member, ...) FIELD(struct node_checkpoint, member, __VA_ARGS__)
static const struct field checkpoint_fields[] = {
	CHECKPOINT(origin, .max = 127, .doc = "Which log."),
	CHECKPOINT(size, .min = 0, .max = INT64_MAX, .doc = "Entries of the log."),
	CHECKPOINT(root_hash, .doc = "Root of its Merkle tree."),
	CHECKPOINT(checkpoint, .flags = F_LINES, .max = NODE_NOTE_MAX, .doc = "The signed note, as it came."),
	CHECKPOINT(received_at, .doc = "When it came."),
	{ 0 },
};
const struct type node_checkpoint_type = TYPE(struct node_checkpoint, "NodeCheckpoint", checkpoint_fields);

#define HEAD(member, ...) FIELD(struct node_checkpoint_head, member, __VA_ARGS__)
static const struct field head_fields[] = {
	HEAD(origin, .max = 127, .doc = "Which log."),
	HEAD(size, .min = 0, .max = INT64_MAX, .doc = "Entries of the log."),
	HEAD(root_hash, .doc = "Root of its Merkle tree."),
	HEAD(received_at, .doc = "When it came."),
	HEAD(forked, .doc = "Whether the log has signed something that contradicts it."),
	{ 0 },
};
const struct type node_checkpoint_head_type = TYPE(struct node_checkpoint_head, "NodeCheckpointHead", head_fields);

#define SUCCESSION(member, ...) FIELD(struct node_succession, member, __VA_ARGS__)
static const struct field succession_fields[] = {
	SUCCESSION(predecessor, .flags = F_REQUIRED | F_LINES, .min = 1, .max = 255, .doc = "The former log's last checkpoint: origin, size, root, a line each."),
	SUCCESSION(entry, .flags = F_REQUIRED, .doc = "The new log's first entry, which names it: base64."),
	SUCCESSION(proof, .of = FIELD_BLOB, .max = NODE_PROOF_MAX, .doc = "That the entry is the first: audit path of leaf 0, base64 each."),
	{ 0 },
};
static const struct type succession_type = TYPE(struct node_succession, "NodeSuccession", succession_fields);

#define CHECKPOINT_PUT(member, ...) FIELD(struct node_checkpoint_put, member, __VA_ARGS__)
static const struct field checkpoint_put_fields[] = {
	CHECKPOINT_PUT(checkpoint, .flags = F_REQUIRED | F_LINES, .min = 1, .max = NODE_NOTE_MAX, .doc = "The signed note (C2SP tlog-checkpoint)."),
	CHECKPOINT_PUT(log_key, .flags = F_NULLABLE, .max = NODE_VKEY_MAX, .doc = "The log's key, NAME+ID+BASE64; needed when the node does not know the log."),
	CHECKPOINT_PUT(old_size, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "The size that the node holds, where the proof begins."),
	CHECKPOINT_PUT(proof, .of = FIELD_BLOB, .max = NODE_PROOF_MAX, .doc = "Consistency proof of RFC 6962 from there, base64 each."),
	FIELD_SUB(struct node_checkpoint_put, succession, &succession_type, .opt = NODE_CHECKPOINT_HAS_SUCCESSION, .doc = "Of a log that takes the place of the one the node knows."),
	{ 0 },
};
const struct type node_checkpoint_put_type = TYPE_HAS(struct node_checkpoint_put, "NodeCheckpointPut", checkpoint_put_fields, has);

#define CHECKPOINT_ANSWER(member, ...) FIELD(struct node_checkpoint_answer, member, __VA_ARGS__)
static const struct field checkpoint_answer_fields[] = {
	CHECKPOINT_ANSWER(epoch, .doc = "See the node."),
	CHECKPOINT_ANSWER(revision, .doc = "The store's revision now."),
	FIELD_SUB(struct node_checkpoint_answer, held, &node_checkpoint_type, .doc = "What the node holds now."),
	{ 0 },
};
const struct type node_checkpoint_answer_type = TYPE(struct node_checkpoint_answer, "NodeCheckpointAnswer", checkpoint_answer_fields);

#define LOG(member, ...) FIELD(struct node_witness_log, member, __VA_ARGS__)
static const struct field log_fields[] = {
	LOG(origin, .max = 127, .doc = "Which log."),
	LOG(log_key, .max = NODE_VKEY_MAX, .doc = "Its key."),
	LOG(bound_at, .doc = "When the node took it for the Console's."),
	LOG(predecessor, .flags = F_NULLABLE | F_LINES, .max = 255, .doc = "What its first entry names as its predecessor's last checkpoint."),
	LOG(fork, .flags = F_NULLABLE | F_LINES, .max = NODE_NOTE_MAX, .doc = "A checkpoint it has signed that contradicts one of these."),
	LOG(checkpoints, .of = FIELD_OBJECT, .type = &node_checkpoint_type, .max = NODE_PAGE_MAX, .doc = "The latest, and the last of each day before; of a former log the last."),
	{ 0 },
};
const struct type node_witness_log_type = TYPE(struct node_witness_log, "NodeWitnessLog", log_fields);

#define WITNESS(member, ...) FIELD(struct node_witness, member, __VA_ARGS__)
static const struct field witness_fields[] = {
	WITNESS(epoch, .doc = "See the node."),
	WITNESS(revision, .doc = "The store's revision now."),
	WITNESS(logs, .of = FIELD_OBJECT, .type = &node_witness_log_type, .max = NODE_PAGE_MAX, .doc = "The present log, then those before it."),
	{ 0 },
};
const struct type node_witness_type = TYPE(struct node_witness, "NodeWitness", witness_fields);
/* clang-format on */
