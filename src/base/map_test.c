/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/map.h"
#include "base/rng.h"
#include "base/test.h"

struct thing {
	uint32_t key;
	bool in;
};

/* A map against a plain array, through many random puts and deletions. */
TEST(agrees_with_an_array)
{
	enum { N = 512, ROUNDS = 50000 };
	static struct thing things[N];
	struct map map;
	size_t n = 0;

	map_init(&map, struct thing, key);
	for (uint32_t i = 0; i < N; i++)
		things[i].key = i;
	for (int round = 0; round < ROUNDS; round++) {
		struct thing *thing;
		uint32_t i;

		rng_bytes(&i, sizeof i);
		thing = &things[i % N];
		assert_ptr_equal(map_get(&map, &thing->key), thing->in ? thing : NULL);
		if (thing->in)
			assert_ptr_equal(map_del(&map, &thing->key), thing);
		else
			assert_true(map_put(&map, thing));
		n += thing->in ? -(size_t)1 : 1;
		thing->in = !thing->in;
		assert_int_equal(map.n, n);
	}
	for (uint32_t i = 0; i < N; i++)
		assert_ptr_equal(map_get(&map, &i), things[i].in ? &things[i] : NULL);
	map_done(&map);
}

TEST(walks_over_everything_once)
{
	struct thing things[100] = { 0 }, *thing;
	struct map map;
	size_t i = 0, n = 0;

	map_init(&map, struct thing, key);
	assert_null(map_next(&map, &i));
	assert_null(map_get(&map, &things[0].key));
	assert_null(map_del(&map, &things[0].key));
	for (uint32_t k = 0; k < 100; k++) {
		things[k].key = k;
		assert_true(map_put(&map, &things[k]));
	}
	for (i = 0; (thing = map_next(&map, &i)); n++) {
		assert_false(thing->in);
		thing->in = true;
	}
	assert_int_equal(n, 100);
	map_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(walks_over_everything_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
