/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parse.h"
#include "conf/conf.h"
#include "log/log.h"
#include "model/node_api.h"
#include "node/conf.h"
#include "wg/wgdev.h"

enum { STORE_PATH_SIZE = 512 };

static const struct word tls_words[] = { { NODE_TLS_AUTO, "auto" }, { NODE_TLS_FILES, "files" },
	{ NODE_TLS_OFF, "off" }, { 0 } };
static const struct word backend_words[] = { { NODE_BACKEND_AUTO, "auto" },
	{ NODE_BACKEND_KERNEL, "kernel" }, { NODE_BACKEND_USERSPACE, "userspace" }, { 0 } };
static const struct word unmanaged_words[] = { { NODE_UNMANAGED_REPORT, "report" },
	{ NODE_UNMANAGED_REMOVE, "remove" }, { 0 } };

static const struct word format_words[] = { { LOG_LOGFMT, "logfmt" }, { LOG_JSON, "json" }, { 0 } };
static const struct word level_words[] = { { LOG_LEVEL_ERROR, "error" }, { LOG_LEVEL_WARN, "warn" },
	{ LOG_LEVEL_NOTICE, "notice" }, { LOG_LEVEL_INFO, "info" }, { LOG_LEVEL_DEBUG, "debug" },
	{ 0 } };

static int check_interface(const void *value, struct err *err)
{
	const char *name = *(const char *const *)value;

	if (wgdev_name_ok(name))
		return 0;
	return err_set(err, REASON_CONFIG, NULL,
		"'%.20s' cannot name an interface: 1 to 15 letters, digits and _=+.-", name);
}

static int check_wan(const void *value, struct err *err)
{
	const char *name = *(const char *const *)value;
	size_t ok = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	if (!name[ok] && strlen(name) < 16)
		return 0;
	return err_set(err, REASON_CONFIG, NULL,
		"must be a valid network interface name (letters, digits, hyphens, underscores, "
		"dots only)");
}

#define CONF(member, ...) FIELD(struct node_conf, member, __VA_ARGS__)

