/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * wg-quick's file: /etc/wireguard/NAME.conf, and what the usual tools leave in it.
 *
 * Peers are reported one by one while the text is read; nothing is allocated. Settings that say
 * something only to wg-quick are told as notes and dropped, hooks above all: nothing of a file is
 * ever run. A value never gets into an error or a note, since it may be a key.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/key.h"

enum {
	WGCONF_BYTES_MAX = 16 * 1024 * 1024,
	WGCONF_LINE_MAX = 4096,
	WGCONF_PEERS_MAX = 100000,
	WGCONF_ALLOWED_MAX = 64,
	WGCONF_ADDRESSES_MAX = 4,
};

/** Where the name of a peer was found, from a guess to a tool's own mark. */
enum wgconf_name {
	WGCONF_NAMELESS,
	WGCONF_NAME_COMMENT, /* a comment near it */
	WGCONF_NAME_MARK,    /* wg-easy, angristan, Nyr, PiVPN, WGDashboard, friendly_name */
	WGCONF_NAME_JSON,    /* friendly_json: the span is a JSON object, with the name in it */
};

struct wgconf_peer {
	unsigned line;                           /* of its [Peer] */
	struct wgkey public_key, preshared_key;  /* the latter all zero: none */
	struct cidr allowed[WGCONF_ALLOWED_MAX]; /* the first ones, host bits cleared */
	unsigned n_allowed;                      /* all there are */
	uint16_t keepalive;
	bool disabled; /* commented out by PiVPN: WireGuard does not see it */
	enum wgconf_name name_kind;
	struct span name; /* as it stands there: any bytes but a line break */
};

/** The [Interface] sections, the later ones winning. */
struct wgconf_interface {
	struct wgkey private_key; /* all zero: none, or malformed */
	struct cidr addresses[WGCONF_ADDRESSES_MAX];
	unsigned n_addresses; /* all there are */
	uint16_t listen_port; /* 0: none */
	uint16_t mtu;         /* 0: none */
	unsigned n_hooks, n_peers;
};

enum wgconf_note {
	WGCONF_HOOK,      /* a command for wg-quick: not run */
	WGCONF_DROPPED,   /* a setting that does not come along */
	WGCONF_UNKNOWN,   /* no setting of WireGuard, or outside of a section */
	WGCONF_MALFORMED, /* a value that is none; a peer with one is left out */
	WGCONF_KEYLESS,   /* a peer without a public key: left out */
};

struct wgconf_events {
	/** One peer; valid during the call. A negative answer ends the reading and is returned. */
	int (*peer)(void *ctx, const struct wgconf_peer *peer, struct err *err);
	/** May be NULL. `setting` is a name from our own table, or NULL. */
	void (*note)(void *ctx, unsigned line, enum wgconf_note note, const char *setting);
};

/** Reads the whole text. `ret_interface` holds a private key: to be wiped. REASON_TOO_LARGE: more than
 * the limits above; REASON_INVALID_FIELD: bytes that are no text; or what `peer` answered. Peers that
 * were reported before an error count for nothing. */
int wgconf_parse(struct span text, const struct wgconf_events *events, void *ctx,
	struct wgconf_interface *ret_interface, struct err *err) must_check;
