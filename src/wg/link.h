/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Network interfaces, addresses and the default route, through rtnetlink.
 *
 * Each call is one short conversation with the kernel, bounded to a second.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"

enum { LINK_NAME_SIZE = 16, LINK_KIND_SIZE = 16 };

struct link_info {
	int index;
	char name[LINK_NAME_SIZE];
	char kind[LINK_KIND_SIZE]; /* "wireguard", "tun"… or "" */
	uint32_t mtu;
	bool up;
};

/** REASON_DEVICE_AWAY: there is none. */
int link_get(const char *name, struct link_info *ret_link, struct err *err) must_check;

/** Makes a WireGuard interface. One that is there already is fine. REASON_DEVICE_AWAY: this kernel has
 * no WireGuard. */
int link_create_wireguard(const char *name, struct err *err) must_check;

/** Sets the MTU (0: leave) and brings the interface up. */
int link_up(const char *name, uint32_t mtu, struct err *err) must_check;

/** Gives the interface this address with its prefix; one that is there already is fine. */
int link_add_address(const char *name, const struct cidr *address, struct err *err) must_check;

/** Whether the interface has exactly this address and prefix. */
int link_has_address(const char *name, const struct cidr *address, bool *ret_has, struct err *err)
	must_check;

/** Looks for an address of another interface than `except` (loopback and link-local aside) whose network
 * overlaps `subnet`. 1: found, and named; 0: none. */
int link_find_overlap(const struct cidr *subnet, const char *except, char ret_name[LINK_NAME_SIZE],
	struct cidr *ret_found, struct err *err) must_check;

/** The interface of the default route of a family (lowest metric of the main table) and its preferred
 * or first global address. REASON_NOT_FOUND: no default route. */
int link_default(enum ip_family family, struct link_info *ret_link, struct cidr *ret_address,
	struct err *err) must_check;

/** A socket that becomes readable when links come, go or change; see link_watch_read(). */
int link_watch(int *ret_fd, struct err *err) must_check;

/** Empties the socket; true when something happened to interface `name`, or news were lost. */
bool link_watch_read(int fd, const char *name);
