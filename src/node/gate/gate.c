/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "http/tls.h"
#include "log/log.h"
#include "node/gate/gate.h"
#include "node/logging.h"

enum {
	MESSAGES_A_TURN = 256,
	MAX_BODY = 262144, /* the published surface's; native rows have less */
	MAX_ANSWER = 16 * 1024 * 1024,
	KEEP_FREE = 4 * 1024 * 1024,
	REQUEST_ARENA = 4 * 1024 * 1024,
	MAX_CONNECTIONS = 1024,
	PER_SOURCE = 16,
	BODY_RATE = 1024,
};

/* The first one only where the certificate is one that browsers may come to insist on. */
static const struct http_header headers[] = {
	{ "Strict-Transport-Security", "max-age=31536000", NULL },
	{ "X-Content-Type-Options", "nosniff", NULL },
	{ "X-Frame-Options", "DENY", NULL },
	{ "X-Xss-Protection", "1; mode=block", NULL },
	{ "Referrer-Policy", "strict-origin-when-cross-origin", NULL },
	{ 0 },
};

/*
 * Messages from the keeper
 */

int gate_error(const struct ipc_error *in, struct err *err)
{
	enum err_reason reason = REASON_INTERNAL;

	if (in->reason > REASON_NONE && in->reason < REASON_COUNT)
		reason = (enum err_reason)in->reason;
	if (!memchr(in->msg, 0, sizeof in->msg) || !memchr(in->field, 0, sizeof in->field))
		return err_set(err, REASON_INTERNAL, NULL, "a malformed error from the keeper");
	return err_set(err, reason, in->field[0] ? in->field : NULL, "%s", in->msg);
}

static int error_of(const struct ipc_message *message, struct err *err)
{
	if (message->len != sizeof(struct ipc_error))
		return err_set(err, REASON_INTERNAL, NULL, "a malformed error from the keeper");
	return gate_error(message->body, err);
}

static void take_answer(struct gate *gate, const struct ipc_message *message)
{
	struct pending *p = map_get(&gate->pending, &message->head.id);
	const struct ipc_meta *meta = message->body;
	bool more = (message->head.flags & IPC_MORE) != 0;
	struct err err = { 0 };
	int r;

	if (!p)
		return; /* given up */
	if (message->head.flags & IPC_ERROR)
		r = error_of(message, &err);
	else if (message->len < sizeof *meta)
		r = err_set(&err, REASON_INTERNAL, NULL, "a malformed answer from the keeper");
	else
		r = p->on_answer(p, meta, meta + 1, message->len - sizeof *meta, more, &err);
	if (r < 0 || !more)
		gate_finish(gate, p, r, &err);
	else
		p->since_us = time_monotonic_us(); /* a long list is progress */
}

/* The PEM texts behind a set-up, each with its end. */
struct pems {
	char *text[3];
};

static void pems_done(struct pems *pems)
{
	for (unsigned i = 0; i < N_ELEMENTS(pems->text); i++) {
		if (pems->text[i])
			explicit_bzero(pems->text[i], strlen(pems->text[i]));
		free(pems->text[i]);
	}
}

static int use_tls(const struct ipc_setup *in, struct err *err)
{
	const size_t lengths[] = { in->cert_len, in->key_len, in->client_ca_len };
	scoped(pems_done) struct pems pems = { 0 };
	const char *at = (const char *)(in + 1);
	struct http_tls tls;

	for (unsigned i = 0; i < N_ELEMENTS(lengths); at += lengths[i++]) {
		pems.text[i] = calloc(1, lengths[i] + 1);
		if (!pems.text[i])
			return err_nomem(err);
		memcpy(pems.text[i], at, lengths[i]);
	}
	tls = (struct http_tls){ pems.text[0], pems.text[1], in->client_ca_len ? pems.text[2] : NULL };
	return tls_use(&tls, err);
}

static bool keys_ok(const struct ipc_keys *keys)
{
	return keys->n <= N_ELEMENTS(keys->at);
}

