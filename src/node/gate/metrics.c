/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "node/gate/exposition.h"
#include "node/gate/metrics.h"

static const char *const state_words[N_PEER_GAUGES] = { [GAUGE_POSSIBLE] = "possible",
	[GAUGE_ISSUED] = "issued", [GAUGE_ACTIVE] = "active", [GAUGE_CONNECTED] = "connected",
	[GAUGE_SUSPENDED] = "suspended" };
static const char *const op_words[N_PEER_OPS] = { [PEER_CREATE] = "create", [PEER_ROTATE] = "rotate",
	[PEER_UPDATE] = "update", [PEER_DELETE] = "delete", [PEER_EXPIRE] = "expire" };
static const char *const result_words[N_OP_RESULTS] = { [RESULT_SUCCESS] = "success",
	[RESULT_NO_IP] = "error_no_ip", [RESULT_PERSIST] = "error_persist",
	[RESULT_FAMILY] = "error_unsupported_family", [RESULT_NOT_FOUND] = "error_not_found",
	[RESULT_DEVICE] = "error_device", [RESULT_CONFLICT] = "error_conflict",
	[RESULT_INVALID] = "error_invalid", [RESULT_INTERNAL] = "error_internal" };
static const char *const rollback_words[] = { "create", "rotate" };
static const char *const drift_words[N_DRIFT_KINDS] = { [DRIFT_UNMANAGED] = "unmanaged",
	[DRIFT_ALTERED] = "altered", [DRIFT_MISSING] = "missing" };
static const char *const family_words[N_FAMILIES] = { "IPv4", "IPv6" };
static const char *const pool_words[N_POOL_GAUGES] = { [POOL_POSSIBLE] = "possible",
	[POOL_USED] = "used", [POOL_RESTING] = "resting" };
static const char *const forwarding_words[N_FORWARDINGS] = { "ok", "off", "blocked" };
static const char *const process_words[N_PROCESSES] = { [PROCESS_MAIN] = "main",
	[PROCESS_KEEPER] = "keeper", [PROCESS_GATE] = "gate" };
static const char *const version_words[] = { WGKEEPER_VERSION };
static const char *const class_words[N_CLASSES] = { [CLASS_2XX] = "2xx", [CLASS_3XX] = "3xx",
	[CLASS_4XX] = "4xx", [CLASS_5XX] = "5xx", [CLASS_UNKNOWN] = "unknown" };