/* clang-format off */
static const struct field conf_fields[] = {
	CONF(mode, .conf = "mode", .dflt = "manage", .words = node_mode_words, .doc = "manage, or inventory: look at the interface and report, change nothing."),
	CONF(port, .conf = "server.port", .flags = F_REQUIRED, .min = 1, .max = 65535, .doc = "TCP port of the API."),
	CONF(bind, .conf = "server.bind", .dflt = "", .max = 64, .doc = "Address to listen on; default all, both families."),
	CONF(tls, .conf = "server.tls", .words = tls_words, .flags = F_NULLABLE, .doc = "auto (self-made key), files (tls_cert and tls_key) or off."),
	CONF(tls_cert, .conf = "server.tls_cert", .flags = F_NULLABLE, .doc = "Certificate chain, PEM."),
	CONF(tls_key, .conf = "server.tls_key", .flags = F_NULLABLE, .doc = "Its private key, PEM."),
	CONF(client_ca, .conf = "server.client_ca", .flags = F_NULLABLE, .doc = "Authorities, PEM; only clients with a certificate of theirs are let in."),
	CONF(allowed_ips, .conf = "server.allowed_ips", .of = FIELD_CIDR, .max = NODE_ALLOWED_MAX, .doc = "Addresses and prefixes that may use the API; default any."),
	CONF(trusted_proxies, .conf = "server.trusted_proxies", .of = FIELD_CIDR, .max = NODE_PROXIES_MAX, .doc = "Proxies whose X-Forwarded-For is believed; default loopback."),
	CONF(api_key, .conf = "auth.api_key", .flags = F_SECRET | F_NULLABLE, .min = 32, .max = 512, .doc = "The enrolment key: what a Console presents in X-API-Key until it rotates its keys."),
	CONF(api_key_file, .conf = "auth.api_key_file", .flags = F_NULLABLE, .doc = "A file that holds the key instead."),
	CONF(interface, .conf = "wireguard.interface", .flags = F_REQUIRED, .check = check_interface, .doc = "The WireGuard interface."),
	CONF(listen_port, .conf = "wireguard.listen_port", .flags = F_REQUIRED, .min = 1, .max = 65535, .doc = "Its UDP port."),
	CONF(subnet, .conf = "wireguard.subnet", .flags = F_NULLABLE, .doc = "IPv4 addresses for peers."),
	CONF(subnet6, .conf = "wireguard.subnet6", .flags = F_NULLABLE, .doc = "IPv6 addresses for peers."),
	CONF(server_ip, .conf = "wireguard.server_ip", .flags = F_NULLABLE | F_HOST, .doc = "The interface's own IPv4 address; default the first."),
	CONF(server_ip6, .conf = "wireguard.server_ip6", .flags = F_NULLABLE | F_HOST, .doc = "Its own IPv6 address; default the first."),
	CONF(endpoint, .conf = "wireguard.endpoint", .flags = F_NULLABLE, .max = 270, .doc = "host[:port] that clients use; default the API's host and the device's port."),
	CONF(mtu, .conf = "wireguard.mtu", .dflt = "1420", .min = 576, .max = 9200, .doc = "MTU of the interface."),
	CONF(keepalive, .conf = "wireguard.keepalive", .dflt = "0", .min = 0, .max = 65535, .doc = "Keepalive towards peers made through the compatible surface, in seconds; 0: off."),
	CONF(backend, .conf = "wireguard.backend", .dflt = "auto", .words = backend_words, .doc = "auto, kernel or userspace."),
	CONF(unmanaged_peers, .conf = "wireguard.unmanaged_peers", .dflt = "report", .words = unmanaged_words, .doc = "What to do with peers on the device that nobody made here: report or remove."),
	CONF(address_quarantine, .conf = "wireguard.address_quarantine", .dflt = "1h", .doc = "How long a freed address rests while others are free: 90s, 30m, 1h, 2d."),
	CONF(peer_store_file, .conf = "wireguard.peer_store_file", .flags = F_NULLABLE, .doc = "Published versions' peer store, imported once; its directory is the default state_dir."),
	CONF(wan_interface, .conf = "wireguard.routing.wan_interface", .flags = F_REQUIRED, .check = check_wan, .doc = "Where the tunnel's traffic leaves."),
	CONF(masquerade, .conf = "routing.masquerade", .dflt = "true", .doc = "Masquerade the tunnel's traffic, and accept forwarding it."),
	CONF(isolate_peers, .conf = "routing.isolate_peers", .dflt = "false", .doc = "Drop what goes from peer to peer."),
	CONF(state_dir, .conf = "state_dir", .flags = F_NULLABLE, .doc = "Where store and keys are; default /var/lib/wgkeeper."),
	CONF(metrics_port, .conf = "metrics.port", .dflt = "0", .min = 0, .max = 65535, .doc = "TCP port of the metrics; 0: off."),
	CONF(metrics_bind, .conf = "metrics.bind", .dflt = "", .max = 64, .doc = "Address that the metrics listen on; default all, both families."),
	CONF(metrics_token, .conf = "metrics.token", .flags = F_SECRET | F_NULLABLE, .min = 32, .max = 512, .doc = "What scrapers present as bearer token."),
	CONF(per_peer, .conf = "metrics.per_peer", .dflt = "false", .doc = "Series per peer."),
	CONF(per_peer_max, .conf = "metrics.per_peer_max", .dflt = "100", .min = 0, .max = 100000, .doc = "At most so many of them; 0: 100."),
	CONF(log_format, .conf = "log.format", .dflt = "logfmt", .words = format_words, .doc = "Lines of the log: logfmt or json."),
	CONF(log_level, .conf = "log.level", .dflt = "info", .words = level_words, .doc = "The least that is logged: error, warn, notice, info or debug."),
	{ 0 },
};
/* clang-format on */

const struct type node_conf_type = TYPE(struct node_conf, "config", conf_fields);

const char *node_conf_path(const char *given)
{
	const char *env = getenv("NODE_CONFIG");

	if (given)
		return given;
	return env && span_trim(span_of(env)).len ? env : "config.yaml";
}

const char *node_conf_wg_path(const struct node_conf *conf, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s.conf", geteuid() == 0 ? "/etc/wireguard" : "wireguard",
		conf->interface);
	return buf;
}

void node_conf_hosts(const struct cidr *subnet, uint64_t *ret_first, uint64_t *ret_last)
{
	unsigned host_bits = cidr_full_bits(subnet) - subnet->bits;

	*ret_first = 1;
	*ret_last = host_bits >= 64 ? UINT64_MAX - 1 : (UINT64_C(1) << host_bits) - 2;
}

static int check_subnet(struct cidr *subnet, const char *key, enum ip_family family, unsigned longest,
	struct err *err)
{
	if (!subnet->family)
		return 0;
	if (subnet->family != family)
		return err_set(err, REASON_CONFIG, key, "%s must be an %s CIDR", key,
			family == IP_V4 ? "IPv4" : "IPv6");
	if (subnet->bits > longest)
		return err_set(err, REASON_CONFIG, key,
			"%s prefix /%u is too long; maximum supported prefix is /%u", key,
			subnet->bits, longest);
	if (subnet->bits == 0)
		return err_set(err, REASON_CONFIG, key,
			"%s is the whole address space; give the tunnel a private range", key);
	*subnet = cidr_network(subnet);
	return 0;
}

