/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/parse.h"
#include "conf/conf.h"
#include "http/cert.h"
#include "json/read.h"
#include "model/node_ready.h"
#include "node/commands.h"
#include "node/conf.h"

/*
 * Asks the node on this machine how it is, over loopback.
 *
 * What answers on our port is given the API key only when it shows the certificate of our configuration:
 * any local user may listen there while the node is down. Otherwise, and with server.tls off, it is asked
 * for /readyz, which needs no key and tells no more than yes or no.
 */

enum {
	CONFIG_ARENA = 8 * 1024 * 1024,
	ANSWER_ARENA = 256 * 1024,
	PEM_MAX = 64 * 1024,
	ANSWER_MAX = 64 * 1024,
	REQUEST_MAX = 1024,
	PATH_SIZE = 512,
	TIMEOUT_S = 4,
};

struct link {
	int fd;
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session; /* NULL: plain */
	bool is_ours; /* it has shown our certificate */
};

static void link_close(struct link *link)
{
	if (link->session)
		gnutls_deinit(link->session);
	if (link->credentials)
		gnutls_certificate_free_credentials(link->credentials);
	closep(&link->fd);
}

static int connect_to(const struct node_conf *conf)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)conf->port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)conf->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = TIMEOUT_S };
	bool six = false;
	struct cidr at;
	int fd;

	if (cidr_parse_address(span_of(conf->bind), &at)) {
		static const struct cidr any = { .family = IP_V4, .bits = 32 };

		six = at.family == IP_V6;
		if (six)
			memcpy(&in6.sin6_addr, at.addr, 16);
		else if (!cidr_equal(&at, &any))
			memcpy(&in.sin_addr, at.addr, 4);
		if (six && IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr))
			six = false;
	}
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
		    six ? sizeof in6 : sizeof in) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Nothing is made here: where there is no certificate yet, nothing of ours serves. */
static bool own_pin(const struct node_conf *conf, struct digest *ret_pin)
{
	scoped(arena_freep) struct arena *arena = arena_new(2 * PEM_MAX);
	char path[PATH_SIZE];
	const char *pem;
	struct span text;
	struct err err;

	snprintf(path, sizeof path, "%s/tls.crt", conf->state_dir);
	if (!arena || conf_slurp(conf->tls_cert ?: path, PEM_MAX, &text, arena, &err) < 0)
		return false;
	pem = arena_strndup(arena, text);
	return pem && cert_pin(pem, ret_pin, &err) >= 0;
}

static bool shows_ours(gnutls_session_t session, const struct node_conf *conf)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
	struct digest own, shown;
	struct err err;

	return n && chain && own_pin(conf, &own) &&
	       cert_pin_der((struct span){ (const char *)chain[0].data, chain[0].size }, &shown,
		       &err) >= 0 &&
	       digest_equal(&own, &shown);
}

static bool link_open(struct link *link, const struct node_conf *conf)
{
	link->fd = connect_to(conf);
	if (link->fd < 0 || conf->tls == NODE_TLS_OFF)
		return link->fd >= 0;
	if (gnutls_certificate_allocate_credentials(&link->credentials) < 0 ||
		gnutls_init(&link->session, GNUTLS_CLIENT) < 0 ||
		gnutls_set_default_priority(link->session) < 0 ||
		gnutls_credentials_set(link->session, GNUTLS_CRD_CERTIFICATE, link->credentials) < 0)
		return false;
	gnutls_transport_set_int(link->session, link->fd);
	if (gnutls_handshake(link->session) < 0)
		return false;
	link->is_ours = shows_ours(link->session, conf);
	return true;
}

static ssize_t link_send(struct link *link, const struct sbuf *request)
{
	return link->session ? gnutls_record_send(link->session, request->data, request->len)
			     : send(link->fd, request->data, request->len, MSG_NOSIGNAL);
}

/* All that comes until the other end closes, or the buffer is full. */
static size_t link_receive(struct link *link, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = link->session ? gnutls_record_recv(link->session, buf + len, size - len)
				  : recv(link->fd, buf + len, size - len, 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len < size);
	return len;
}

