/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cidr.h"
#include "base/parse.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

unsigned cidr_full_bits(const struct cidr *cidr)
{
	return cidr->family == IP_V4 ? 32 : 128;
}

/* IPv4 written as ::ffff:a.b.c.d is IPv4. */
static void unmap(struct cidr *cidr)
{
	if (cidr->family != IP_V6 || cidr->bits < 96 || memcmp(cidr->addr, mapped, 12) != 0)
		return;
	memcpy(cidr->addr, cidr->addr + 12, 4);
	memset(cidr->addr + 4, 0, 12);
	cidr->family = IP_V4;
	cidr->bits = (uint8_t)(cidr->bits - 96);
}

static bool parse_raw(struct span text, struct cidr *cidr)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof copy)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (strlen(copy) != text.len)
		return false;
	*cidr = (struct cidr){ .family = strchr(copy, ':') ? IP_V6 : IP_V4 };
	cidr->bits = (uint8_t)cidr_full_bits(cidr);
	return inet_pton(cidr->family == IP_V6 ? AF_INET6 : AF_INET, copy, cidr->addr) == 1;
}

bool cidr_parse_address(struct span text, struct cidr *ret_cidr)
{
	struct cidr cidr;

	if (!parse_raw(text, &cidr))
		return false;
	unmap(&cidr);
	*ret_cidr = cidr;
	return true;
}

bool cidr_parse(struct span text, struct cidr *ret_cidr)
{
	struct span address = span_cut(&text, '/');
	struct cidr cidr;
	uint64_t bits;

	if (!text.at || !parse_raw(address, &cidr) ||
		!parse_u64(text, cidr_full_bits(&cidr), &bits) || (text.len > 1 && text.at[0] == '0'))
		return false;
	cidr.bits = (uint8_t)bits;
	unmap(&cidr);
	*ret_cidr = cidr;
	return true;
}

bool cidr_parse_any(struct span text, struct cidr *ret_cidr)
{
	return cidr_parse(text, ret_cidr) || cidr_parse_address(text, ret_cidr);
}

/* At most three digits, without leading zeros. */
static char *put_octet(char *at, unsigned value)
{
	if (value >= 100)
		*at++ = (char)('0' + value / 100);
	if (value >= 10)
		*at++ = (char)('0' + value / 10 % 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

/* Returns the end. Lists are full of IPv4 addresses, and inet_ntop(3) goes through printf. */
static char *put_address(char *at, const struct cidr *cidr)
{
	if (cidr->family == IP_V6) {
		if (!inet_ntop(AF_INET6, cidr->addr, at, INET6_ADDRSTRLEN))
			*at = '\0';
		return at + strlen(at);
	}
	for (unsigned i = 0; i < 4; i++) {
		at = put_octet(at, cidr->addr[i]);
		*at++ = '.';
	}
	return at - 1;
}

const char *cidr_format_address(char buf[CIDR_TEXT_SIZE], const struct cidr *cidr)
{
	*put_address(buf, cidr) = '\0';
	return buf;
}

const char *cidr_format(char buf[CIDR_TEXT_SIZE], const struct cidr *cidr)
{
	char *at = put_address(buf, cidr);

	*at++ = '/';
	*put_octet(at, cidr->bits) = '\0';
	return buf;
}

struct cidr cidr_network(const struct cidr *cidr)
{
	struct cidr network = *cidr;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = cidr->bits > i * 8 ? cidr->bits - i * 8 : 0;

		if (keep < 8)
			network.addr[i] &= (uint8_t)(0xff00u >> keep);
	}
	return network;
}

bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return !memcmp(a, b, sizeof *a);
}

bool cidr_contains(const struct cidr *outer, const struct cidr *inner)
{
	struct cidr a = cidr_network(outer), b = *inner;

	if (inner->bits < outer->bits)
		return false;
	b.bits = outer->bits;
	b = cidr_network(&b);
	return cidr_equal(&a, &b);
}

bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
	return cidr_contains(a, b) || cidr_contains(b, a);
}

struct cidr cidr_host(const struct cidr *network, uint64_t offset)
{
	struct cidr host = cidr_network(network);
	unsigned n = cidr_full_bits(network) / 8, carry = 0;

	host.bits = (uint8_t)cidr_full_bits(network);
	for (unsigned i = n; i-- > 0; offset >>= 8) {
		unsigned sum = host.addr[i] + (unsigned)(offset & 0xff) + carry;

		host.addr[i] = (uint8_t)sum;
		carry = sum >> 8;
	}
	return host;
}

uint64_t cidr_offset(const struct cidr *network, const struct cidr *address)
{
	unsigned n = cidr_full_bits(network) / 8;
	struct cidr first = cidr_network(network);
	uint64_t a = 0, b = 0;

	for (unsigned i = n > 8 ? n - 8 : 0; i < n; i++) {
		a = a << 8 | address->addr[i];
		b = b << 8 | first.addr[i];
	}
	return a - b;
}

bool cidr_from_sockaddr(const struct sockaddr *sa, struct cidr *ret_cidr)
{
	struct cidr cidr = { 0 };

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		cidr.family = IP_V4;
		memcpy(cidr.addr, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		cidr.family = IP_V6;
		memcpy(cidr.addr, &in6->sin6_addr, 16);
	} else {
		return false;
	}
	cidr.bits = (uint8_t)cidr_full_bits(&cidr);
	unmap(&cidr);
	*ret_cidr = cidr;
	return true;
}
