/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What wg-quick's file of the interface offers: the private key (identity.c takes it), names, and peers that
 * the Console may adopt. It is read once; config.yaml rules.
 */
#include <string.h>

#include "log/log.h"
#include "node/keeper/keeper.h"
#include "wg/conf_parse.h"

enum { PATH_SIZE = 512 };

static void compare_number(const char *what, int64_t in_file, int64_t in_config)
{
	if (in_file && in_file != in_config)
		log_warn(what, LOG_INT("file", in_file), LOG_INT("config", in_config));
}

/* Whether config.yaml gives the interface this address with this prefix. */
static bool is_configured(const struct keeper *k, const struct cidr *address)
{
	struct cidr network = cidr_network(address);

	for (unsigned p = 0; p < k->n_pools; p++)
		if (cidr_equal(&network, &k->pools[p].subnet) &&
			!memcmp(address->addr, k->pools[p].server.addr, sizeof address->addr))
			return true;
	return false;
}

/* The operator should know which of the two counts. */
static void compare(const struct keeper *k)
{
	const struct wgconf_interface *file = import_names_interface(k->names);
	char text[CIDR_TEXT_SIZE];

	compare_number("wg-quick's file has another ListenPort; config.yaml rules",
		file->listen_port, k->conf.listen_port);
	compare_number(
		"wg-quick's file has another MTU; config.yaml rules", file->mtu, k->conf.mtu);
	for (unsigned i = 0; i < file->n_addresses && i < WGCONF_ADDRESSES_MAX; i++)
		if (!is_configured(k, &file->addresses[i]))
			log_warn("wg-quick's file has another Address; config.yaml rules",
				LOG_STR("file", cidr_format(text, &file->addresses[i])));
}

static bool is_unused(struct keeper *k, const struct wgkey *key)
{
	struct uuid id;
	struct err err;

	return !peers_by_key(&k->peers, key) &&
	       store_used_key(k->store, key, &id, &err) == -ERR_NOT_FOUND;
}

/* The store is asked only where something happened to the key since the start. */
bool offers_has(struct keeper *k, const struct import_peer *peer)
{
	return peer->is_new && (!peer->was_made || is_unused(k, &peer->public_key));
}

const struct import_peer *offers_next(struct keeper *k, size_t *i)
{
	const struct import_peer *peer;

	while ((peer = import_peer_next(k->names, i)))
		if (peer->seen_dump != k->read_dump && offers_has(k, peer))
			return peer;
	return NULL;
}

void offers_seen(const struct import_peer *peer, struct wgdev_peer *ret_seen)
{
	*ret_seen = (struct wgdev_peer){ .public_key = peer->public_key,
		.preshared_key = peer->preshared_key, .n_allowed = peer->n_allowed,
		.keepalive = peer->keepalive };
	for (unsigned a = 0; a < N_ELEMENTS(peer->allowed); a++)
		ret_seen->allowed[a] = peer->allowed[a];
}

/* The file's peer owns the address in the pool. One that has an owner keeps it. */
static int hold(struct pool *pool, const struct import_peer *peer, const struct cidr *address,
	struct err *err)
{
	int r;

	if (address->bits != cidr_full_bits(address) || !pool_has(pool, address) ||
		pool_owner(pool, address))
		return 0;
	r = pool_claim(pool, (void *)(uintptr_t)peer, address, err);
	return r == -ERR_INTERNAL ? r : 0;
}

int offers_hold(struct keeper *k, struct err *err)
{
	struct import_peer *peer;
	int r = 0;

	for (size_t i = 0; r >= 0 && (peer = import_peer_next(k->names, &i));) {
		peer->is_new = is_unused(k, &peer->public_key);
		if (!peer->is_new)
			continue;
		for (unsigned a = 0; a < N_ELEMENTS(peer->allowed); a++)
			for (unsigned p = 0; p < k->n_pools && r >= 0; p++)
				r = hold(&k->pools[p], peer, &peer->allowed[a], err);
	}
	return r;
}

void offers_yield(struct keeper *k, const struct wgkey *key)
{
	struct import_peer *peer = import_peer_of(k->names, key);

	if (peer)
		peer->was_made = true;
	for (unsigned a = 0; peer && a < N_ELEMENTS(peer->allowed); a++)
		for (unsigned p = 0; p < k->n_pools; p++)
			if (pool_owner(&k->pools[p], &peer->allowed[a]) == peer)
				pool_undo(&k->pools[p], &peer->allowed[a]);
}

int offers_read(struct keeper *k, struct err *err)
{
	char path[PATH_SIZE];
	int r = import_names_load(node_conf_wg_path(&k->conf, path, sizeof path), &k->names, err);

	if (r >= 0)
		compare(k);
	return r;
}