/* The answer's status and body; 0: nothing listens, 1: nothing was answered. */
static unsigned ask(const struct node_conf *conf, const char *path, bool with_key,
	char answer[ANSWER_MAX], struct span *ret_body)
{
	scoped(sbuf_wipe) struct sbuf request = SBUF_INIT(REQUEST_MAX);
	scoped(link_close) struct link link = { .fd = -1 };
	const char *body;
	uint64_t status;
	size_t len;

	if (!link_open(&link, conf) || (with_key && !link.is_ours))
		return link.fd >= 0;
	sbuf_printf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", path);
	if (with_key) {
		sbuf_puts(&request, "X-API-Key: ");
		sbuf_add(&request, conf->api_key.at, conf->api_key.len);
		sbuf_puts(&request, "\r\n");
	}
	sbuf_puts(&request, "\r\n");
	if (request.failed || link_send(&link, &request) != (ssize_t)request.len)
		return 1;
	len = link_receive(&link, answer, ANSWER_MAX);
	if (len < 12 || strncmp(answer, "HTTP/1.1 ", 9) != 0 ||
		!parse_u64((struct span){ answer + 9, 3 }, 599, &status))
		return 1;
	body = memmem(answer, len, "\r\n\r\n", 4);
	*ret_body = body ? (struct span){ body + 4, (size_t)(answer + len - body) - 4 }
			 : (struct span){ "", 0 };
	return (unsigned)status;
}

static void print_checks(const struct node_ready *ready)
{
	const struct node_check *checks = ready->checks.at;

	puts(ready->ready ? "ready" : "not ready");
	for (size_t i = 0; i < ready->checks.n; i++) {
		printf("%-12s %-8s %s\n", checks[i].name,
			word_text(node_check_state_words, checks[i].state), checks[i].detail);
		if (checks[i].remedy)
			printf("%-12s %-8s remedy: %s\n", "", "", checks[i].remedy);
	}
}

/* False: the node did not tell; it may be asked for less. */
static bool tell_checks(const struct node_conf *conf, char answer[ANSWER_MAX], bool *ret_ready)
{
	scoped(arena_freep) struct arena *arena = arena_new(ANSWER_ARENA);
	struct node_ready ready = { 0 };
	struct span body;
	struct err err;
	unsigned status = ask(conf, "/v1/ready", true, answer, &body);

	if (!arena || (status != 200 && status != 503) ||
		json_read(body, &node_ready_type, READ_ANSWER, &ready, arena, &err) < 0 ||
		!ready.checks.n)
		return false;
	print_checks(&ready);
	*ret_ready = ready.ready;
	return true;
}

int command_health(const char *config)
{
	scoped(arena_freep) struct arena *arena = arena_new(CONFIG_ARENA);
	static char answer[ANSWER_MAX];
	struct node_conf conf;
	struct span body;
	unsigned status;
	struct err err;
	bool ready;

	if (!arena || node_conf_load(node_conf_path(config), &conf, arena, &err) < 0) {
		fprintf(stderr, "wgkeeper-node: %s\n", arena ? err.msg : "out of memory");
		return EXIT_FAILURE;
	}
	if (conf.api_key.at && tell_checks(&conf, answer, &ready))
		return ready ? EXIT_SUCCESS : EXIT_FAILURE;
	status = ask(&conf, "/readyz", false, answer, &body);
	if (status == 200) {
		puts("ready");
		return EXIT_SUCCESS;
	}
	if (!status)
		fprintf(stderr, "wgkeeper-node: nothing answers on port %d\n", (int)conf.port);
	else if (status == 1)
		fprintf(stderr, "wgkeeper-node: port %d takes connections and does not answer: the node "
				"hangs, or is very busy; see its log\n", (int)conf.port);
	else
		fputs("wgkeeper-node: not ready\n", stderr);
	return EXIT_FAILURE;
}
