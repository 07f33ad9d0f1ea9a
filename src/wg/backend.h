/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What wgdev.c needs of a way to a WireGuard device.
 *
 * A channel carries one conversation at a time: start it, then step() until it is
 * done. Nothing waits; the owner polls fd().
 */

#include "wg/wgdev.h"

struct wgdev_config {
	struct wgkey private_key;
	uint16_t listen_port;
};

/** What a dump is parsed into. */
struct wgdev_sink {
	void (*peer)(void *ctx, const struct wgdev_peer *peer);
	void *ctx;
	struct wgdev_interface interface;
};

struct channel; /* a backend's own */

/** What step() says. */
enum {
	STEP_WAIT,  /* poll again */
	STEP_DONE,
	STEP_AGAIN, /* the dump was interrupted by a change: what was reported does not count */
};

struct wgdev_ops {
	/** REASON_DEVICE_AWAY, _NO_MEMORY, _INTERNAL */
	int (*open)(const char *name, struct channel **ret_channel, struct err *err);
	void (*close)(struct channel *channel);

	/** Descriptor to poll (-1: none now) for EPOLLIN, or EPOLLOUT when wants_write(). It may be
	 * another one after each call. */
	int (*fd)(const struct channel *channel);
	bool (*wants_write)(const struct channel *channel);

	/** Begins a change: of the interface when `config` is given, else of the first of `changes`,
	 * as many as one message carries (`ret_taken`). */
	int (*set)(struct channel *channel, const struct wgdev_config *config,
		const struct wgdev_change *changes, size_t n, size_t *ret_taken, struct err *err);
	int (*dump)(struct channel *channel, struct err *err);

	/** Goes on with it. Negative: it is over. REASON_DEVICE (refused), _DEVICE_AWAY,
	 * _OUTCOME_UNKNOWN (broken off half way). */
	int (*step)(struct channel *channel, struct wgdev_sink *sink, struct err *err);

	/** Forgets the conversation; answers that still come are not taken for the next one's. */
	void (*cancel)(struct channel *channel);
};

extern const struct wgdev_ops netlink_ops, uapi_ops;
