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

#include "node/commands.h"
#include "node/conf.h"

/*
 * One request to ourselves over loopback. The certificate is not checked: what answers on our own port of
 * this machine is asked for nothing but its health, and told nothing.
 */

enum { CONFIG_ARENA = 8 * 1024 * 1024, TIMEOUT_S = 4 };

static const char request[] =
	"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

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

static ssize_t ask_plain(int fd, char *answer, size_t size)
{
	if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
		return -1;
	return recv(fd, answer, size, MSG_WAITALL);
}

static ssize_t ask_tls(int fd, char *answer, size_t size)
{
	gnutls_certificate_credentials_t credentials = NULL;
	gnutls_session_t session = NULL;
	size_t len = 0;
	ssize_t n = -1;

	if (gnutls_certificate_allocate_credentials(&credentials) >= 0 &&
		gnutls_init(&session, GNUTLS_CLIENT) >= 0 &&
		gnutls_set_default_priority(session) >= 0 &&
		gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) >= 0) {
		gnutls_transport_set_int(session, fd);
		if (gnutls_handshake(session) >= 0 &&
			gnutls_record_send(session, request, sizeof request - 1) > 0)
			while (len < size &&
				(n = gnutls_record_recv(session, answer + len, size - len)) > 0)
				len += (size_t)n;
	}
	if (session)
		gnutls_deinit(session);
	if (credentials)
		gnutls_certificate_free_credentials(credentials);
	return len ? (ssize_t)len : -1;
}

int command_health(const char *config)
{
	scoped(arena_freep) struct arena *arena = arena_new(CONFIG_ARENA);
	scoped(closep) int fd = -1;
	struct node_conf conf;
	char answer[13] = "";
	struct err err;
	ssize_t n;

	if (!arena || node_conf_load(node_conf_path(config), &conf, arena, &err) < 0) {
		fprintf(stderr, "wgkeeper-node: %s\n", arena ? err.msg : "out of memory");
		return EXIT_FAILURE;
	}
	fd = connect_to(&conf);
	if (fd < 0) {
		fprintf(stderr, "wgkeeper-node: nothing answers on port %d\n", (int)conf.port);
		return EXIT_FAILURE;
	}
	n = conf.tls == NODE_TLS_OFF ? ask_plain(fd, answer, sizeof answer - 1)
				     : ask_tls(fd, answer, sizeof answer - 1);
	if (n == sizeof answer - 1 && !strncmp(answer, "HTTP/1.1 200", sizeof answer - 1)) {
		puts("ready");
		return EXIT_SUCCESS;
	}
	fputs("wgkeeper-node: not ready\n", stderr);
	return EXIT_FAILURE;
}
