/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Handlers of the native surface, /v1: docs/node-api.md. */

#include "model/node_api.h"
#include "node/gate/gate.h"

int native_ready(struct http_request *req, struct err *err);
int native_node(struct http_request *req, struct err *err);
int native_changes(struct http_request *req, struct err *err);
int native_get(struct http_request *req, struct err *err);
int native_put(struct http_request *req, struct err *err);
int native_delete(struct http_request *req, struct err *err);
int native_batch(struct http_request *req, struct err *err);
int native_key(struct http_request *req, struct err *err);
int native_counters(struct http_request *req, struct err *err);
int native_drift(struct http_request *req, struct err *err);
int native_drift_act(struct http_request *req, struct err *err);
int native_api_keys(struct http_request *req, struct err *err);
int native_api_key_add(struct http_request *req, struct err *err);
int native_api_key_end(struct http_request *req, struct err *err);
int native_witness(struct http_request *req, struct err *err);
int native_checkpoint_put(struct http_request *req, struct err *err);

/* What the files of this surface share. */

extern const char native_json_type[];

/** Raised for what the keeper must not have said. */
int native_malformed(struct err *err);

/** A peer's id as it stands in a path or a body. REASON_INVALID_PEER_ID. */
int native_check_id(const struct uuid *id, struct err *err) must_check;

/** "host:port", or NULL; in the arena. */
const char *native_endpoint(struct arena *arena, const struct cidr *address, uint16_t port);

/** A record as the surface writes it; label and addresses point into the record. `single`: the answer is about
 * it alone. */
struct node_peer native_peer(const struct ipc_peer *in, const struct ipc_meta *meta, bool single);

/** Copies what points into a record, so that the peer outlives it. */
int native_keep_peer(struct node_peer *peer, struct arena *arena, struct err *err) must_check;

/** Of a peer that has ended, as DELETE answers. */
void native_fill_deleted(const struct ipc_ended *in, const struct uuid *id, const struct ipc_meta *meta,
	struct node_deleted *out);

/** Checks what a body says of a peer, and turns it into the keeper's words. */
int native_fill_put(const struct node_put *in, const struct uuid *id, struct ipc_put *ask,
	struct err *err) must_check;

/** `{"epoch":...,"revision":...` */
void native_put_head(struct sbuf *out, const struct ipc_meta *meta);
