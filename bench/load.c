/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bench-load HOST PORT create|get SECONDS CONNECTIONS [PATH]: clients of a node's API over TLS.
 *
 * Each connection is a thread that sends a request and waits for its answer, over and over, and is kept
 * open. `create` puts a new peer each time; `get` asks for PATH. The API key is in $WGKEEPER_API_KEY.
 * Prints one line of JSON. The certificate is not checked: it is the bench's own.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <sodium.h>

#include "base/key.h"
#include "base/parse.h"
#include "base/rng.h"
#include "base/time.h"
#include "base/uuid.h"

enum { BUFFER = 1024 * 1024, CONNECTIONS_MAX = 1024, SAMPLES = 1 << 16 };

struct client {
	pthread_t thread;
	gnutls_session_t session;
	int fd;
	uint64_t n, failed, bytes, sum_us;
	char *buffer;
	uint32_t *samples; /* µs of the first SAMPLES requests */
};

static struct sockaddr_in server = { .sin_family = AF_INET };
static const char *path, *api_key;
static bool creates;
static atomic_bool stop;
static gnutls_certificate_credentials_t credentials;

static void die(const char *what)
{
	fprintf(stderr, "bench-load: %s\n", what);
	exit(EXIT_FAILURE);
}

static void connect_client(struct client *c)
{
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0)
		die("no connection");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (gnutls_init(&c->session, GNUTLS_CLIENT) < 0 ||
		gnutls_set_default_priority(c->session) < 0 ||
		gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
		die("gnutls");
	gnutls_transport_set_int(c->session, c->fd);
	if (gnutls_handshake(c->session) < 0)
		die("no TLS");
}

static int make_request(char *text, size_t size)
{
	char id[UUID_TEXT_SIZE], key[WGKEY_TEXT_SIZE], body[160];
	struct wgkey public_key;
	struct uuid uuid;
	int n;

	if (!creates)
		return snprintf(text, size, "GET %s HTTP/1.1\r\nHost: bench\r\nX-API-Key: %s\r\n\r\n",
			path, api_key);
	uuid_make_v4(&uuid);
	/* any number below the prime is a public key; nobody has the private one */
	rng_bytes(&public_key, sizeof public_key);
	public_key.bytes[31] &= 0x3f;
	n = snprintf(body, sizeof body, "{\"publicKey\":\"%s\",\"generation\":1}",
		wgkey_format(key, &public_key));
	return snprintf(text, size,
		"PUT /v1/peers/%s HTTP/1.1\r\nHost: bench\r\nX-API-Key: %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		uuid_format(id, &uuid), api_key, n, body);
}

/* The status of a whole answer; its length is in its head. */
static unsigned read_answer(struct client *c)
{
	size_t have = 0, want = 0;
	uint64_t status;

	while (!want || have < want) {
		ssize_t n = gnutls_record_recv(c->session, c->buffer + have, BUFFER - have - 1);
		const char *end, *length;

		if (n <= 0)
			die("the connection was closed");
		have += (size_t)n;
		c->buffer[have] = '\0';
		end = want ? NULL : strstr(c->buffer, "\r\n\r\n");
		if (!end)
			continue;
		want = (size_t)(end - c->buffer) + 4;
		length = strcasestr(c->buffer, "\r\nContent-Length: ");
		if (length && length < end) {
			struct span digits = { length + 18, strcspn(length + 18, "\r") };
			uint64_t bytes;

			if (!parse_u64(digits, BUFFER / 2, &bytes))
				die("an answer too large");
			want += bytes;
		}
	}
	c->bytes = want;
	return parse_u64((struct span){ c->buffer + 9, 3 }, 999, &status) ? (unsigned)status : 0;
}

static void *run_client(void *arg)
{
	struct client *c = arg;
	char request[512];

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		int len = make_request(request, sizeof request);
		int64_t began = time_monotonic_us(), us;

		if (gnutls_record_send(c->session, request, (size_t)len) != len)
			die("the connection was closed");
		c->failed += read_answer(c) != 200;
		us = time_monotonic_us() - began;
		if (c->n < SAMPLES)
			c->samples[c->n] = (uint32_t)us;
		c->sum_us += (uint64_t)us;
		c->n++;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void report(struct client *clients, unsigned n_clients, int64_t us)
{
	uint32_t *all = calloc(n_clients, SAMPLES * sizeof *all);
	uint64_t n = 0, failed = 0, sum_us = 0;
	size_t n_all = 0;

	if (!all)
		die("out of memory");
	for (unsigned i = 0; i < n_clients; i++) {
		size_t m = clients[i].n < SAMPLES ? clients[i].n : SAMPLES;

		memcpy(all + n_all, clients[i].samples, m * sizeof *all);
		n_all += m;
		n += clients[i].n;
		failed += clients[i].failed;
		sum_us += clients[i].sum_us;
	}
	qsort(all, n_all, sizeof *all, compare);
	printf("{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.6f,\"mean_us\":%.2f,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"bytes\":%" PRIu64 "}\n",
		n, failed, (double)us / 1e6, n ? (double)sum_us / (double)n : 0.0, all[n_all / 2],
		all[n_all * 99 / 100], clients[0].bytes);
	free(all);
}

static void run(unsigned n, unsigned seconds)
{
	struct client *clients = calloc(n, sizeof *clients);
	int64_t began;

	for (unsigned i = 0; i < n; i++) {
		clients[i].buffer = malloc(BUFFER);
		clients[i].samples = calloc(SAMPLES, sizeof *clients[i].samples);
		if (!clients[i].buffer || !clients[i].samples)
			die("out of memory");
		connect_client(&clients[i]);
	}
	began = time_monotonic_us();
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0)
			die("no thread");
	usleep(seconds * 1000000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n; i++)
		pthread_join(clients[i].thread, NULL);
	report(clients, n, time_monotonic_us() - began);
}

int main(int argc, char **argv)
{
	uint64_t port, seconds, connections;

	api_key = getenv("WGKEEPER_API_KEY");
	if (argc < 6 || !api_key || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 ||
		!parse_u64(span_of(argv[2]), UINT16_MAX, &port) ||
		!parse_u64(span_of(argv[4]), 3600, &seconds) ||
		!parse_u64(span_of(argv[5]), CONNECTIONS_MAX, &connections) || connections < 1)
		die("usage: bench-load HOST PORT create|get SECONDS CONNECTIONS [PATH]");
	server.sin_port = htons((uint16_t)port);
	creates = !strcmp(argv[3], "create");
	path = argc > 6 ? argv[6] : "/";
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0 || gnutls_certificate_allocate_credentials(&credentials) < 0)
		die("no cryptography");
	run((unsigned)connections, (unsigned)seconds);
	return EXIT_SUCCESS;
}
