/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rng.h"

/* Open addressing with linear probing; `cap` is a power of two, at most 3/4 full. A deletion moves
 * followers back, so there are no grave marks. */

static const void *key_of(const struct map *map, const void *object)
{
	return (const char *)object + map->key_offset;
}

static size_t home(const struct map *map, const void *key)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, key, map->key_len, map->seed);
	return hash & (map->cap - 1);
}

void map_init_raw(struct map *map, size_t key_offset, size_t key_len)
{
	*map = (struct map){ .key_offset = key_offset, .key_len = key_len };
	rng_bytes(map->seed, sizeof map->seed);
}

/* The slot of the object with this key, or the free one where it would go. */
static size_t find(const struct map *map, const void *key)
{
	size_t i = home(map, key);

	while (map->slots[i] && memcmp(key_of(map, map->slots[i]), key, map->key_len) != 0)
		i = (i + 1) & (map->cap - 1);
	return i;
}

void *map_get(const struct map *map, const void *key)
{
	return map->cap ? map->slots[find(map, key)] : NULL;
}

static bool grow(struct map *map)
{
	size_t old_cap = map->cap;
	void **old = map->slots, **slots;

	slots = calloc(old_cap ? old_cap * 2 : 16, sizeof *slots);
	if (!slots)
		return false;
	map->slots = slots;
	map->cap = old_cap ? old_cap * 2 : 16;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i])
			slots[find(map, key_of(map, old[i]))] = old[i];
	free(old);
	return true;
}

bool map_put(struct map *map, void *object)
{
	if ((map->n + 1) * 4 > map->cap * 3 && !grow(map))
		return false;
	map->slots[find(map, key_of(map, object))] = object;
	map->n++;
	return true;
}

void *map_del(struct map *map, const void *key)
{
	size_t mask = map->cap - 1, gap, i;
	void *object;

	if (!map->cap)
		return NULL;
	gap = find(map, key);
	object = map->slots[gap];
	if (!object)
		return NULL;
	for (i = (gap + 1) & mask; map->slots[i]; i = (i + 1) & mask) {
		size_t want = home(map, key_of(map, map->slots[i]));

		/* it may move back unless its home lies behind the gap */
		if (((i - want) & mask) >= ((i - gap) & mask)) {
			map->slots[gap] = map->slots[i];
			gap = i;
		}
	}
	map->slots[gap] = NULL;
	map->n--;
	return object;
}

void *map_next(const struct map *map, size_t *i)
{
	while (*i < map->cap) {
		void *object = map->slots[(*i)++];

		if (object)
			return object;
	}
	return NULL;
}

void map_done(struct map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->n = map->cap = 0;
}
