/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Addresses and prefixes of both families. A `struct cidr` of full length is an
 * address. Bytes behind an IPv4 address are zero, so whole structs compare.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct sockaddr;

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

struct cidr {
	uint8_t family; /* enum ip_family */
	uint8_t bits;
	uint8_t addr[16]; /* network order; IPv4 in the first four */
};

#define CIDR_TEXT_SIZE 50

/** "10.0.0.0/24", "fd00::1/128"; host bits are kept. IPv4 mapped into IPv6 with a prefix of 96 and
 * more becomes IPv4. The prefix must be there. */
bool cidr_parse(struct span text, struct cidr *ret_cidr);

/** An address without a prefix: the result has full length. No leading zeros, no zone. */
bool cidr_parse_address(struct span text, struct cidr *ret_cidr);

/** Either of the two above. */
bool cidr_parse_any(struct span text, struct cidr *ret_cidr);

/** With its prefix / without. Lower case, shortest (RFC 5952). Return `buf`. */
const char *cidr_format(char buf[CIDR_TEXT_SIZE], const struct cidr *cidr);
const char *cidr_format_address(char buf[CIDR_TEXT_SIZE], const struct cidr *cidr);

/** 32 or 128. */
unsigned cidr_full_bits(const struct cidr *cidr);

/** With the host bits cleared. */
struct cidr cidr_network(const struct cidr *cidr);

bool cidr_equal(const struct cidr *a, const struct cidr *b);

/** Whether every address of `inner` is in `outer`. */
bool cidr_contains(const struct cidr *outer, const struct cidr *inner);
bool cidr_overlaps(const struct cidr *a, const struct cidr *b);

/** The address `offset` after the network's first, at full length; no check against its end. */
struct cidr cidr_host(const struct cidr *network, uint64_t offset);

/** The inverse, for an address inside `network` whose offset fits 64 bits. */
uint64_t cidr_offset(const struct cidr *network, const struct cidr *address);

/** A socket's address, IPv4 unmapped; false for other families. */
bool cidr_from_sockaddr(const struct sockaddr *sa, struct cidr *ret_cidr);