static int check_server_ip(struct cidr *ip, const char *key, const struct cidr *subnet,
	const char *subnet_key, struct err *err)
{
	uint64_t first, last, offset;

	if (!subnet->family && ip->family)
		return err_set(err, REASON_CONFIG, key, "%s is set but %s is missing; set both, or "
			"neither", key, subnet_key);
	if (!subnet->family)
		return 0;
	if (!ip->family)
		*ip = cidr_host(subnet, 1);
	if (ip->family != subnet->family)
		return err_set(err, REASON_CONFIG, key, "%s must be a valid %s address", key,
			subnet->family == IP_V4 ? "IPv4" : "IPv6");
	if (!cidr_contains(subnet, ip))
		return err_set(err, REASON_CONFIG, key, "%s must be inside %s", key, subnet_key);
	node_conf_hosts(subnet, &first, &last);
	offset = cidr_offset(subnet, ip);
	if (offset < first || offset > last)
		return err_set(err, REASON_CONFIG, key,
			"%s is the network's or the broadcast address of %s; choose one between",
			key, subnet_key);
	return 0;
}

static int check_addresses(struct node_conf *conf, struct err *err)
{
	int r = check_subnet(&conf->subnet, "wireguard.subnet", IP_V4, 30, err);

	if (r >= 0)
		r = check_subnet(&conf->subnet6, "wireguard.subnet6", IP_V6, 126, err);
	if (r >= 0 && !conf->subnet.family && !conf->subnet6.family)
		r = err_set(err, REASON_CONFIG, "wireguard.subnet",
			"at least one of wireguard.subnet or wireguard.subnet6 is required");
	if (r >= 0)
		r = check_server_ip(&conf->server_ip, "wireguard.server_ip", &conf->subnet,
			"wireguard.subnet", err);
	if (r >= 0)
		r = check_server_ip(&conf->server_ip6, "wireguard.server_ip6", &conf->subnet6,
			"wireguard.subnet6", err);
	return r;
}

static int check_tls(struct node_conf *conf, struct err *err)
{
	if (conf->tls_cert && !conf->tls_key)
		return err_set(err, REASON_CONFIG, "server.tls_key",
			"server.tls_cert is set but server.tls_key is missing; set both for HTTPS");
	if (conf->tls_key && !conf->tls_cert)
		return err_set(err, REASON_CONFIG, "server.tls_cert",
			"server.tls_key is set but server.tls_cert is missing; set both for HTTPS");
	if (conf->tls == NODE_TLS_FILES && !conf->tls_cert)
		return err_set(err, REASON_CONFIG, "server.tls_cert",
			"server.tls is 'files'; set server.tls_cert and server.tls_key");
	if (conf->tls && conf->tls != NODE_TLS_FILES && conf->tls_cert)
		return err_set(err, REASON_CONFIG, "server.tls",
			"server.tls_cert is set; server.tls must then be 'files', or be left out");
	if (conf->tls == NODE_TLS_OFF && conf->client_ca)
		return err_set(err, REASON_CONFIG, "server.client_ca",
			"server.client_ca needs TLS, and server.tls is off; set one of them otherwise");
	if (!conf->tls)
		conf->tls = conf->tls_cert ? NODE_TLS_FILES : NODE_TLS_AUTO;
	return 0;
}

/* Where there is one the key of the configuration may have been retired, and taken out of it. */
static bool has_store(const struct node_conf *conf)
{
	char path[STORE_PATH_SIZE];

	return (size_t)snprintf(path, sizeof path, "%s/store.db", conf->state_dir) < sizeof path &&
	       access(path, F_OK) == 0;
}

static int check_key(struct node_conf *conf, struct arena *arena, struct err *err)
{
	struct span text;
	int r;

	if (conf->api_key.at && conf->api_key_file)
		return err_set(err, REASON_CONFIG, "auth.api_key_file",
			"auth.api_key and auth.api_key_file are both set; keep one");
	if (!conf->api_key.at && !conf->api_key_file) {
		if (has_store(conf))
			return 0; /* it knows the keys, and the keeper sees to it that there is one */
		return err_set(err, REASON_CONFIG, "auth.api_key",
			"auth.api_key is required; `wgkeeper-node init` writes a config with a fresh one");
	}
	if (conf->api_key_file) {
		r = conf_slurp(conf->api_key_file, 4096, &text, arena, err);
		if (r < 0)
			return err_context(err, r, "auth.api_key_file");
		text = span_trim(text);
		conf->api_key = (struct secret){ arena_secret(arena, text), text.len };
		explicit_bzero((char *)(uintptr_t)text.at, text.len);
		if (!conf->api_key.at)
			return arena_full(arena, err);
	}
	if (conf->api_key.len < 32)
		return err_set(err, REASON_CONFIG, "auth.api_key",
			"auth.api_key must be at least 32 characters");
	return 0;
}

