/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

enum { BACKLOG = 512 };

static int open_socket(int family, struct err *err)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, zero = 0;

	if (fd < 0)
		return err_set(err, REASON_CONFIG, NULL, "cannot open a socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	return fd;
}

static int bind_socket(int fd, const struct cidr *address, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (address->family == IP_V6) {
		memcpy(&in6.sin6_addr, address->addr, 16);
		return bind(fd, (struct sockaddr *)&in6, sizeof in6);
	}
	memcpy(&in.sin_addr, address->addr, 4);
	return bind(fd, (struct sockaddr *)&in, sizeof in);
}

int http_listen(const char *address, uint16_t port, int *ret_fd, struct err *err)
{
	struct cidr at = { .family = IP_V6, .bits = 128 };
	scoped(closep) int fd = -1;

	if (address[0] && !cidr_parse_address(span_of(address), &at))
		return err_set(err, REASON_CONFIG, NULL, "'%s' is not an address to listen on",
			address);
	fd = open_socket(at.family == IP_V6 ? AF_INET6 : AF_INET, err);
	if (fd == -ERR_INVALID && !address[0]) { /* no IPv6 in this kernel */
		at = (struct cidr){ .family = IP_V4, .bits = 32 };
		fd = open_socket(AF_INET, err);
	}
	if (fd < 0)
		return fd;
	if (bind_socket(fd, &at, port) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(err, REASON_CONFIG, NULL, "cannot listen on %s port %u: %s",
			address[0] ? address : "any address", port, strerror(errno));
	*ret_fd = fd;
	fd = -1;
	return 0;
}

bool http_listens_at(int fd, const char *address, uint16_t port)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof at;
	struct cidr have, want = { .family = IP_V6, .bits = 128 };
	uint16_t have_port;

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
		!cidr_from_sockaddr((struct sockaddr *)&at, &have))
		return false;
	have_port = at.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&at)->sin6_port
					     : ((const struct sockaddr_in *)&at)->sin_port;
	if (!address[0]) /* "::", or "0.0.0.0" where there is no IPv6 */
		want.family = have.family;
	else if (!cidr_parse_address(span_of(address), &want))
		return false;
	want.bits = have.bits;
	return ntohs(have_port) == port && cidr_equal(&have, &want);
}
