/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * crowd HOST PORT plain|tls FIRST-SOURCE N-SOURCES N-ATTEMPTS PER-SECOND SECONDS
 *
 * Many slow clients: each attempt comes from the next of so many IPv4 addresses (which this machine must take
 * for its own), and is one of three kinds: silent, silent behind a TLS handshake, or a request's head a few
 * bytes a second. None ever asks for anything. They stay until the server closes them or SECONDS after the last
 * attempt. Prints what became of them as one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/parse.h"
#include "base/time.h"

enum { EVENTS = 256, DRIBBLE_US = 1000000 };

enum kind { SILENT, HANDSHAKE, HEAD, N_KINDS };

struct client {
	int fd; /* -1: over */
	enum kind kind;
	bool connected, shaken;
	int64_t began_us, dribbled_us;
	gnutls_session_t session;
};

static struct {
	struct sockaddr_in server;
	bool tls;
	uint32_t first_source, n_sources;
	unsigned n_attempts, per_second, seconds;
	int epoll_fd;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	struct client *clients;
	unsigned n_begun, n_alive, max_alive, n_connected, n_shaken, n_refused, n_closed, n_lost;
	int64_t longest_us[N_KINDS];
} crowd;

static void finish(struct client *c, int64_t now)
{
	int64_t lived = now - c->began_us;

	if (c->session)
		gnutls_deinit(c->session);
	close(c->fd);
	c->fd = -1;
	c->session = NULL;
	crowd.n_alive--;
	if (!c->connected) {
		crowd.n_lost++;
		return;
	}
	crowd.n_closed++;
	/* closed before it could have been slow */
	if (lived < 500000)
		crowd.n_refused++;
	else if (lived > crowd.longest_us[c->kind])
		crowd.longest_us[c->kind] = lived;
}

static bool begin_tls(struct client *c)
{
	if (gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) < 0 ||
		gnutls_priority_set(c->session, crowd.priorities) < 0 ||
		gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, crowd.credentials) < 0)
		return false;
	gnutls_transport_set_int(c->session, c->fd);
	return true;
}

static void begin(struct client *c, int64_t now)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.ptr = c };
	struct sockaddr_in source = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(crowd.first_source + crowd.n_begun % crowd.n_sources) };

	c->kind = (enum kind)(crowd.n_begun % N_KINDS);
	if (!crowd.tls && c->kind == HANDSHAKE)
		c->kind = HEAD;
	crowd.n_begun++;
	c->began_us = now;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	crowd.n_alive++;
	if (crowd.n_alive > crowd.max_alive)
		crowd.max_alive = crowd.n_alive;
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&source, sizeof source) < 0 ||
		(connect(c->fd, (struct sockaddr *)&crowd.server, sizeof crowd.server) < 0 &&
			errno != EINPROGRESS) ||
		epoll_ctl(crowd.epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0 ||
		(crowd.tls && c->kind != SILENT && !begin_tls(c)))
		finish(c, now);
}

/* False: it is over. */
static bool shake(struct client *c)
{
	int code;

	if (!c->session || c->shaken)
		return true;
	do
		code = gnutls_handshake(c->session);
	while (code < 0 && code != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(code));
	if (code == 0) {
		c->shaken = true;
		crowd.n_shaken++;
	}
	return code == 0 || code == GNUTLS_E_AGAIN;
}