static const char *const method_words[] = { [HTTP_GET] = "GET", [HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = "other" };

#define IN(from_, struct_, member)                                     \
	.from = (from_), .offset = offsetof(struct struct_, member),   \
	.size = sizeof(((struct struct_ *)0)->member)
#define KEEPER(member) IN(FROM_KEEPER, node_metrics, member)
#define GATE(member)   IN(FROM_GATE, gate_metrics, member)
#define PEER(member)   IN(FROM_PEER, peer_metrics, member)
#define OVER(name_, words_) { (name_), (words_), N_ELEMENTS(words_) }
#define PEER_LABELS      .label = { { "peer_id" }, { "allowed_ip" } }
#define EXPORTER_LABELS  .label = { { "interface" }, { "public_key" }, { "allowed_ips" } }

/* Names, types and labels of the published version come first, as published. */
/* clang-format off */
const struct metric metrics[] = {
	{ "wgkeeper_peers", METRIC_GAUGE, KEEPER(peers), .label = { OVER("state", state_words) }, .help = "Peers: possible in the smallest pool, issued, with a handshake of the last 2 minutes (active) or 3 (connected), suspended; none while the device cannot be read" },
	{ "wgkeeper_peer_operations_total", METRIC_COUNTER, KEEPER(ops), .label = { OVER("op", op_words), OVER("result", result_words) }, .help = "Changes of peers by outcome" },
	{ "wgkeeper_peer_operation_duration_seconds", METRIC_HISTOGRAM, KEEPER(op_time), .label = { OVER("op", op_words) }, .help = "Time from a change's arrival at the keeper to its answer" },
	{ "wgkeeper_persist_rollback_total", METRIC_COUNTER, KEEPER(rollbacks), .label = { OVER("op", rollback_words) }, .help = "Stored changes taken back because the device refused them" },
	{ "wgkeeper_persist_rollback_failed_total", METRIC_COUNTER, KEEPER(rollbacks_failed), .help = "Stored changes that the device refused and that could not be taken back" },
	{ "wgkeeper_http_requests_total", METRIC_COUNTER, .from = FROM_HTTP, .label = { { "method" }, { "path" }, { "status_class" } }, .help = "Requests to the API; path is the route's pattern, or unmatched" },
	{ "wgkeeper_http_request_duration_seconds", METRIC_HISTOGRAM, .from = FROM_HTTP_TIME, .label = { { "method" }, { "path" } }, .help = "Time from a request's head to its answer" },
	{ "wgkeeper_wireguard_rx_bytes_total", METRIC_COUNTER, KEEPER(rx_bytes), .help = "Bytes received from peers since the keeper began, of peers that are gone too" },
	{ "wgkeeper_wireguard_tx_bytes_total", METRIC_COUNTER, KEEPER(tx_bytes), .help = "Bytes sent to peers since the keeper began, to peers that are gone too" },
	{ "wgkeeper_wireguard_stale_peers", METRIC_GAUGE, KEEPER(stale), .help = "Peers on the device without a handshake in the last 5 minutes" },
	{ "wgkeeper_peer_rx_bytes_total", METRIC_COUNTER, PEER(rx_bytes), PEER_LABELS, .help = "Bytes received from a peer, as the device counts" },
	{ "wgkeeper_peer_tx_bytes_total", METRIC_COUNTER, PEER(tx_bytes), PEER_LABELS, .help = "Bytes sent to a peer, as the device counts" },
	{ "wgkeeper_peer_last_handshake_seconds", METRIC_GAUGE, UNIT_AGE, PEER(handshake_us), PEER_LABELS, .help = "Time since a peer's last handshake; +Inf if there was none" },
	{ "wgkeeper_peers_capped", METRIC_GAUGE, KEEPER(capped), .help = "Peers without series of their own because of metrics.per_peer_max" },
	{ "process_start_time_seconds", METRIC_GAUGE, UNIT_SECONDS, GATE(processes.start_us), .label = { OVER("process", process_words) }, .help = "When a process was started, in Unix time" },
	{ "process_cpu_seconds_total", METRIC_COUNTER, UNIT_SECONDS, GATE(processes.cpu_us), .label = { OVER("process", process_words) }, .help = "Processor time that a process has used" },
	{ "process_resident_memory_bytes", METRIC_GAUGE, GATE(processes.resident_bytes), .label = { OVER("process", process_words) }, .help = "Memory that a process has" },
	{ "process_open_fds", METRIC_GAUGE, GATE(processes.open_fds), .label = { OVER("process", process_words) }, .help = "Descriptors that a process has open" },

	/* the names of the usual WireGuard exporter, whose handshakes are in Unix time */
	{ "wireguard_sent_bytes_total", METRIC_COUNTER, PEER(tx_bytes), EXPORTER_LABELS, .help = "Bytes sent to a peer, as the device counts" },
	{ "wireguard_received_bytes_total", METRIC_COUNTER, PEER(rx_bytes), EXPORTER_LABELS, .help = "Bytes received from a peer, as the device counts" },
	{ "wireguard_latest_handshake_seconds", METRIC_GAUGE, UNIT_SECONDS, PEER(handshake_us), EXPORTER_LABELS, .help = "A peer's last handshake, in Unix time; 0 if there was none" },

	/* ours */
	{ "wgkeeper_build_info", METRIC_GAUGE, GATE(one), .label = { OVER("version", version_words) }, .help = "1, with the version" },
	{ "wgkeeper_keeper_up", METRIC_GAUGE, GATE(keeper_up), .help = "Whether the keeper answered; without it only the gate's own numbers are here" },
	{ "wgkeeper_check_ok", METRIC_GAUGE, KEEPER(checks), .label = { { "check", check_names, N_CHECKS } }, .help = "Whether a check of GET /v1/ready has nothing to say" },
	{ "wgkeeper_drift_peers", METRIC_GAUGE, KEEPER(drift), .label = { OVER("kind", drift_words) }, .help = "Peers on the device that are not the node's, are not as the node has them, or should be there and are not" },
	{ "wgkeeper_pool_addresses", METRIC_GAUGE, KEEPER(pools), .label = { OVER("family", family_words), OVER("state", pool_words) }, .help = "Addresses of a family: that peers can have, have, and had lately" },
	{ "wgkeeper_forwarding", METRIC_GAUGE, KEEPER(forwarding), .label = { OVER("state", forwarding_words) }, .help = "1 for the state that forwarding is in" },
	{ "wgkeeper_store_revision", METRIC_GAUGE, KEEPER(revision), .help = "The store's revision; a decrease is a store that went back" },
	{ "wgkeeper_ended_records", METRIC_GAUGE, KEEPER(ended), .help = "Ended peers that the store keeps so that they never come back" },
	{ "wgkeeper_store_commit_duration_seconds", METRIC_HISTOGRAM, KEEPER(commit_time), .help = "Time that a batch of changes took to be on disk" },
	{ "wgkeeper_store_commit_failures_total", METRIC_COUNTER, KEEPER(commits_failed), .help = "Batches of changes that could not be stored" },
	{ "wgkeeper_disk_free_bytes", METRIC_GAUGE, KEEPER(disk_free_bytes), .help = "Free space where state_dir is" },
	{ "wgkeeper_device_read_duration_seconds", METRIC_HISTOGRAM, KEEPER(read_time), .help = "Time that a reading of the device took" },
	{ "wgkeeper_device_read_age_seconds", METRIC_GAUGE, UNIT_SECONDS, KEEPER(read_age_us), .help = "Age of the reading that these numbers are from; +Inf before the first" },
	{ "wgkeeper_device_read_failures_total", METRIC_COUNTER, KEEPER(reads_failed), .help = "Readings of the device that failed" },
	{ "wgkeeper_last_authenticated_request_seconds", METRIC_GAUGE, UNIT_SECONDS, GATE(authenticated_us), .help = "Time since the last request with a valid API key, probes excepted; +Inf if there was none since the gate began" },
	{ "wgkeeper_certificate_expiry_timestamp_seconds", METRIC_GAUGE, UNIT_SECONDS, KEEPER(cert_expires_us), .help = "When the certificate of the API ends, in Unix time; none with server.tls off" },
};
/* clang-format on */

const size_t n_metrics = N_ELEMENTS(metrics);

const char *metric_type_word(enum metric_type type)
{
	static const char *const words[] = { [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram" };

	return words[type];
}

/*
 * The API's requests
 */

int http_meters_init(struct http_meters *meters, const struct route *routes, size_t n_routes,
	struct err *err)
{
	*meters = (struct http_meters){ routes, n_routes,
		calloc(n_routes + HTTP_OTHER + 1, sizeof *meters->at) };
	return meters->at ? 0 : err_nomem(err);
}

static enum status_class class_of(unsigned status)
{
	return status >= 200 && status < 600 ? (enum status_class)(status / 100 - 2) : CLASS_UNKNOWN;
}

void http_meters_add(struct http_meters *meters, const struct http_request *req)
{
	size_t row = req->route ? (size_t)(req->route - meters->routes)
				: meters->n_routes + (size_t)req->method;
	int64_t end = req->answered_us ?: time_monotonic_us();

	if (!meters->at)
		return;
	meters->at[row].classes[class_of(req->answered_us ? req->status : 0)]++;
	histogram_add(&meters->at[row].time, end - req->started_us);
}

void http_meters_done(struct http_meters *meters)
{
	free(meters->at);
}

/* "/peers/{peerId}" is labelled "/peers/:peerId", as published. */
static void path_label(char *buf, size_t size, const char *pattern)
{
	size_t n = 0;

	for (; *pattern && n + 1 < size; pattern++)
		if (*pattern != '}')
			buf[n++] = *pattern == '{' ? ':' : *pattern;
	buf[n] = '\0';
}

static void write_http(struct sbuf *out, const struct metric *m, const struct http_meters *meters,
	size_t row)
{
	bool matched = row < meters->n_routes;
	const struct http_meter *meter = &meters->at[row];
	char path[64] = "unmatched";
	struct label labels[3] = {
		{ m->label[0].name, method_words[matched ? meters->routes[row].method
							 : row - meters->n_routes] },
		{ m->label[1].name, path },
	};
	uint64_t n = 0;

	if (matched)
		path_label(path, sizeof path, meters->routes[row].path);
	for (unsigned c = 0; c < N_CLASSES; c++) {
		n += meter->classes[c];
		if (m->from == FROM_HTTP_TIME || !meter->classes[c])
			continue; /* a series comes with its first request */
		labels[2] = (struct label){ m->label[2].name, class_words[c] };
		exposition_number(out, m->name, labels, 3, meter->classes[c]);
	}
	if (m->from == FROM_HTTP_TIME && n)
		exposition_histogram(out, m->name, labels, 2, &meter->time);
}

/*
 * Numbers in arrays
 */

static void write_value(struct sbuf *out, const struct metric *m, const struct label *labels, size_t n,
	const void *at, size_t i)
{
	const uint64_t *numbers = at;

	if (m->type == METRIC_HISTOGRAM)
		exposition_histogram(out, m->name, labels, n, (const struct histogram *)at + i);
	else if (m->unit == UNIT_SECONDS)
		exposition_seconds(out, m->name, labels, n, numbers[i]);
	else
		exposition_number(out, m->name, labels, n, numbers[i]);
}

static void write_array(struct sbuf *out, const struct metric *m, const void *at)
{
	size_t outer = m->label[0].n ?: 1, inner = m->label[1].n ?: 1;
	size_t n_labels = m->label[1].n ? 2 : m->label[0].n ? 1 : 0;
	struct label labels[2];

	for (size_t i = 0; i < outer * inner; i++) {
		const size_t word[] = { i / inner, i % inner };

		for (size_t l = 0; l < n_labels; l++)
			labels[l] = (struct label){ m->label[l].name, m->label[l].words[word[l]] };
		write_value(out, m, labels, n_labels, at, i);
	}
}

static void write_family(struct sbuf *out, const struct metric *m, const struct scrape *scrape)
{
	size_t head = out->len, body;

	exposition_head(out, m->name, metric_type_word(m->type), m->help);
	body = out->len;
	if (m->from == FROM_KEEPER)
		write_array(out, m, (const char *)scrape->node + m->offset);
	else if (m->from == FROM_GATE)
		write_array(out, m, (const char *)&scrape->gate + m->offset);
	else
		for (size_t i = 0; i < scrape->http->n_routes + HTTP_OTHER + 1; i++)
			write_http(out, m, scrape->http, i);
	if (out->len == body && !out->failed) { /* nothing to tell: no head either */
		out->len = head;
		out->data[head] = '\0';
	}
}

void metrics_write(struct sbuf *out, const struct scrape *scrape)
{
	for (size_t i = 0; i < n_metrics; i++)
		if (metrics[i].from != FROM_PEER && (metrics[i].from != FROM_KEEPER || scrape->node))
			write_family(out, &metrics[i], scrape);
}

/*
 * Single peers
 */

static void write_peer(struct sbuf *out, const struct metric *m, const struct scrape *scrape,
	const struct peer_metrics *peer)
{
	char id[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE], first[CIDR_TEXT_SIZE] = "", all[2 * CIDR_TEXT_SIZE];
	char second[CIDR_TEXT_SIZE] = "";
	const struct label ours[] = { { m->label[0].name, id }, { m->label[1].name, first } };
	const struct label usual[] = { { m->label[0].name, scrape->interface },
		{ m->label[1].name, key }, { m->label[2].name, all } };
	bool is_ours = !m->label[2].name;
	const struct label *labels = is_ours ? ours : usual;
	uint64_t value;

	uuid_format(id, &peer->id);
	wgkey_format(key, &peer->public_key);
	if (peer->address[0].family)
		cidr_format(first, &peer->address[0]);
	if (peer->address[1].family)
		cidr_format(first[0] ? second : first, &peer->address[1]);
	snprintf(all, sizeof all, "%s%s%s", first, second[0] ? "," : "", second);
	memcpy(&value, (const char *)peer + m->offset, sizeof value);
	if (m->unit == UNIT_AGE)
		value = !value			 ? METRIC_INFINITE
			: value < scrape->now_us ? scrape->now_us - value
						 : 0;
	if (m->unit == UNIT_NUMBER)
		exposition_number(out, m->name, labels, is_ours ? 2 : 3, value);
	else
		exposition_seconds(out, m->name, labels, is_ours ? 2 : 3, value);
}

bool metrics_write_peers(struct sbuf *out, struct scrape *scrape, size_t enough)
{
	size_t begin = out->len;

	for (; scrape->row < n_metrics; scrape->row++) {
		const struct metric *m = &metrics[scrape->row];

		if (m->from != FROM_PEER || !scrape->n_peers)
			continue;
		for (; scrape->at < scrape->n_peers; scrape->at++) {
			if (out->len - begin >= enough)
				return true;
			if (scrape->at == 0)
				exposition_head(out, m->name, metric_type_word(m->type), m->help);
			write_peer(out, m, scrape, &scrape->peers[scrape->at]);
		}
		scrape->at = 0;
	}
	return out->len > begin;
}
