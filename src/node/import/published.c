/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/import/published.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/field.h"
#include "node/import/bbolt.h"
#include "json/read.h"

enum { RECORD_ARENA = 64 * 1024, ALLOWED_MAX = 16 };

struct record {
	const char *peer_id;
	struct wgkey public_key, preshared_key;
	struct list allowed_ips; /* of struct cidr */
	struct timestamp created_at, expires_at;
};

/* A member that has no row here may say something about access: it is an error, not passed over. */
/* clang-format off */
#define RECORD(member, ...) FIELD(struct record, member, .json = #member, __VA_ARGS__)
static const struct field record_fields[] = {
	RECORD(peer_id, .flags = F_REQUIRED),
	RECORD(public_key, .flags = F_REQUIRED),
	RECORD(preshared_key, .flags = F_REQUIRED | F_SECRET),
	RECORD(allowed_ips, .flags = F_REQUIRED, .of = FIELD_CIDR, .max = ALLOWED_MAX),
	RECORD(created_at, .flags = F_REQUIRED),
	RECORD(expires_at, .flags = F_NULLABLE),
	{ 0 },
};
static const struct type record_type = TYPE(struct record, "record", record_fields);
/* clang-format on */

struct reader {
	const struct published_events *events;
	void *ctx;
	struct arena *arena;
};

static int check_id(struct span key, const struct record *in, struct uuid *ret_id, struct err *err)
{
	if (!span_is(key, in->peer_id))
		return err_set(err, REASON_INVALID_FIELD, "peer_id",
			"the record's key and its 'peer_id' differ");
	/* the published node keeps every spelling of an id as it came; here there is one */
	if (!uuid_parse_lax(key, ret_id) || !uuid_is_v4(ret_id))
		return err_set(
			err, REASON_INVALID_PEER_ID, "peer_id", "'peer_id' must be a UUID v4");
	return 0;
}

/* One address of a family, and one at least. */
static int take_addresses(const struct list *allowed, struct cidr address[2], struct err *err)
{
	const struct cidr *cidrs = allowed->at;
	char text[CIDR_TEXT_SIZE];

	if (allowed->n == 0)
		return err_set(
			err, REASON_INVALID_FIELD, "allowed_ips", "'allowed_ips' has no address");
	for (size_t i = 0; i < allowed->n; i++) {
		struct cidr *at = &address[cidrs[i].family == IP_V6];

		if (cidrs[i].bits != cidr_full_bits(&cidrs[i]))
			return err_set(err, REASON_INVALID_FIELD, "allowed_ips",
				"%s in 'allowed_ips' is a network; a peer has single addresses",
				cidr_format(text, &cidrs[i]));
		if (at->family)
			return err_set(err, REASON_INVALID_FIELD, "allowed_ips",
				"'allowed_ips' has two addresses of a family");
		*at = cidrs[i];
	}
	return 0;
}

static int check_record(struct span key, const struct record *in, struct peer *out, struct err *err)
{
	int r = check_id(key, in, &out->id, err);

	if (r >= 0)
		r = wgkey_check_public(&in->public_key, "public_key", err);
	if (r >= 0 && wgkey_is_zero(&in->preshared_key))
		r = err_set(
			err, REASON_INVALID_KEY, "preshared_key", "'preshared_key' is all zero");
	if (r >= 0)
		r = take_addresses(&in->allowed_ips, out->address, err);
	if (r < 0)
		return r;
	out->public_key = in->public_key;
	out->preshared_key = in->preshared_key;
	out->created_at = in->created_at;
	out->expires_at = in->expires_at;
	return 0;
}

static void wipe(struct record *record)
{
	explicit_bzero(record, sizeof *record);
}

static int read_record(struct reader *reader, struct span key, struct span value, struct peer *out,
	struct err *err)
{
	scoped(wipe) struct record record = { 0 };
	int r;

	if (value.len > PUBLISHED_RECORD_MAX)
		return err_set(err, REASON_TOO_LARGE, NULL, "the record is larger than %d bytes",
			PUBLISHED_RECORD_MAX);
	r = json_read(value, &record_type, READ_STRICT, &record, reader->arena, err);
	return r < 0 ? r : check_record(key, &record, out, err);
}

static int on_record(void *ctx, struct span key, struct span value, struct err *err)
{
	scoped(peer_freep) struct peer *peer = calloc(1, sizeof *peer);
	struct reader *reader = ctx;
	struct err fault = { 0 };
	int r;

	if (!peer)
		return err_nomem(err);
	r = read_record(reader, key, value, peer, &fault);
	arena_reset(reader->arena);
	if (r >= 0)
		return reader->events->peer(reader->ctx, key, TAKE(peer), err);
	if (fault.reason == REASON_NO_MEMORY)
		return err_nomem(err);
	reader->events->fault(reader->ctx, key, &fault);
	return 0;
}

int published_read(
	struct span file, const struct published_events *events, void *ctx, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(RECORD_ARENA);
	struct reader reader = { events, ctx, arena };
	struct bbolt db;
	int r;

	if (!arena)
		return err_nomem(err);
	if (file.len == 0)
		return 0; /* made by hand, so that the published node begins to keep its peers */
	r = bbolt_open(file, &db, err);
	if (r >= 0)
		r = bbolt_bucket(&db, "peers", on_record, &reader, err);
	return r < 0 ? r : 0;
}
