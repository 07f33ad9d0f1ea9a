/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Peers whose addresses are not ones that this configuration gives, because its subnet or its own address
 * was changed under them. They are never deleted for it: the start is refused with the list, or they are
 * kept off the device until the configuration fits again.
 */
#include "log/log.h"
#include "model/node_api.h"
#include "node/keeper/keeper.h"

enum { LIST_MAX = 1000 };

static struct pool *pool_for(struct keeper *k, const struct cidr *address)
{
	for (unsigned p = 0; p < k->n_pools; p++)
		if (k->pools[p].subnet.family == address->family)
			return &k->pools[p];
	return NULL;
}

int quarantine_claim(struct keeper *k, struct peer *peer, struct err *err)
{
	int r = 0;

	for (unsigned a = 0; a < 2 && r >= 0; a++) {
		struct pool *pool = pool_for(k, &peer->address[a]);

		if (pool && pool_has(pool, &peer->address[a]))
			r = pool_claim(pool, peer, &peer->address[a], err);
	}
	return r;
}

void quarantine_unclaim(struct keeper *k, struct peer *peer)
{
	for (unsigned a = 0; a < 2; a++) {
		struct pool *pool = pool_for(k, &peer->address[a]);

		if (pool && pool_owner(pool, &peer->address[a]) == peer)
			pool_undo(pool, &peer->address[a]);
	}
}

int quarantine_reason(struct keeper *k, const struct peer *peer)
{
	int reason = 0;

	for (unsigned a = 0; a < 2; a++) {
		const struct cidr *address = &peer->address[a];
		const struct pool *pool = pool_for(k, address);

		if (!address->family || (pool && pool_has(pool, address)))
			continue;
		if (!pool || !cidr_equal(address, &pool->server))
			return NODE_QUARANTINE_SUBNET;
		reason = NODE_QUARANTINE_SERVER_ADDRESS;
	}
	return reason;
}

int quarantine_refuse(const struct peer *peer, struct err *err)
{
	if (peer->quarantine == NODE_QUARANTINE_SERVER_ADDRESS)
		return err_set(err, REASON_PEER_QUARANTINED, "addresses",
			"an address of this peer is the server's own now; change wireguard.server_ip "
			"back, or make a peer anew");
	return err_set(err, REASON_PEER_QUARANTINED, "addresses",
		"an address of this peer is in none of the configured subnets; restore "
		"wireguard.subnet, or make a peer anew");
}

/* The first address that there is no place for. */
static const char *address_text(struct keeper *k, const struct peer *peer, char text[CIDR_TEXT_SIZE])
{
	const struct pool *pool = pool_for(k, &peer->address[0]);
	bool first = peer->address[0].family && !(pool && pool_has(pool, &peer->address[0]));

	return cidr_format_address(text, &peer->address[!first]);
}

static void tell(struct keeper *k, const char *what, const struct peer *peer, int reason)
{
	char id[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE], text[CIDR_TEXT_SIZE];

	log_warn(what, LOG_STR("peer", uuid_format(id, &peer->id)),
		LOG_STR("public_key", wgkey_format(key, &peer->public_key)),
		LOG_STR("label", peer->label ?: ""),
		LOG_STR("address", address_text(k, peer, text)),
		LOG_STR("quarantine", word_text(node_quarantine_words, reason) ?: ""));
}

/* All of them, so that nobody has to start the node once for each. */
static int refuse_start(struct keeper *k, struct err *err)
{
	char id[UUID_TEXT_SIZE], text[CIDR_TEXT_SIZE];
	const struct peer *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < k->peers.n; i++) {
		const struct peer *peer = k->peers.order[i];
		int reason = quarantine_reason(k, peer);

		if (!reason || peer->quarantine)
			continue;
		if (!first)
			first = peer;
		if (n++ < LIST_MAX)
			tell(k, "a peer has no place in the configured subnets", peer, reason);
	}
	if (n > LIST_MAX)
		log_warn("and others, which are not listed", LOG_INT("n", n - LIST_MAX));
	return n ? err_set(err, REASON_CONFIG, "wireguard.subnet",
			   "%zu peers have no place in the subnets (listed in the log), e.g. %s with "
			   "%s; restore subnet or server_ip, or start once with "
			   "--accept-subnet-change to keep them off the interface",
			   n, uuid_format(id, &first->id), address_text(k, first, text))
		 : 0;
}

static int set_reason(struct keeper *k, struct peer *peer, int reason, struct err *err)
{
	if (keeper_only_looks(k)) {
		peer->quarantine = reason; /* what it would be */
		return 0;
	}
	store_outdate(k->store, peer);
	peer->quarantine = reason;
	peer->author = (struct author){ 0 }; /* nobody asked for it */
	return store_put(k->store, peer, err);
}

int quarantine_settle(struct keeper *k, bool accept, struct err *err)
{
	size_t n_kept = 0, n_changed = 0;
	int r = accept || keeper_only_looks(k) ? 0 : refuse_start(k, err);

	if (r >= 0 && !keeper_only_looks(k))
		r = store_begin(k->store, err);
	for (size_t i = 0; i < k->peers.n && r >= 0; i++) {
		struct peer *peer = k->peers.order[i];
		int reason = quarantine_reason(k, peer);

		n_kept += reason != 0;
		if (reason == peer->quarantine)
			continue;
		r = set_reason(k, peer, reason, err);
		if (n_changed++ < LIST_MAX)
			tell(k, reason ? "audit.peer_quarantined" : "audit.peer_returned", peer,
				reason);
	}
	if (r >= 0 && n_changed)
		r = store_commit(k->store, err);
	else /* nothing to keep */
		store_rollback(k->store);
	if (r >= 0 && n_kept)
		log_warn("peers are in quarantine: their addresses are not this configuration's",
			LOG_INT("n", n_kept));
	return r;
}
