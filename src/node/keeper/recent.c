/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "node/keeper/peers.h"

enum { HOLES_MIN = 64 };

static void set(struct recent *recent, size_t at, struct recent_slot slot)
{
	recent->slots[at] = slot;
	if (slot.peer)
		slot.peer->recent_at = at + 1;
}

static void close_up(struct recent *recent)
{
	size_t n = 0;

	for (size_t i = 0; i < recent->n; i++)
		if (recent->slots[i].peer)
			set(recent, n++, recent->slots[i]);
	recent->n = n;
	recent->holes = 0;
}

void recent_forget(struct recent *recent)
{
	recent->fresh = false;
	recent->n = recent->holes = 0;
}

void recent_drop(struct recent *recent, struct peer *peer)
{
	if (!recent->fresh || !peer->recent_at)
		return;
	recent->slots[peer->recent_at - 1].peer = NULL;
	peer->recent_at = 0;
	if (++recent->holes > HOLES_MIN && recent->holes * 2 > recent->n)
		close_up(recent);
}

static bool make_room(struct recent *recent)
{
	size_t room = recent->room ? recent->room * 2 : 64;
	struct recent_slot *more;

	if (recent->n < recent->room)
		return true;
	more = reallocarray(recent->slots, room, sizeof *more);
	if (!more)
		return false;
	recent->slots = more;
	recent->room = room;
	return true;
}

void recent_note(struct recent *recent, struct peer *peer)
{
	struct recent_slot slot = { peer->revision, peer };
	size_t at;

	if (!recent->fresh)
		return;
	recent_drop(recent, peer);
	if (!make_room(recent)) {
		recent_forget(recent);
		return;
	}
	/* those of one commit may come in any order */
	for (at = recent->n++; at > 0 && recent->slots[at - 1].revision > slot.revision; at--)
		set(recent, at, recent->slots[at - 1]);
	set(recent, at, slot);
}

static int by_revision(const void *a, const void *b)
{
	const struct recent_slot *x = a, *y = b;

	return (x->revision > y->revision) - (x->revision < y->revision);
}

int recent_build(struct recent *recent, struct peer *const *peers, size_t n, struct err *err)
{
	struct recent_slot *slots;

	if (recent->fresh)
		return 0;
	slots = calloc(n + HOLES_MIN, sizeof *slots);
	if (!slots)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		slots[i] = (struct recent_slot){ peers[i]->revision, peers[i] };
	if (n)
		qsort(slots, n, sizeof *slots, by_revision);
	free(recent->slots);
	*recent = (struct recent){ .slots = slots, .n = n, .room = n + HOLES_MIN, .fresh = true };
	for (size_t i = 0; i < n; i++)
		set(recent, i, slots[i]);
	return 0;
}

size_t recent_after(const struct recent *recent, int64_t revision)
{
	size_t low = 0, high = recent->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (recent->slots[mid].revision <= revision)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void recent_done(struct recent *recent)
{
	free(recent->slots);
	*recent = (struct recent){ 0 };
}