/* "90s", "30m", "1h", "2d", or "0". */
static bool parse_duration(const char *text, int64_t *ret_us)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t len = strlen(text);
	uint64_t n;

	if (!strcmp(text, "0")) {
		*ret_us = 0;
		return true;
	}
	for (size_t i = 0; len > 1 && i < N_ELEMENTS(units); i++)
		if (text[len - 1] == units[i].unit) {
			if (!parse_u64((struct span){ text, len - 1 }, 100000, &n))
				return false;
			*ret_us = (int64_t)n * units[i].seconds * USEC_PER_SEC;
			return true;
		}
	return false;
}

static int check_metrics(const struct node_conf *conf, struct err *err)
{
	if (!conf->metrics_port)
		return 0;
	if (!conf->metrics_token.at)
		return err_set(err, REASON_CONFIG, "metrics.token",
			"metrics.token is required when metrics.port is set");
	if (conf->metrics_port == conf->port)
		return err_set(err, REASON_CONFIG, "metrics.port",
			"metrics.port and server.port are the same; choose another");
	if (conf->api_key.at && conf->metrics_token.len == conf->api_key.len &&
		!memcmp(conf->metrics_token.at, conf->api_key.at, conf->api_key.len))
		return err_set(err, REASON_CONFIG, "metrics.token",
			"metrics.token must differ from auth.api_key");
	return 0;
}

static int check_all(struct node_conf *conf, struct arena *arena, struct err *err)
{
	int r = check_key(conf, arena, err);

	if (r >= 0)
		r = check_tls(conf, err);
	if (r >= 0)
		r = check_addresses(conf, err);
	if (r >= 0)
		r = check_metrics(conf, err);
	if (r >= 0 && !parse_duration(conf->address_quarantine, &conf->quarantine_us))
		r = err_set(err, REASON_CONFIG, "wireguard.address_quarantine",
			"wireguard.address_quarantine must be a duration such as 90s, 30m, 1h or 2d");
	return r;
}

/* The directory of the published store, where existing set-ups mount their volume. */
static int choose_state_dir(struct node_conf *conf, struct arena *arena, struct err *err)
{
	const char *slash = conf->peer_store_file ? strrchr(conf->peer_store_file, '/') : NULL;
	size_t len;

	if (conf->state_dir)
		return 0;
	if (!conf->peer_store_file) {
		conf->state_dir = "/var/lib/wgkeeper";
		return 0;
	}
	len = slash ? (size_t)(slash - conf->peer_store_file) : 0;
	if (!slash)
		conf->state_dir = ".";
	else if (len == 0)
		conf->state_dir = "/";
	else
		conf->state_dir =
			arena_strndup(arena, (struct span){ conf->peer_store_file, len });
	return conf->state_dir ? 0 : arena_full(arena, err);
}

static int default_proxies(struct node_conf *conf, struct arena *arena, struct err *err)
{
	struct cidr *loopback;

	if (conf->trusted_proxies.n)
		return 0;
	loopback = arena_alloc(arena, 2 * sizeof *loopback);
	if (!loopback)
		return arena_full(arena, err);
	/* exactly these two, as published */
	(void)cidr_parse_address(span_of("127.0.0.1"), &loopback[0]);
	(void)cidr_parse_address(span_of("::1"), &loopback[1]);
	conf->trusted_proxies = (struct list){ loopback, 2 };
	return 0;
}

int node_conf_load(const char *path, struct node_conf *ret_conf, struct arena *arena, struct err *err)
{
	struct node_conf conf = { 0 };
	int r = conf_read_file(path, &node_conf_type, &conf, arena, err);

	if (r < 0)
		return r;
	r = choose_state_dir(&conf, arena, err);
	if (r < 0)
		return r;
	r = check_all(&conf, arena, err);
	if (r < 0)
		return err_context(err, r, "%s", path);
	r = default_proxies(&conf, arena, err);
	if (r >= 0)
		*ret_conf = conf;
	return r;
}

static void forget(struct secret *secret)
{
	if (secret->at)
		explicit_bzero((char *)(uintptr_t)secret->at, secret->len);
	*secret = (struct secret){ 0 };
}

void node_conf_forget(struct node_conf *conf)
{
	forget(&conf->api_key);
	forget(&conf->metrics_token);
}
