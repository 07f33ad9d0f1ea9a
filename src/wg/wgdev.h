/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * One WireGuard interface, through the kernel (generic netlink) or a userspace
 * implementation (the UAPI socket /run/wireguard/NAME.sock).
 *
 * Nothing in here waits. Changes are queued in order and answered by an event;
 * a read of the whole device (WireGuard has no smaller one) is an event per peer
 * and one at its end, parsed in slices. The owner polls wgdev_fd() and calls
 * wgdev_process(). No event comes from inside another call. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/time.h"

struct wgdev; /* opaque: wgdev.c */

enum wgdev_backend { WGDEV_KERNEL, WGDEV_USERSPACE };

enum { WGDEV_ALLOWED_MAX = 8, WGDEV_TIMEOUT_MS = 10000 };

/** What a peer is to be, whole: allowed IPs and preshared key are replaced. */
struct wgdev_change {
	struct wgkey public_key;
	bool remove; /* then nothing below counts; an unknown key is no error */
	struct wgkey preshared_key; /* all zero: none */
	struct cidr allowed[2];
	unsigned n_allowed;
	uint16_t keepalive; /* seconds, 0: off */
};

/** One peer of a dump. */
struct wgdev_peer {
	struct wgkey public_key;
	struct wgkey preshared_key;           /* all zero: none */
	struct cidr allowed[WGDEV_ALLOWED_MAX]; /* the first ones, host bits cleared */
	unsigned n_allowed;                   /* all there are, perhaps more than the array holds */
	uint16_t keepalive;
	struct cidr endpoint; /* IP_NONE: never seen */
	uint16_t endpoint_port;
	struct timestamp last_handshake; /* 0: never */
	uint64_t rx_bytes, tx_bytes;     /* as the interface sees them: rx is from the peer */
};

/** The interface's own part of a dump. */
struct wgdev_interface {
	struct wgkey private_key; /* all zero: none set */
	uint16_t listen_port;
	uint32_t fwmark;
};

struct wgdev_events {
	/** The changes of `ticket` are in effect (r = 0) or not all of them are: REASON_DEVICE (refused;
	 * each other change of the ticket has been applied), REASON_DEVICE_AWAY (no interface),
	 * REASON_OUTCOME_UNKNOWN (no answer within WGDEV_TIMEOUT_MS; read before you change more). */
	void (*applied)(void *ctx, uint64_t ticket, int r, const struct err *err);
	/** A change of `ticket` that was refused, before its applied(). `index` counts from 0. */
	void (*refused)(void *ctx, uint64_t ticket, size_t index, const struct err *err);
	/** A peer of the running dump; valid during the call. */
	void (*peer)(void *ctx, const struct wgdev_peer *peer);
	/** The running dump was interrupted by a change and is taken again: what it has reported does
	 * not count. */
	void (*again)(void *ctx);
	/** The dump has ended: r = 0 and `interface` given, or what was reported does not count:
	 * REASON_DEVICE_AWAY, REASON_DEVICE (interrupted too often, malformed, too slow). */
	void (*dumped)(void *ctx, const struct wgdev_interface *interface, int r,
		const struct err *err);
};

/** Which backend serves interface `name` now: the kernel's when there is such a link of kind
 * "wireguard", userspace when its socket answers; REASON_DEVICE_AWAY when neither. */
int wgdev_detect(const char *name, enum wgdev_backend *ret_backend, struct err *err) must_check;

/** `events` and `ctx` must outlive the object. Succeeds while the interface is away: its calls then
 * end in REASON_DEVICE_AWAY, and later ones work when it is back.
 * REASON_INVALID_FIELD: no name for an interface (1 to 15 of A-Z a-z 0-9 _ = + . -). */
int wgdev_open(const char *name, enum wgdev_backend backend, const struct wgdev_events *events,
	void *ctx, struct wgdev **ret_dev, struct err *err) must_check;

/** Becomes readable when wgdev_process() has something to do. */
int wgdev_fd(const struct wgdev *dev);

/** Milliseconds until wgdev_process() should be called even so (a time limit), or -1. */
int wgdev_wait_ms(const struct wgdev *dev);

/** Does what can be done without waiting, at most some 64 KiB of a dump, and reports events. */
void wgdev_process(struct wgdev *dev);

/** Queues `changes` (copied), to be applied in order after those queued before; answered by
 * applied(ticket). Fails only with REASON_NO_MEMORY. */
int wgdev_apply(struct wgdev *dev, const struct wgdev_change *changes, size_t n_changes,
	uint64_t ticket, struct err *err) must_check;

/** Queues the interface's own settings likewise. Peers stay. */
int wgdev_configure(struct wgdev *dev, const struct wgkey *private_key, uint16_t listen_port,
	uint64_t ticket, struct err *err) must_check;

/** Starts a dump that sees every change answered before this call. One at a time: REASON_BUSY. */
int wgdev_dump(struct wgdev *dev, struct err *err) must_check;

/** Whether a dump is running. */
bool wgdev_is_dumping(const struct wgdev *dev);

/** Wipes keys and frees; queued work is forgotten without events. The interface stays as it is. */
void wgdev_free(struct wgdev *dev);
DEFINE_FREEP(struct wgdev, wgdev_free);

/** Whether `name` may name an interface. */
bool wgdev_name_ok(const char *name);