static bool dribble(struct client *c, int64_t now)
{
	static const char first[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n", more[] = "X: y\r\n";
	const char *text = c->dribbled_us ? more : first;
	ssize_t n;

	if (c->kind != HEAD || (c->session && !c->shaken) || now - c->dribbled_us < DRIBBLE_US)
		return true;
	n = c->session ? gnutls_record_send(c->session, text, strlen(text))
		       : send(c->fd, text, strlen(text), MSG_NOSIGNAL);
	c->dribbled_us = now;
	return n > 0 || (c->session ? n == GNUTLS_E_AGAIN : errno == EAGAIN);
}

/* Whether the server has closed it. What it says is not looked at. */
static bool is_closed(struct client *c)
{
	char buf[512];
	ssize_t n;

	if (c->session && !c->shaken)
		return false; /* the handshake finds out */
	do
		n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || (errno != EAGAIN && errno != ENOTCONN);
}

static void on_event(struct client *c, uint32_t events, int64_t now)
{
	if (c->fd < 0)
		return;
	if (!c->connected && (events & EPOLLOUT) && !(events & EPOLLERR)) {
		c->connected = true;
		crowd.n_connected++;
		c->began_us = now;
	}
	if ((events & (EPOLLERR | EPOLLHUP)) || (c->connected && (!shake(c) || is_closed(c))) ||
		!dribble(c, now))
		finish(c, now);
}

static void run(void)
{
	int64_t start = time_monotonic_us(), now = start;
	int64_t last = start + (int64_t)crowd.n_attempts * 1000000 / crowd.per_second;
	int64_t end = last + crowd.seconds * INT64_C(1000000), swept = start;
	struct epoll_event events[EVENTS];

	while (now < end && (crowd.n_alive || crowd.n_begun < crowd.n_attempts)) {
		int n = epoll_wait(crowd.epoll_fd, events, EVENTS, 5);

		now = time_monotonic_us();
		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr, events[i].events, now);
		while (crowd.n_begun < crowd.n_attempts &&
			(now - start) * crowd.per_second / 1000000 > crowd.n_begun)
			begin(&crowd.clients[crowd.n_begun], now);
		if (now - swept < 100000)
			continue;
		swept = now;
		for (unsigned i = 0; i < crowd.n_begun; i++)
			if (crowd.clients[i].fd >= 0 && crowd.clients[i].connected &&
				!dribble(&crowd.clients[i], now))
				finish(&crowd.clients[i], now);
	}
}

static bool number(const char *text, uint64_t max, unsigned *ret)
{
	uint64_t value;

	if (!parse_u64(span_of(text), max, &value))
		return false;
	*ret = (unsigned)value;
	return true;
}

static bool read_arguments(char **argv)
{
	struct in_addr first;
	unsigned port, n_sources;

	if (inet_pton(AF_INET, argv[1], &crowd.server.sin_addr) != 1 || !number(argv[2], 65535, &port) ||
		inet_pton(AF_INET, argv[4], &first) != 1 || !number(argv[5], 65536, &n_sources) ||
		!number(argv[6], 1000000, &crowd.n_attempts) ||
		!number(argv[7], 1000000, &crowd.per_second) || !number(argv[8], 600, &crowd.seconds))
		return false;
	crowd.server.sin_family = AF_INET;
	crowd.server.sin_port = htons((uint16_t)port);
	crowd.tls = !strcmp(argv[3], "tls");
	crowd.first_source = ntohl(first.s_addr);
	crowd.n_sources = n_sources;
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 9 || !read_arguments(argv))
		return 2;
	signal(SIGPIPE, SIG_IGN); /* GnuTLS writes to what the server has closed */
	crowd.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	crowd.clients = calloc(crowd.n_attempts, sizeof *crowd.clients);
	if (!crowd.clients || crowd.epoll_fd < 0 ||
		gnutls_certificate_allocate_credentials(&crowd.credentials) < 0 ||
		gnutls_priority_init(&crowd.priorities, "NORMAL:-GROUP-ALL:+GROUP-X25519", NULL) < 0)
		return 1;
	run();
	printf("{\"attempts\":%u,\"connected\":%u,\"shaken\":%u,\"refused\":%u,\"closed\":%u,\"lost\":%u,"
	       "\"alive\":%u,\"maxAlive\":%u,\"longest\":{\"silent\":%.3f,\"handshake\":%.3f,\"head\":%.3f}}\n",
		crowd.n_begun, crowd.n_connected, crowd.n_shaken, crowd.n_refused, crowd.n_closed,
		crowd.n_lost, crowd.n_alive, crowd.max_alive, (double)crowd.longest_us[SILENT] / 1e6,
		(double)crowd.longest_us[HANDSHAKE] / 1e6, (double)crowd.longest_us[HEAD] / 1e6);
	return 0;
}