static int copy_setup(struct gate *gate, const struct ipc_message *message, struct err *err)
{
	const struct ipc_setup *in = message->body;

	if (message->len < sizeof *in || in->cert_len > IPC_PEM_MAX || in->key_len > IPC_PEM_MAX ||
		in->client_ca_len > IPC_PEM_MAX ||
		message->len != sizeof *in + in->cert_len + in->key_len + in->client_ca_len ||
		!keys_ok(&in->keys) || in->n_allowed > NODE_ALLOWED_MAX || in->n_trusted > NODE_PROXIES_MAX)
		return err_set(err, REASON_INTERNAL, NULL, "a malformed set-up from the keeper");
	if (!gate->setup)
		gate->setup = malloc(sizeof *gate->setup);
	if (!gate->setup)
		return err_nomem(err);
	*gate->setup = *in;
	logging_set(in->log_level, in->log_format);
	gate->allowed = (struct list){ gate->setup->allowed, in->n_allowed };
	gate->trusted = (struct list){ gate->setup->trusted, in->n_trusted };
	return in->tls ? use_tls(in, err) : 0;
}

static int gate_serve(struct gate *gate, struct err *err);

static void take_setup(struct gate *gate, struct ipc_message *message)
{
	struct err err;
	int r = copy_setup(gate, message, &err);

	if (r >= 0 && !gate->server && message->fd >= 0) {
		gate->listen_fd = message->fd;
		message->fd = -1;
		r = gate_serve(gate, &err);
	}
	if (r < 0) {
		log_error("the API cannot be served", LOG_ERR(&err));
		gate->stopping = true;
	}
}

static void take_keys(struct gate *gate, const struct ipc_message *message)
{
	const struct ipc_keys *keys = message->body;

	if (gate->setup && message->len == sizeof *keys && keys_ok(keys))
		gate->setup->keys = *keys;
	else
		log_error("a malformed list of keys from the keeper");
}

static void say_hello(struct gate *gate)
{
	struct ipc_head head = { .version = IPC_VERSION, .type = IPC_HELLO,
		.flags = (gate->server ? IPC_SERVING : 0u) |
			 (gate->scraper.server ? IPC_METERING : 0u) };

	if (ipc_send(gate->ipc_fd, &head, NULL, 0, NULL, 0) <= 0)
		log_warn("the keeper could not be greeted");
}

static void take_messages(struct gate *gate)
{
	static _Alignas(max_align_t) char body[IPC_MAX];
	struct ipc_message message;

	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		int r = ipc_receive(gate->ipc_fd, body, &message);

		if (r < 0)
			gate->stopping = true; /* main is gone */
		if (r <= 0)
			return;
		switch (message.head.type) {
		case IPC_HELLO: /* a new keeper knows nothing of what the old one had */
			gate_give_up_all(gate);
			say_hello(gate);
			break;
		case IPC_SETUP: take_setup(gate, &message); break;
		case IPC_KEYS: take_keys(gate, &message); break;
		case IPC_METRICS_SETUP: scraper_setup(gate, &message); break;
		case IPC_ANSWER: take_answer(gate, &message); break;
		default: log_error("the keeper sent something that is no answer"); break;
		}
		closep(&message.fd);
		explicit_bzero(body, message.len);
	}
}

/*
 * Who may
 */

static bool in_list(const struct list *list, const struct cidr *source)
{
	const struct cidr *cidrs = list->at;

	for (size_t i = 0; i < list->n; i++)
		if (cidr_contains(&cidrs[i], source))
			return true;
	return false;
}

/* Only requests without a valid key are limited; those with one never are. */
static int admit(struct http_request *req, struct err *err)
{
	struct gate *gate = req->app;
	const char *key = http_header(req, "X-API-Key");

	req->caller = key ? (void *)(uintptr_t)gate_find_key(gate, req, key) : NULL;
	if (!req->caller)
		return guard_admit(gate, req, err);
	guard_knows(gate, req);
	return 0;
}

