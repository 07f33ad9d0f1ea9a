/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/keeper/allot.h"

#include "node/keeper/keeper.h"

static struct pool *pool_of(struct keeper *k, uint8_t family)
{
	for (unsigned p = 0; p < k->n_pools; p++)
		if (k->pools[p].subnet.family == family)
			return &k->pools[p];
	return NULL;
}

unsigned allot_slot(uint8_t family)
{
	return family == IP_V6;
}

static int check_read(const struct keeper *k, struct err *err)
{
	if (!k->read_dump)
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"the WireGuard interface '%s' is being read; try again", k->conf.interface);
	return 0;
}

void allot_undo(struct keeper *k, struct peer *peer)
{
	for (unsigned a = 0; a < 2; a++) {
		if (peer->address[a].family)
			pool_undo(pool_of(k, peer->address[a].family), &peer->address[a]);
		peer->address[a] = (struct cidr){ 0 };
	}
}

static bool wants_family(uint8_t family, const uint8_t *families, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (families[i] == family)
			return true;
	return n == 0;
}

int allot_some(struct keeper *k, struct peer *peer, const uint8_t *families, unsigned n,
	const char *field, struct err *err)
{
	int r = check_read(k, err);

	for (unsigned i = 0; i < n; i++)
		if (!pool_of(k, families[i]))
			return err_set(err, REASON_FAMILY_UNSUPPORTED, field,
				"requested address family is not supported by this node");
	for (unsigned p = 0; p < k->n_pools && r >= 0; p++) {
		uint8_t family = k->pools[p].subnet.family;

		if (wants_family(family, families, n))
			r = pool_give(&k->pools[p], peer, time_now().us,
				&peer->address[allot_slot(family)], err);
	}
	if (r < 0)
		allot_undo(k, peer);
	return r;
}

static int give_this(struct keeper *k, struct peer *peer, const struct cidr *wanted, struct err *err)
{
	struct cidr *at = &peer->address[allot_slot(wanted->family)];
	struct pool *pool = pool_of(k, wanted->family);
	int r;

	if (!pool)
		return err_set(err, REASON_FAMILY_UNSUPPORTED, "addresses",
			"requested address family is not supported by this node");
	if (at->family)
		return err_set(err, REASON_INVALID_FIELD, "addresses",
			"a peer has one address of a family");
	r = pool_claim(pool, peer, wanted, err);
	if (r >= 0)
		*at = *wanted;
	return r;
}

int allot_these(struct keeper *k, struct peer *peer, const struct cidr *wanted, unsigned n,
	struct err *err)
{
	int r = check_read(k, err);

	for (unsigned i = 0; i < n && r >= 0; i++)
		r = give_this(k, peer, &wanted[i], err);
	if (r < 0)
		allot_undo(k, peer);
	return r;
}

void allot_end(struct keeper *k, const struct peer *peer)
{
	/* one in quarantine has addresses that are in no pool, or the server's */
	for (unsigned a = 0; a < 2; a++) {
		struct pool *pool = pool_of(k, peer->address[a].family);

		if (pool && pool_owner(pool, &peer->address[a]) == peer)
			pool_free(pool, &peer->address[a], time_now().us);
	}
}

int allot_move(struct keeper *k, struct peer *peer, const struct cidr wanted[2], struct err *err)
{
	struct cidr before[2] = { peer->address[0], peer->address[1] };
	int r = 0;

	for (unsigned a = 0; a < 2 && r >= 0; a++) {
		if (cidr_equal(&wanted[a], &before[a]))
			continue;
		peer->address[a] = (struct cidr){ 0 };
		if (wanted[a].family)
			r = give_this(k, peer, &wanted[a], err);
	}
	for (unsigned a = 0; a < 2 && r < 0; a++) {
		if (peer->address[a].family && !cidr_equal(&peer->address[a], &before[a]))
			pool_undo(pool_of(k, peer->address[a].family), &peer->address[a]);
		peer->address[a] = before[a];
	}
	return r;
}

void allot_moved(struct keeper *k, const struct peer *peer, const struct peer *before)
{
	for (unsigned a = 0; a < 2; a++)
		if (before->address[a].family && !cidr_equal(&peer->address[a], &before->address[a]))
			pool_free(pool_of(k, before->address[a].family), &before->address[a],
				time_now().us);
}

void allot_move_back(struct keeper *k, struct peer *peer, const struct peer *before)
{
	for (unsigned a = 0; a < 2; a++) {
		if (peer->address[a].family && !cidr_equal(&peer->address[a], &before->address[a]))
			pool_undo(pool_of(k, peer->address[a].family), &peer->address[a]);
		peer->address[a] = before->address[a];
	}
}
