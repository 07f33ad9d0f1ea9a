/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "http/cert.h"
#include "http/server.h"
#include "http/stream.h"

enum { PERM_USER = 2, BODY_MAX = 1000 };

struct thing {
	const char *name;
	int64_t size;
};

struct query {
	int64_t limit;
};

static const struct field thing_fields[] = {
	FIELD(struct thing, name, .flags = F_REQUIRED, .min = 1, .max = 900),
	FIELD(struct thing, size, .dflt = "1"),
	{ 0 },
};
static const struct type thing_type = TYPE(struct thing, "thing", thing_fields);
static const struct field query_fields[] = {
	FIELD(struct query, limit, .dflt = "50", .min = 1, .max = 100),
	{ 0 },
};
static const struct type query_type = TYPE(struct query, "query", query_fields);

static int echo(struct http_request *req, struct err *err)
{
	const struct thing *in = req->in;
	struct thing *out = req->out;

	if (!strcmp(in->name, "taken"))
		return err_set(err, REASON_NAME_IN_USE, "name", "'taken' is taken");
	*out = *in;
	return 0;
}

static int show(struct http_request *req, struct err *err)
{
	struct thing *out = req->out;

	(void)err;
	out->name = req->param[0];
	out->size = ((const struct query *)req->query)->limit;
	return 0;
}

static int crash(struct http_request *req, struct err *err)
{
	(void)req;
	return err_set(err, REASON_INTERNAL, NULL, "secret inside");
}

static int events(struct http_request *req, struct err *err)
{
	struct http_stream *stream = stream_new(req, 100);

	if (!stream)
		return err_nomem(err);
	req->content_type = "text/event-stream";
	stream_write(stream, "data: one\n\n", 11);
	stream_end(stream);
	stream_unref(stream);
	return 0;
}

static int delete_it(struct http_request *req, struct err *err)
{
	(void)req;
	(void)err;
	return 0;
}

/* clang-format off */
static const struct route routes[] = {
	{ HTTP_GET,    "/things/{name}", .perm = HTTP_PERM_ANYONE, .handle = show, .query = &query_type, .out = &thing_type },
	{ HTTP_POST,   "/things",        .perm = PERM_USER, .handle = echo, .in = &thing_type, .out = &thing_type, .status = 201 },
	{ HTTP_DELETE, "/things/{name}", .perm = PERM_USER, .handle = delete_it },
	{ HTTP_GET,    "/crash",         .perm = HTTP_PERM_ANYONE, .handle = crash },
	{ HTTP_GET,    "/events",        .perm = HTTP_PERM_ANYONE, .handle = events },
	{ HTTP_GET,    "/forgotten",     .handle = delete_it },
};
/* clang-format on */

static int authenticate(struct http_request *req, struct err *err)
{
	const char *key = http_header(req, "X-API-Key");

	if (!key || strcmp(key, "good") != 0)
		return err_set(err, REASON_UNAUTHORIZED, NULL, "no");
	req->caller = req;
	return 0;
}

static int authorize(struct http_request *req, struct err *err)
{
	return req->caller ? 0 : err_set(err, REASON_FORBIDDEN, NULL, "no");
}

static void *worker(void *req)
{
	http_run(req);
	return NULL;
}

static bool in_a_thread(struct http_request *req)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ok = pthread_create(&thread, &attr, worker, req) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

static bool too_busy(struct http_request *req)
{
	(void)req;
	return false;
}

static int refuse_some(struct http_request *req, struct err *err)
{
	if (req->query && ((const struct query *)req->query)->limit == 13)
		return err_set(err, REASON_FORBIDDEN, NULL, "thirteen");
	return req->route->handle(req, err);
}

static const struct http_header headers[] = { { "X-Frame-Options", "DENY", NULL }, { 0 } };

static struct http_app app = { .routes = routes, .n_routes = N_ELEMENTS(routes), .headers = headers,
	.max_body = BODY_MAX, .max_answer = 100000, .arena_size = 100000,
	.authenticate = authenticate, .authorize = authorize };

static struct http_server *server;
static uint16_t port;

