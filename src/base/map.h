/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * A set of objects, found by a key that is part of them.
 *
 * The map holds pointers and owns nothing; the key's bytes must not change while
 * the object is in. Keys may be chosen by a stranger: the hash is SipHash under
 * a seed of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct map {
	void **slots;
	size_t n, cap;
	size_t key_offset, key_len;
	uint8_t seed[16];
};

/** The key is member `member` of `struct_`, compared byte by byte. */
#define map_init(map, struct_, member) \
	map_init_raw((map), offsetof(struct_, member), sizeof(((struct_ *)0)->member))

void map_init_raw(struct map *map, size_t key_offset, size_t key_len);

/** The object with these key bytes, or NULL. */
void *map_get(const struct map *map, const void *key);

/** Adds `object`; there must be none with its key. False without memory. */
bool map_put(struct map *map, void *object) must_check;

/** Takes out and returns the object with this key, or NULL. */
void *map_del(struct map *map, const void *key);

/** The object in slot `*i` or the next full one, moving `*i` behind it; NULL at the end. Start with
 * 0; the map must not change in between. */
void *map_next(const struct map *map, size_t *i);

void map_done(struct map *map);