static int authenticate(struct http_request *req, struct err *err)
{
	struct gate *gate = req->app;

	if (gate->allowed.n && !in_list(&gate->allowed, &req->source))
		return err_set(err, REASON_FORBIDDEN, NULL, "forbidden");
	if (gate->setup->client_ca_len && !http_has_certificate(req))
		return err_set(err, REASON_FORBIDDEN, NULL, "forbidden");
	if (req->caller)
		return 0;
	guard_refused(gate, req);
	return err_set(err, REASON_UNAUTHORIZED, "X-API-Key", "unauthorized");
}

static int authorize(struct http_request *req, struct err *err)
{
	if (req->caller && req->route->perm == GATE_PERM_KEY)
		return 0;
	return err_set(err, REASON_FORBIDDEN, NULL, "forbidden");
}

bool gate_is_native(const struct http_request *req)
{
	return !strncmp(req->path, "/v1/", 4);
}

static void put_error(struct http_request *req, const struct err *err)
{
	if (!gate_is_native(req)) {
		compat_put_error(req, err);
		return;
	}
	if (req->status == 429 || req->status == 503)
		http_set_header(req, "Retry-After", "1");
	http_problem(req, err);
}

static void no_route(struct http_request *req)
{
	struct err err;

	if (!gate_is_native(req)) {
		compat_no_route(req);
		return;
	}
	(void)err_set(&err, REASON_NOT_FOUND, NULL, "there is nothing at this address");
	req->status = 404;
	http_problem(req, &err);
}

/* What asks whether we are well comes all the time, and says nothing of who uses us. */
static bool is_probe(const struct http_request *req)
{
	return !strcmp(req->path, "/healthz") || !strcmp(req->path, "/readyz") ||
	       !strcmp(req->path, "/v1/ready");
}

static void log_request(const struct http_request *req)
{
	int64_t us = (req->answered_us ?: time_monotonic_us()) - req->started_us;
	char source[CIDR_TEXT_SIZE], latency[32];

	if (is_probe(req))
		return;
	snprintf(latency, sizeof latency, "%" PRId64 ".%03" PRId64 "ms", us / 1000, us % 1000);
	/* the path alone: what stands in a query is nobody's business */
	log_info("request", LOG_STR("method", req->method_name), LOG_STR("path", req->path),
		LOG_INT("status", req->status), LOG_STR("latency", latency),
		LOG_STR("ip", cidr_format_address(source, &req->source)),
		LOG_STR("request_id", req->id),
		req->err.reason ? LOG_STR("reason", err_slug(req->err.reason))
				: (struct log_field){ 0 });
}

static void request_done(const struct http_request *req)
{
	struct gate *gate = req->app;

	if (req->caller && !is_probe(req))
		gate->authenticated_us = time_monotonic_us();
	http_meters_add(&gate->meters, req);
	log_request(req);
}

/*
 * Serving
 */

static int gate_serve(struct gate *gate, struct err *err)
{
	bool hsts = gate->setup->tls == NODE_TLS_FILES;
	struct http_conf conf = { .listen_fd = gate->listen_fd, .tls = gate->setup->tls != 0,
		.trusted_proxies = &gate->trusted, .idle_s = 120,
		.crowd = { .max = MAX_CONNECTIONS, .per_source = PER_SOURCE },
		.pace = { .tls_s = 5, .head_s = 5, .body_rate = BODY_RATE, .stranger_idle_s = 10 } };
	struct http_app app = { .ctx = gate, .routes = gate_routes, .n_routes = gate_n_routes,
		.headers = hsts ? headers : headers + 1, .max_body = MAX_BODY,
		.max_answer = MAX_ANSWER, .arena_size = REQUEST_ARENA, .no_405 = true,
		.greet = guard_greet, .arrived = guard_arrived, .departed = guard_departed,
		.admit = admit, .authenticate = authenticate, .authorize = authorize,
		.no_route = no_route, .put_error = put_error, .done = request_done };
	int r = http_server_start(&conf, &app, &gate->server, err);

	if (r < 0)
		return r;
	log_notice("serving", LOG_STR("tls", gate->setup->tls ? "on" : "off"));
	gate->listen_fd = -1; /* the server's */
	return 0;
}

static int watch(int epoll_fd, int fd, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "epoll: %s", strerror(errno));
	return 0;
}