static void start(void)
{
	struct http_conf conf = { .threads = 1, .crowd = { .max = 20 }, .idle_s = 5 };
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	struct err err;

	assert_ok(http_listen("127.0.0.1", 0, &conf.listen_fd, &err), &err);
	assert_int_equal(getsockname(conf.listen_fd, (struct sockaddr *)&at, &len), 0);
	port = ntohs(at.sin_port);
	assert_ok(http_server_start(&conf, &app, &server, &err), &err);
}

static int stop(void **state)
{
	(void)state;
	http_server_stop(server, 2000);
	server = NULL;
	app.dispatch = NULL;
	app.handle = NULL;
	return 0;
}

/* Sends bytes and returns all that comes back until the server closes. */
static const char *ask(const char *request)
{
	static char answer[65536];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while ((n = read(fd, answer + len, sizeof answer - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(fd);
	return answer;
}

#define HEAD "Host: x\r\nConnection: close\r\n"
#define KEY  "X-API-Key: good\r\n"
#define JSON "Content-Type: application/json\r\n"

struct exchange {
	const char *request, *status, *part;
};

static const struct exchange exchanges[] = {
	{ "GET /things/a%20b?limit=7 HTTP/1.1\r\n" HEAD "\r\n", "200",
		"{\"name\":\"a b\",\"size\":7}" },
	{ "GET /things/a%2Fb HTTP/1.1\r\n" HEAD "\r\n", "200", "{\"name\":\"a/b\",\"size\":50}" },
	{ "GET /things/a%zz HTTP/1.1\r\n" HEAD "\r\n", "404", "\"code\":\"not_found\"" },
	{ "GET /things/a%00b HTTP/1.1\r\n" HEAD "\r\n", "404", "\"code\":\"not_found\"" },
	{ "GET /things/ HTTP/1.1\r\n" HEAD "\r\n", "404", "" },
	{ "GET /things/a?limit=0 HTTP/1.1\r\n" HEAD "\r\n", "400", "\"field\":\"limit\"" },
	{ "GET /things/a?limit=5&limit=6 HTTP/1.1\r\n" HEAD "\r\n", "400", "duplicate_field" },
	{ "GET /things/a?limits=5 HTTP/1.1\r\n" HEAD "\r\n", "400", "unknown_field" },
	{ "GET /nothing HTTP/1.1\r\n" HEAD "\r\n", "404", "application/problem+json" },
	{ "PATCH /things/a HTTP/1.1\r\n" HEAD "\r\n", "405", "Allow: GET, DELETE" },
	{ "BREW /things/a HTTP/1.1\r\n" HEAD "\r\n", "405", "" },
	{ "GET /crash HTTP/1.1\r\n" HEAD "\r\n", "500", "see the log under the request id" },
	{ "GET /forgotten HTTP/1.1\r\n" HEAD KEY "\r\n", "403", "" },
	{ "DELETE /things/a HTTP/1.1\r\n" HEAD KEY "\r\n", "204", "" },
	{ "GET /events HTTP/1.1\r\n" HEAD "\r\n", "200", "data: one\n\n" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON "Content-Length: 12\r\n\r\n{\"name\":\"x\"}",
		"201", "{\"name\":\"x\",\"size\":1}" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON
	  "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"name\r\n6\r\n\":\"x\"}\r\n0\r\n\r\n",
		"201", "{\"name\":\"x\",\"size\":1}" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON "Content-Length: 16\r\n\r\n{\"name\":\"taken\"}",
		"409", "\"code\":\"name_in_use\",\"field\":\"name\"" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY "Content-Length: 12\r\n\r\n{\"name\":\"x\"}", "415",
		"unsupported_media_type" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON "Content-Length: 1\r\n\r\n{", "400",
		"invalid_json" },
	/* without a key the body is not even read */
	{ "POST /things HTTP/1.1\r\n" HEAD JSON "Content-Length: 12\r\n\r\n", "401",
		"\"code\":\"unauthorized\"" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON
	  "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
		"413", "body_too_large" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON "Content-Length: 100000000\r\n\r\n", "413",
		"body_too_large" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON "Content-Length: 1\r\nContent-Length: 1\r\n\r\n{",
		"400", "" },
	{ "POST /things HTTP/1.1\r\n" HEAD KEY JSON
	  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"400", "" },
	{ "GET /things/a HTTP/1.1\r\n" HEAD
	  "X-Request-Id: 550E8400-e29b-41d4-a716-446655440000\r\n\r\n",
		"200", "X-Request-Id: 550E8400-e29b-41d4-a716-446655440000\r\n" },
	{ "GET /things/a HTTP/1.1\r\n" HEAD "\r\n", "200", "X-Frame-Options: DENY" },
};

static void run_exchanges(void)
{
	for (size_t i = 0; i < N_ELEMENTS(exchanges); i++) {
		const struct exchange *e = &exchanges[i];
		const char *answer = ask(e->request);

		if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, e->status, 3) != 0 ||
			!strstr(answer, e->part) || strstr(answer, "secret inside"))
			fail_msg("asked: %s\nwanted %s and '%s', got: %s", e->request, e->status,
				e->part, answer);
	}
}

TEST(exchanges_in_the_servers_thread)
{
	start();
	run_exchanges();
}

TEST(exchanges_with_handlers_elsewhere)
{
	app.dispatch = in_a_thread;
	start();
	run_exchanges();
}

TEST(a_full_pool_says_so)
{
	const char *answer;

	app.dispatch = too_busy;
	start();
	answer = ask("GET /things/a HTTP/1.1\r\n" HEAD "\r\n");
	assert_non_null(strstr(answer, "503"));
	assert_non_null(strstr(answer, "Retry-After: 1"));
}

TEST(the_app_stands_before_handlers)
{
	app.handle = refuse_some;
	start();
	run_exchanges();
	assert_non_null(strstr(ask("GET /things/a?limit=13 HTTP/1.1\r\n" HEAD "\r\n"), " 403 "));
}

TEST(a_chunked_body_over_the_limit)
{
	char request[8192];
	int n = snprintf(request, sizeof request,
		"POST /things HTTP/1.1\r\n" HEAD KEY JSON
		"Transfer-Encoding: chunked\r\n\r\n800\r\n%02048d\r\n0\r\n\r\n",
		0);

	assert_in_range(n, 2048, sizeof request - 1);
	start();
	assert_non_null(strstr(ask(request), " 413 "));
}

/* It is read away, or the client, still sending, might never see the answer. */
TEST(a_declared_body_over_the_limit)
{
	char request[8192];
	int n = snprintf(request, sizeof request,
		"POST /things HTTP/1.1\r\n" HEAD KEY JSON "Content-Length: 4000\r\n\r\n%04000d", 0);

	assert_in_range(n, 4000, sizeof request - 1);
	start();
	assert_non_null(strstr(ask(request), " 413 "));
}

TEST(pins_of_made_certificates)
{
	scoped(arena_freep) struct arena *arena = arena_new(100000);
	const char *cert, *key;
	char text[PIN_TEXT_SIZE], hex[PIN_HEX_SIZE];
	struct digest pin, back;
	struct err err;

	assert_ok(cert_make("de-1", &cert, &key, arena, &err), &err);
	assert_non_null(strstr(key, "PRIVATE KEY"));
	assert_ok(cert_pin(cert, &pin, &err), &err);
	assert_true(pin_parse(span_of(pin_format(text, &pin)), &back));
	assert_true(digest_equal(&pin, &back));
	assert_int_equal(strlen(pin_format_hex(hex, &pin)), 95);
	assert_true(pin_parse(span_of(hex), &back));
	assert_true(digest_equal(&pin, &back));
	assert_false(pin_parse(span_of("sha256//AAAA"), &back));
	assert_fails(cert_pin("nonsense", &pin, &err), &err, REASON_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(exchanges_in_the_servers_thread, stop),
		cmocka_unit_test_teardown(exchanges_with_handlers_elsewhere, stop),
		cmocka_unit_test_teardown(a_full_pool_says_so, stop),
		cmocka_unit_test_teardown(the_app_stands_before_handlers, stop),
		cmocka_unit_test_teardown(a_chunked_body_over_the_limit, stop),
		cmocka_unit_test_teardown(a_declared_body_over_the_limit, stop),
		cmocka_unit_test(pins_of_made_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
