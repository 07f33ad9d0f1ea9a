/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * What the interface's wg-quick file says: its private key, its peers, and their names.
 *
 * Read once, at start, and never again: from then on config.yaml and the store count. Its peers are
 * offered for adoption, nothing of them is put on the device. A file that cannot be read is no
 * reason not to start, unless its private key is needed: the failure is remembered.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/span.h"

struct import_names; /* opaque */

struct import_peer {
	struct wgkey public_key, preshared_key; /* the latter all zero: none */
	struct cidr allowed[2];                 /* the first ones */
	unsigned n_allowed, line;               /* all of them; where it stands */
	uint16_t keepalive;
	bool disabled;    /* commented out by its tool: to be adopted as suspended */
	bool guessed;     /* the name is a comment near it, and no tool's mark */
	const char *name; /* UTF-8 of at most 64 bytes without control characters, or NULL */
	/* the keeper's notes */
	uint64_t seen_dump; /* number of the last reading of the device that had its key */
	bool is_new;        /* nobody had its key when the store was read */
	bool was_made;      /* a peer with its key was made since */
};

enum import_names_state {
	IMPORT_NAMES_NONE, /* there is no file */
	IMPORT_NAMES_READ,
	IMPORT_NAMES_FAILED, /* there is one, and nothing of it counts */
};

/** Reads a file and says in the log what it found. Gives an object whatever is there; fails only with
 * REASON_NO_MEMORY. */
int import_names_load(
	const char *path, struct import_names **ret_names, struct err *err) must_check;

/** The same from bytes, without a word. Errors as wgconf_parse(). */
int import_names_read(
	struct span text, struct import_names **ret_names, struct err *err) must_check;

enum import_names_state import_names_state(const struct import_names *names);

/** Of IMPORT_NAMES_FAILED: why. */
const struct err *import_names_failure(const struct import_names *names);

/** The interface's settings in the file. */
const struct wgconf_interface *import_names_interface(const struct import_names *names);

/** The label that a peer with this key should get, or NULL. `names` may be NULL. */
const char *import_name(const struct import_names *names, const struct wgkey *key);

/** The file's peer with this key, or NULL. `names` may be NULL. */
struct import_peer *import_peer_of(const struct import_names *names, const struct wgkey *key);

/** The file's peers one after the other: begin with `*i` = 0; NULL at the end. `names` may be NULL. */
struct import_peer *import_peer_next(const struct import_names *names, size_t *i);

/** Reading number `dump` of the device has this key. `names` may be NULL. */
void import_peer_seen(struct import_names *names, const struct wgkey *key, uint64_t dump);

/** Wipes keys and frees. */
void import_names_free(struct import_names *names);
DEFINE_FREEP(struct import_names, import_names_free);
