/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "log/log.h"
#include "node/keeper/meter.h"

enum { ENDED_WARN = 1000000, ADDRESSES_SIZE = 2 * CIDR_TEXT_SIZE };

static const struct {
	enum err_reason reason;
	enum op_result result;
} results[] = {
	{ REASON_NO_ADDRESS, RESULT_NO_IP },
	{ REASON_STORE, RESULT_PERSIST },
	{ REASON_STORE_FULL, RESULT_PERSIST },
	{ REASON_FAMILY_UNSUPPORTED, RESULT_FAMILY },
	{ REASON_PEER_NOT_FOUND, RESULT_NOT_FOUND },
	{ REASON_DEVICE, RESULT_DEVICE },
	{ REASON_DEVICE_AWAY, RESULT_DEVICE },
	{ REASON_OUTCOME_UNKNOWN, RESULT_DEVICE },
};

static enum op_result result_of(const struct err *err)
{
	if (!err)
		return RESULT_SUCCESS;
	for (size_t i = 0; i < N_ELEMENTS(results); i++)
		if (results[i].reason == err->reason)
			return results[i].result;
	if (err_class(err->reason) == ERR_CONFLICT)
		return RESULT_CONFLICT;
	return err_class(err->reason) == ERR_INVALID ? RESULT_INVALID : RESULT_INTERNAL;
}

enum peer_op meter_op_of(const struct keeper *k, unsigned type, const void *body)
{
	const struct ipc_put *put = body; /* every change of a peer begins with its id */
	const struct peer *peer = peers_by_id(&k->peers, &put->id);

	switch (type) {
	case IPC_CREATE: return peer ? PEER_ROTATE : PEER_CREATE;
	case IPC_PUT:
		if (!peer)
			return PEER_CREATE;
		return wgkey_equal(&peer->public_key, &put->public_key) ? PEER_UPDATE : PEER_ROTATE;
	case IPC_REMOVE:
	case IPC_END: return PEER_DELETE;
	default: return N_PEER_OPS;
	}
}

void meter_op(struct keeper *k, const struct op *op, const struct err *err)
{
	if (op->kind == N_PEER_OPS)
		return;
	k->metrics.ops[op->kind][result_of(err)]++;
	histogram_add(&k->metrics.op_time[op->kind], time_monotonic_us() - op->since_us);
}

/* "10.0.0.2/32,fd00::2/128" and "IPv4,IPv6". */
static void list_addresses(const struct cidr address[2], char texts[ADDRESSES_SIZE], char families[16])
{
	char one[CIDR_TEXT_SIZE];
	int n = 0, f = 0;

	texts[0] = families[0] = '\0';
	for (unsigned i = 0; i < 2; i++) {
		if (!address[i].family)
			continue;
		n += snprintf(texts + n, ADDRESSES_SIZE - (size_t)n, "%s%s", n ? "," : "",
			cidr_format(one, &address[i]));
		f += snprintf(families + f, 16 - (size_t)f, "%s%s", f ? "," : "",
			address[i].family == IP_V6 ? "IPv6" : "IPv4");
	}
}

static struct log_field some(const char *name, const char *text)
{
	return text[0] ? LOG_STR(name, text) : (struct log_field){ 0 };
}

void meter_audit(const struct keeper *k, const struct op *op, const struct err *err)
{
	static const char *const events[N_PEER_OPS] = {
		[PEER_CREATE] = "audit.peer_created",
		[PEER_ROTATE] = "audit.peer_rotated",
		[PEER_UPDATE] = "audit.peer_changed",
		[PEER_DELETE] = "audit.peer_deleted",
		[PEER_EXPIRE] = "audit.peer_expired",
	};
	const struct peer *peer = op->removes ? NULL : peers_by_id(&k->peers, &op->peer);
	char id[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE] = "", addresses[ADDRESSES_SIZE], families[16];
	char expires[TIME_TEXT_SIZE] = "", source[CIDR_TEXT_SIZE] = "";

	if (!wgkey_is_zero(&op->key)) /* an id that was ended before it came */
		wgkey_format(key, &op->key);
	list_addresses(peer ? peer->address : op->address, addresses, families);
	if (peer && peer->expires_at.us)
		time_format(expires, peer->expires_at, TIME_SECONDS);
	if (op->origin.source.family)
		cidr_format_address(source, &op->origin.source);
	log_info(events[op->kind], LOG_STR("peerId", uuid_format(id, &op->peer)),
		some("publicKey", key), some("allowedIPs", addresses),
		some("addressFamilies", families),
		peer ? LOG_STR("expiresAt", expires[0] ? expires : "permanent") : (struct log_field){ 0 },
		some("client_ip", source), some("request_id", op->origin.request_id),
		op->author.key ? LOG_INT("api_key", op->author.key) : (struct log_field){ 0 },
		op->action ? LOG_STR("action", op->action) : (struct log_field){ 0 },
		LOG_INT("revision", op->revision),
		err ? LOG_STR("outcome", "stored") : (struct log_field){ 0 },
		err ? LOG_STR("reason", err_slug(err->reason)) : (struct log_field){ 0 });
}

void meter_commit(struct keeper *k, int64_t us, int r)
{
	histogram_add(&k->metrics.commit_time, us);
	if (r >= 0)
		k->commit_failed = false;
	if (k->warned_ended || store_ended(k->store) < ENDED_WARN)
		return;
	k->warned_ended = true;
	log_warn("the store keeps very many ended peers; each costs disk space and time at start",
		LOG_INT("ended", store_ended(k->store)));
}
