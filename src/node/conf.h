/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * config.yaml: the published keys, and those that are ours.
 *
 * Read once, at start, by the keeper. node_conf_check() has what a single row
 * cannot say.
 */

#include "base/arena.h"
#include "base/field.h"

enum { NODE_ALLOWED_MAX = 256, NODE_PROXIES_MAX = 64 };

enum node_tls_mode { NODE_TLS_AUTO = 1, NODE_TLS_FILES, NODE_TLS_OFF };
enum node_backend_choice { NODE_BACKEND_AUTO = 1, NODE_BACKEND_KERNEL, NODE_BACKEND_USERSPACE };
enum node_unmanaged { NODE_UNMANAGED_REPORT = 1, NODE_UNMANAGED_REMOVE };

struct node_conf {
	int mode; /* enum node_mode */
	/* server */
	int64_t port;
	const char *bind, *tls_cert, *tls_key, *client_ca;
	int tls; /* enum node_tls_mode */
	struct list allowed_ips, trusted_proxies; /* of struct cidr */
	/* auth */
	struct secret api_key;
	const char *api_key_file;
	/* wireguard */
	const char *interface, *endpoint;
	int64_t listen_port, mtu, keepalive;
	struct cidr subnet, subnet6, server_ip, server_ip6;
	int backend, unmanaged_peers;
	const char *address_quarantine;
	const char *peer_store_file;
	const char *wan_interface;
	bool masquerade, isolate_peers;
	/* the rest */
	const char *state_dir;
	int64_t metrics_port, per_peer_max;
	struct secret metrics_token;
	bool per_peer;
	const char *metrics_bind;
	int log_format, log_level; /* enum log_format, log_level */
	/* made by node_conf_check() */
	int64_t quarantine_us;
};

extern const struct type node_conf_type;

/** Where config.yaml is: `given`, else $NODE_CONFIG, else ./config.yaml. */
const char *node_conf_path(const char *given);

/** Reads and checks the file. Each error is one sentence with place and remedy. REASON_CONFIG. */
int node_conf_load(const char *path, struct node_conf *ret_conf, struct arena *arena, struct err *err)
	must_check;

/** Where wg-quick's file of the interface is: below /etc/wireguard for root, else below ./wireguard, as
 * published. Returns `buf`. */
const char *node_conf_wg_path(const struct node_conf *conf, char *buf, size_t size);

/** Overwrites the secrets: their digests are known by now. */
void node_conf_forget(struct node_conf *conf);

/** The usable offsets of a subnet: first and last address a host can have. */
void node_conf_hosts(const struct cidr *subnet, uint64_t *ret_first, uint64_t *ret_last);