static int wait_ms(struct gate *gate)
{
	struct http_server *servers[] = { gate->server, gate->scraper.server };
	int wait = 1000; /* the beat of the reaper and of time-outs */

	for (unsigned i = 0; i < N_ELEMENTS(servers); i++) {
		int ms = servers[i] ? http_server_wait_ms(servers[i]) : -1;

		wait = ms >= 0 && ms < wait ? ms : wait;
	}
	return wait;
}

/* What there is to do for one of the servers, which may have come just now. */
static int serve_turn(struct http_server *server, bool *watched, int epoll_fd, struct err *err)
{
	int r = 0;

	if (!server)
		return 0;
	if (!*watched)
		r = watch(epoll_fd, http_server_fd(server), err);
	*watched = true;
	http_server_turn(server);
	return r;
}

static int loop(struct gate *gate, int epoll_fd, int signal_fd, struct err *err)
{
	struct epoll_event events[4];
	bool server_watched = false, scraper_watched = false;
	int64_t looked_us = 0;

	while (!gate->stopping) {
		int r, n = epoll_wait(epoll_fd, events, N_ELEMENTS(events), wait_ms(gate));

		for (int i = 0; i < n; i++)
			gate->stopping |= events[i].data.fd == signal_fd;
		take_messages(gate);
		if (time_monotonic_us() - looked_us > USEC_PER_SEC) {
			looked_us = time_monotonic_us();
			gate_give_up_old(gate);
			if (!gate->server)
				say_hello(gate);
		}
		r = serve_turn(gate->server, &server_watched, epoll_fd, err);
		if (r >= 0)
			r = serve_turn(gate->scraper.server, &scraper_watched, epoll_fd, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the keeper still answers is still sent. */
static void finish(struct gate *gate)
{
	int64_t until = time_monotonic_us() + 5 * USEC_PER_SEC;

	if (!gate->server)
		return;
	while (gate->oldest && time_monotonic_us() < until) {
		take_messages(gate);
		http_server_turn(gate->server);
		usleep(2000);
	}
	gate_give_up_all(gate);
	http_server_stop(gate->server, 2000);
	http_server_stop(gate->scraper.server, 0);
}

static void done(struct gate *gate)
{
	if (gate->setup)
		explicit_bzero(gate->setup, sizeof *gate->setup);
	free(gate->setup);
	tls_done();
	limiter_free(gate->limiter);
	scraper_done(&gate->scraper);
	http_meters_done(&gate->meters);
	map_done(&gate->pending);
	closep(&gate->listen_fd);
}

static int run(struct gate *gate, struct err *err)
{
	scoped(closep) int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	scoped(closep) int signal_fd = -1;
	sigset_t signals;
	int r = gate_contain(err);

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r >= 0 && !gate->limiter)
		r = err_nomem(err);
	if (r >= 0)
		r = watch(epoll_fd, gate->ipc_fd, err);
	if (r >= 0)
		r = watch(epoll_fd, signal_fd, err);
	if (r < 0)
		return r;
	say_hello(gate);
	r = loop(gate, epoll_fd, signal_fd, err);
	finish(gate);
	return r;
}

int gate_main(int ipc_fd, void *sources)
{
	struct gate gate = { .ipc_fd = ipc_fd, .listen_fd = -1, .limiter = guard_new(sources) };
	struct span debug = span_trim(span_of(getenv("DEBUG") ?: ""));
	struct err err;
	int r;

	/* a page of 1,000 peers is half a megabyte: given back to the kernel each time, its pages cost as much as
	 * their contents */
	(void)mallopt(M_MMAP_THRESHOLD, 2 * MAX_ANSWER);
	(void)mallopt(M_TRIM_THRESHOLD, KEEP_FREE);
	gate.debug = span_is_nocase(debug, "true") || span_is(debug, "1");
	map_init(&gate.pending, struct pending, id);
	scraper_init(&gate.scraper);
	r = http_meters_init(&gate.meters, gate_routes, gate_n_routes, &err);
	if (r >= 0)
		r = run(&gate, &err);
	if (r < 0)
		log_error("the gate cannot run", LOG_ERR(&err));
	done(&gate);
	return r < 0 ? 1 : 0;
}
