/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "node/jail.h"
#include "node/keeper/scrape.h"
#include "node/logging.h"
#include "node/sockets.h"
#include "wg/link.h"

enum { CONFIG_ARENA = 8 * 1024 * 1024, PLACES_ARENA = 1024 * 1024, PATH_SIZE = 512 };

static const char insecure_tls[] =
	"server.tls is off: the API key and all answers cross the network in clear text";

static void init_pools(struct keeper *k)
{
	const struct cidr *subnets[] = { &k->conf.subnet, &k->conf.subnet6 };
	const struct cidr *ips[] = { &k->conf.server_ip, &k->conf.server_ip6 };

	for (unsigned i = 0; i < 2; i++)
		if (subnets[i]->family)
			pool_init(&k->pools[k->n_pools++], subnets[i], ips[i],
				k->conf.quarantine_us);
}

static struct pool *pool_for(struct keeper *k, uint8_t family)
{
	for (unsigned p = 0; p < k->n_pools; p++)
		if (k->pools[p].subnet.family == family)
			return &k->pools[p];
	return NULL;
}

static int load_peer(void *ctx, struct peer *loaded, struct err *err)
{
	scoped(peer_freep) struct peer *peer = loaded;
	struct keeper *k = ctx;
	int r = quarantine_claim(k, peer, err);

	if (r >= 0)
		r = peers_add(&k->peers, peer, err);
	if (r < 0)
		return r;
	peer = NULL; /* the set has it */
	return 0;
}

static int load_resting(void *ctx, const struct tombstone *tombstone, struct err *err)
{
	struct keeper *k = ctx;

	for (unsigned a = 0; a < 2; a++) {
		struct pool *pool = pool_for(k, tombstone->address[a].family);

		if (pool && !pool_rest(pool, &tombstone->address[a], tombstone->ended_at.us))
			return err_nomem(err);
	}
	return 0;
}

static int open_store(struct keeper *k, bool accept_subnet_change, struct err *err)
{
	struct timestamp since = { time_now().us - k->conf.quarantine_us };
	char path[PATH_SIZE];
	int64_t began = time_monotonic_us();
	int r;

	if ((size_t)snprintf(path, sizeof path, "%s/store.db", k->conf.state_dir) >= sizeof path)
		return err_set(err, REASON_CONFIG, "state_dir", "state_dir is too long");
	if (k->conf.peer_store_file && !strcmp(path, k->conf.peer_store_file))
		return err_set(err, REASON_CONFIG, "state_dir",
			"wireguard.peer_store_file '%s' is where the node's own store would be; set "
			"state_dir to another directory",
			path);
	r = store_open(path, &k->store, err);
	if (r >= 0)
		r = store_load(k->store, since, load_peer, load_resting, k, err);
	if (r >= 0)
		r = witness_open(k, err);
	if (r >= 0)
		r = keyring_open(k, err);
	if (r >= 0)
		r = quarantine_settle(k, accept_subnet_change, err);
	if (r >= 0)
		r = import_published(k, accept_subnet_change, err);
	if (r >= 0)
		r = offers_hold(k, err);
	if (r >= 0)
		log_info("store loaded", LOG_STR("path", path), LOG_INT("peers", k->peers.n),
			LOG_INT("revision", store_revision(k->store)),
			LOG_INT("ms", (time_monotonic_us() - began) / USEC_PER_MS));
	return r;
}

static int open_identity(struct keeper *k, struct err *err)
{
	if (gethostname(k->host, sizeof k->host) < 0 || !k->host[0])
		snprintf(k->host, sizeof k->host, "wgkeeper-node");
	k->host[sizeof k->host - 1] = '\0';
	k->metrics_token =
		digest_of((struct span){ k->conf.metrics_token.at, k->conf.metrics_token.len });
	if (k->conf.tls == NODE_TLS_OFF)
		log_warn(insecure_tls);
	return renew_open(k, err);
}

static void make_rules(struct keeper *k)
{
	k->rules = (struct nft_rules){ .interface = k->conf.interface,
		.wan = k->conf.wan_interface, .masquerade = k->conf.masquerade,
		.isolate_peers = k->conf.isolate_peers };
	for (unsigned p = 0; p < k->n_pools; p++)
		k->rules.subnets[k->rules.n_subnets++] = k->pools[p].subnet;
}

/* Another interface's network inside the tunnel's would be cut off, or get the peers' traffic. */
static int check_overlap(struct keeper *k, struct err *err)
{
	for (unsigned p = 0; p < k->n_pools; p++) {
		char name[LINK_NAME_SIZE], subnet[CIDR_TEXT_SIZE], other[CIDR_TEXT_SIZE];
		struct cidr found;
		int r = link_find_overlap(&k->pools[p].subnet, k->conf.interface, name, &found, err);

		if (r < 0)
			return r;
		if (r > 0)
			return err_set(err, REASON_CONFIG,
				found.family == IP_V4 ? "wireguard.subnet" : "wireguard.subnet6",
				"%s %s overlaps %s of interface %s; choose another subnet",
				found.family == IP_V4 ? "wireguard.subnet" : "wireguard.subnet6",
				cidr_format(subnet, &k->pools[p].subnet), cidr_format(other, &found),
				name);
	}
	return 0;
}

int keeper_start(struct keeper *k, const struct command_line *line, struct err *err)
{
	int r;

	k->started_at = time_now();
	k->arena = arena_new(CONFIG_ARENA);
	if (!k->arena)
		return err_nomem(err);
	r = node_conf_load(node_conf_path(line->config), &k->conf, k->arena, err);
	if (r < 0)
		return r;
	logging_tell((enum log_level)k->conf.log_level, (enum log_format)k->conf.log_format);
	init_pools(k);
	make_rules(k);
	r = check_overlap(k, err);
	if (r >= 0)
		r = identity_state_dir(&k->conf, err);
	if (r >= 0)
		r = open_identity(k, err);
	if (r >= 0)
		r = offers_read(k, err);
	if (r >= 0)
		r = open_store(k, line->accept_subnet_change, err);
	if (r >= 0)
		r = sockets_listen(LISTENER_API, k->conf.bind, (uint16_t)k->conf.port,
			&k->listen_fd, err);
	if (r >= 0)
		scrape_listen(k);
	k->key_in_file = k->conf.api_key.at != NULL;
	node_conf_forget(&k->conf);
	return r;
}

/* What it reads later on: the state directory, certificates when they are renewed, an interface's file when
 * it is first seen, and whether the kernel forwards. */
int keeper_contain(const struct keeper *k, struct err *err)
{
	struct contain_places places = {
		.paths = { { k->conf.state_dir, CONTAIN_READ | CONTAIN_WRITE },
			{ "/proc/sys/net", CONTAIN_READ } },
		.n_paths = 2,
	};
	char wg_conf[PATH_SIZE];
	const char *files[] = { k->conf.tls_cert, k->conf.tls_key, k->conf.client_ca,
		node_conf_wg_path(&k->conf, wg_conf, sizeof wg_conf) };
	scoped(arena_freep) struct arena *arena = arena_new(PLACES_ARENA);
	int r = arena ? 0 : err_nomem(err);

	for (unsigned i = 0; i < N_ELEMENTS(files) && r >= 0; i++)
		if (files[i])
			r = contain_allow_file(&places, files[i], CONTAIN_READ, arena, err);
	return r < 0 ? r : jail_enter(JAIL_KEEPER, &places, err);
}
