/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "log/log.h"
#include "node/gate/exposition.h"
#include "node/gate/gate.h"

enum {
	PERM_SCRAPE = HTTP_PERM_ANYONE + 1,
	MAX_CONNECTIONS = 32,
	TEXT_MAX = 1024 * 1024,
	ARENA = 16 * 1024 * 1024, /* at most: 100,000 records of a peer */
	RECORDS_MAX = 4, /* scrapes at a time that hold records of peers */
	PIECE = 16 * 1024,
};

static const double rate = 5, burst = 10; /* as published */

/*
 * Who may
 */

static bool take(struct bucket *bucket)
{
	int64_t now = time_monotonic_us();

	bucket->tokens += (double)(now - bucket->at_us) / (double)USEC_PER_SEC * rate;
	if (bucket->tokens > burst)
		bucket->tokens = burst;
	bucket->at_us = now;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens -= 1;
	return true;
}

static bool has_token(const struct http_request *req)
{
	const struct gate *gate = req->app;
	const char *header = http_header(req, "Authorization");
	struct digest digest;

	if (!header || strncmp(header, "Bearer ", 7) != 0)
		return false;
	digest = digest_of(span_of(header + 7));
	return digest_equal(&digest, &gate->scraper.token);
}

/* Before the method is looked at, as published. */
static int admit(struct http_request *req, struct err *err)
{
	struct gate *gate = req->app;
	char source[CIDR_TEXT_SIZE];
	bool known;

	if (strcmp(req->path, "/metrics") != 0)
		return 0; /* there is nothing else */
	known = has_token(req);
	if (!take(known ? &gate->scraper.known : &gate->scraper.strangers))
		return err_set(err, REASON_RATE_LIMITED, NULL, "too many requests");
	if (known)
		return 0;
	log_warn("metrics: a request without the right token",
		LOG_STR("ip", cidr_format_address(source, &req->source)),
		LOG_STR("request_id", req->id));
	return err_set(err, REASON_UNAUTHORIZED, "Authorization", "unauthorized");
}

static int authorize(struct http_request *req, struct err *err)
{
	if (req->route->perm == PERM_SCRAPE && has_token(req))
		return 0;
	return err_set(err, REASON_UNAUTHORIZED, "Authorization", "unauthorized");
}

/*
 * Telling
 */

static uint64_t since(int64_t monotonic_us)
{
	return monotonic_us ? (uint64_t)(time_monotonic_us() - monotonic_us) : METRIC_INFINITE;
}

/* Processes of which only the keeper knows stay unknown without it. */
static void fill_own(const struct gate *gate, struct scrape *scrape)
{
	struct process_metrics *p = &scrape->gate.processes;

	if (scrape->node)
		*p = scrape->node->processes;
	else
		memset(p, 0xff, sizeof *p); /* METRIC_NONE */
	usage_read(&gate->scraper.usage, PROCESS_GATE, p);
	scrape->gate.one = 1;
	scrape->gate.keeper_up = scrape->node != NULL;
	scrape->gate.authenticated_us = since(gate->authenticated_us);
	scrape->http = &gate->meters;
	scrape->interface = gate->scraper.interface;
	scrape->now_us = (uint64_t)time_now().us;
}

/* The keeper is away: what the gate knows by itself is told all the same. */
static void put_own(struct http_request *req)
{
	struct scrape scrape = { 0 };

	fill_own(req->app, &scrape);
	metrics_write(http_text(req, exposition_type), &scrape);
	req->status = 200;
}

/* What was written is sent, then some more is written. */
static size_t pull(struct http_request *req, char *buf, size_t max)
{
	struct scrape *scrape = req->in;
	size_t n;

	if (scrape->sent == req->answer.len) {
		sbuf_clear(&req->answer);
		scrape->sent = 0;
		(void)metrics_write_peers(&req->answer, scrape, PIECE);
	}
	n = req->answer.len - scrape->sent;
	n = n < max ? n : max;
	memcpy(buf, req->answer.data + scrape->sent, n);
	scrape->sent += n;
	return n;
}

static int malformed(struct err *err)
{
	return err_set(err, REASON_INTERNAL, NULL, "a malformed answer from the keeper");
}

/* The first message of an answer: the numbers, and how many records follow. */
static int take_numbers(struct http_request *req, const void *records, size_t len, struct err *err)
{
	const struct node_metrics *in = records;
	struct scrape *scrape = req->in;
	struct gate *gate = req->app;
	struct node_metrics *node = arena_alloc(req->arena, sizeof *node);
	struct peer_metrics *peers = NULL;

	if (len != sizeof *in || in->n_series > ARENA / sizeof *peers)
		return malformed(err);
	if (in->n_series && gate->scraper.n_holding >= RECORDS_MAX)
		return err_set(err, REASON_BUSY, NULL, "too many scrapes are under way");
	if (node && in->n_series)
		peers = arena_alloc(req->arena, in->n_series * sizeof *peers);
	if (!node || (in->n_series && !peers))
		return arena_full(req->arena, err);
	*node = *in;
	scrape->node = node;
	scrape->peers = peers;
	gate->scraper.n_holding += peers != NULL;
	fill_own(gate, scrape);
	metrics_write(http_text(req, exposition_type), scrape);
	return 0;
}

static int scrape_answer(struct pending *p, const struct ipc_meta *meta, const void *records,
	size_t len, bool more, struct err *err)
{
	struct scrape *scrape = p->req->in;
	const struct peer_metrics *in = records;
	size_t n = len / sizeof *in;

	(void)meta;
	if (!scrape->node) {
		int r = take_numbers(p->req, records, len, err);

		return r < 0 || more || !scrape->node->n_series ? r : malformed(err);
	}
	if (len % sizeof *in || n > scrape->node->n_series - scrape->n_peers)
		return malformed(err);
	memcpy((void *)(uintptr_t)(scrape->peers + scrape->n_peers), in, len);
	scrape->n_peers += n;
	if (!more && scrape->n_peers)
		p->req->pull = pull;
	return 0;
}

static int scrape(struct http_request *req, struct err *err)
{
	struct scrape *scrape = arena_alloc(req->arena, sizeof *scrape);

	if (!scrape)
		return arena_full(req->arena, err);
	req->in = scrape; /* for the answer */
	return gate_ask(req, IPC_METRICS, NULL, 0, scrape_answer, err);
}

/* Bodies are empty, as published. */
static void put_error(struct http_request *req, const struct err *err)
{
	(void)http_text(req, NULL);
	switch (err->reason) {
	case REASON_KEEPER_AWAY: put_own(req); break;
	case REASON_UNAUTHORIZED:
		http_set_header(req, "WWW-Authenticate", "Bearer realm=\"metrics\"");
		break;
	case REASON_RATE_LIMITED:
	case REASON_BUSY: http_set_header(req, "Retry-After", "1"); break;
	default: break;
	}
}

static void no_route(struct http_request *req)
{
	sbuf_puts(http_text(req, "text/plain; charset=utf-8"), "404 page not found\n");
	http_set_header(req, "X-Content-Type-Options", "nosniff");
	req->status = 404;
}

static void finished(const struct http_request *req)
{
	const struct scrape *scrape = req->in;
	struct gate *gate = req->app;

	gate->scraper.n_holding -= scrape && scrape->peers;
	if (req->err.reason && req->err.reason != REASON_UNAUTHORIZED)
		log_info("metrics: a request failed", LOG_STR("reason", err_slug(req->err.reason)),
			LOG_INT("status", req->status), LOG_STR("request_id", req->id));
}

/* clang-format off */
static const struct route routes[] = {
	{ HTTP_GET, "/metrics", .perm = PERM_SCRAPE, .handle = scrape, .flags = ROUTE_HIDDEN, .summary = "Metrics for Prometheus" },
};
/* clang-format on */

static int serve(struct gate *gate, int fd, struct err *err)
{
	struct http_conf conf = { .listen_fd = fd, .idle_s = 60,
		.crowd = { .max = MAX_CONNECTIONS }, .pace = { .head_s = 5 } };
	struct http_app app = { .ctx = gate, .routes = routes, .n_routes = N_ELEMENTS(routes),
		.max_answer = TEXT_MAX, .arena_size = ARENA, .admit = admit, .authorize = authorize,
		.no_route = no_route, .put_error = put_error, .done = finished };

	return http_server_start(&conf, &app, &gate->scraper.server, err);
}

void scraper_init(struct scraper *scraper)
{
	int64_t now = time_monotonic_us();

	*scraper = (struct scraper){ .strangers = { burst, now }, .known = { burst, now } };
	usage_open(&scraper->usage);
}

void scraper_setup(struct gate *gate, struct ipc_message *message)
{
	const struct ipc_metrics_setup *in = message->body;
	struct scraper *scraper = &gate->scraper;
	struct err err;

	if (message->len != sizeof *in || !memchr(in->interface, 0, sizeof in->interface))
		return;
	scraper->token = in->token;
	memcpy(scraper->interface, in->interface, sizeof scraper->interface);
	if (scraper->server || message->fd < 0)
		return;
	if (serve(gate, message->fd, &err) < 0) {
		log_error("the metrics cannot be served; everything else is", LOG_ERR(&err));
		return;
	}
	message->fd = -1; /* the server's */
	log_notice("serving metrics");
}

void scraper_done(struct scraper *scraper)
{
	explicit_bzero(&scraper->token, sizeof scraper->token);
	usage_close(&scraper->usage);
}
