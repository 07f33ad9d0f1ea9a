/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/import/names.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/field.h"
#include "base/map.h"
#include "base/utf8.h"
#include "log/log.h"
#include "model/node_api.h"
#include "node/import/file.h"
#include "wg/conf_parse.h"
#include "json/read.h"

enum { JSON_ARENA = 16 * 1024, N_NOTES = WGCONF_KEYLESS + 1 };

/* Of each kind of note: how many, and where the first one was. */
struct noted {
	unsigned n, line;
	const char *setting;
};

struct import_names {
	enum import_names_state state;
	struct err failure;
	struct wgconf_interface interface;
	struct import_peer *peers;
	size_t n, room;
	struct map by_key;
	struct noted notes[N_NOTES];
	unsigned n_named, n_disabled, n_unusable, n_shared, shared_line;
};

/* A prefix, and who has it; of a search for those that two peers have. */
struct holding {
	struct cidr prefix;
	const struct import_peer *peer;
};

/*
 * Names
 */

struct friendly {
	const char *name, *friendly_name, *username, *user, *mail, *email;
};

/* clang-format off */
#define FRIENDLY(member) FIELD(struct friendly, member, .json = #member, .flags = F_NULLABLE)
static const struct field friendly_fields[] = {
	FRIENDLY(name),
	FRIENDLY(friendly_name),
	FRIENDLY(username),
	FRIENDLY(user),
	FRIENDLY(mail),
	FRIENDLY(email),
	{ 0 },
};
static const struct type friendly_type = TYPE(struct friendly, "friendly_json", friendly_fields);
/* clang-format on */

/* The JSON of the exporter has whatever members people like; these are the usual ones, best first. */
static size_t name_from_json(char *buf, size_t size, struct span text)
{
	scoped(arena_freep) struct arena *arena = arena_new(JSON_ARENA);
	struct friendly friendly = { 0 };
	struct err err;

	if (!arena ||
		json_read(text, &friendly_type, READ_IGNORE_UNKNOWN, &friendly, arena, &err) < 0)
		return 0;
	for (const struct field *f = friendly_fields; f->name; f++) {
		const char *value = *(const char *const *)field_of(f, &friendly);

		if (value && value[0])
			return utf8_clean(buf, size, span_of(value));
	}
	return 0;
}

static int set_name(struct import_peer *peer, const struct wgconf_peer *in, struct err *err)
{
	char buf[NODE_LABEL_MAX + 1];
	size_t len = 0;

	if (in->name_kind == WGCONF_NAME_JSON)
		len = name_from_json(buf, sizeof buf, in->name);
	else if (in->name_kind != WGCONF_NAMELESS)
		len = utf8_clean(buf, sizeof buf, in->name);
	if (len == 0)
		return 0;
	peer->name = strdup(buf);
	peer->guessed = in->name_kind == WGCONF_NAME_COMMENT;
	return peer->name ? 0 : err_nomem(err);
}

/*
 * Peers
 */

static void wipe_peer(struct import_peer *peer)
{
	free((char *)(uintptr_t)peer->name);
	explicit_bzero(peer, sizeof *peer);
}

/* Room is made by copying, not by realloc(), which would leave keys behind. */
static int make_room(struct import_names *names, struct err *err)
{
	size_t room = names->room ? names->room * 2 : 16;
	struct import_peer *more;

	if (names->n < names->room)
		return 0;
	more = calloc(room, sizeof *more);
	if (!more)
		return err_nomem(err);
	if (names->n) {
		memcpy(more, names->peers, names->n * sizeof *more);
		explicit_bzero(names->peers, names->n * sizeof *more);
	}
	free(names->peers);
	names->peers = more;
	names->room = room;
	return 0;
}

static int take_peer(void *ctx, const struct wgconf_peer *in, struct err *err)
{
	struct import_names *names = ctx;
	struct import_peer *peer;
	struct err unusable;
	int r;

	if (wgkey_check_public(&in->public_key, NULL, &unusable) < 0) {
		names->n_unusable++;
		return 0;
	}
	r = make_room(names, err);
	if (r < 0)
		return r;
	peer = &names->peers[names->n++];
	*peer = (struct import_peer){ .public_key = in->public_key,
		.preshared_key = in->preshared_key,
		.n_allowed = in->n_allowed,
		.line = in->line,
		.keepalive = in->keepalive,
		.disabled = in->disabled };
	for (unsigned i = 0; i < in->n_allowed && i < N_ELEMENTS(peer->allowed); i++)
		peer->allowed[i] = in->allowed[i];
	return set_name(peer, in, err);
}

static void take_note(void *ctx, unsigned line, enum wgconf_note what, const char *setting)
{
	struct import_names *names = ctx;
	struct noted *note = &names->notes[what];

	if (!note->n++) {
		note->line = line;
		note->setting = setting;
	}
}

/* One key is one peer to WireGuard: what comes later counts, but a disabled one does not count against one
 * that is not. A name is kept. */
static void merge(struct import_peer *kept, struct import_peer *later)
{
	const char *name = later->name ? later->name : kept->name;
	bool guessed = later->name ? later->guessed : kept->guessed;

	if (later->name)
		free((char *)(uintptr_t)kept->name);
	if (kept->disabled || !later->disabled)
		*kept = *later;
	kept->name = name;
	kept->guessed = guessed;
	explicit_bzero(later, sizeof *later);
}

/* The array does not move any more; peers that are there twice become one. */
static int make_index(struct import_names *names, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++) {
		struct import_peer *peer = &names->peers[i];
		struct import_peer *same = map_get(&names->by_key, &peer->public_key);

		if (same) {
			merge(same, peer);
			continue;
		}
		if (i != n) {
			names->peers[n] = *peer;
			explicit_bzero(peer, sizeof *peer);
		}
		if (!map_put(&names->by_key, &names->peers[n]))
			return err_nomem(err);
		n++;
	}
	names->n = n;
	for (size_t i = 0; i < n; i++) {
		names->n_named += names->peers[i].name != NULL;
		names->n_disabled += names->peers[i].disabled;
	}
	return 0;
}

/* To the kernel a prefix belongs to the peer that got it last; the others lose it without a word. */
static int find_shared(struct import_names *names, struct err *err)
{
	scoped(freep) struct holding *holdings = calloc(names->n * 2 + 1, sizeof *holdings);
	scoped(map_done) struct map by_prefix;
	struct holding *next = holdings;

	map_init(&by_prefix, struct holding, prefix);
	if (!holdings)
		return err_nomem(err);
	for (size_t i = 0; i < names->n * 2; i++) {
		const struct import_peer *peer = &names->peers[i / 2];

		*next = (struct holding){ peer->allowed[i % 2], peer };
		if (peer->disabled || !next->prefix.family)
			continue;
		if (map_get(&by_prefix, &next->prefix)) {
			if (!names->n_shared++)
				names->shared_line = peer->line;
		} else if (!map_put(&by_prefix, next++)) {
			return err_nomem(err);
		}
	}
	return 0;
}

static struct import_names *names_new(void)
{
	struct import_names *names = calloc(1, sizeof *names);

	if (names)
		map_init(&names->by_key, struct import_peer, public_key);
	return names;
}

int import_names_read(struct span text, struct import_names **ret_names, struct err *err)
{
	static const struct wgconf_events events = { take_peer, take_note };
	scoped(import_names_freep) struct import_names *names = names_new();
	int r;

	if (!names)
		return err_nomem(err);
	r = wgconf_parse(text, &events, names, &names->interface, err);
	if (r >= 0)
		r = make_index(names, err);
	if (r >= 0)
		r = find_shared(names, err);
	if (r < 0)
		return r;
	names->state = IMPORT_NAMES_READ;
	*ret_names = TAKE(names);
	return 0;
}

/*
 * The file
 */

static void tell(const struct import_names *names, const char *path)
{
	static const char *const texts[N_NOTES] = {
		[WGCONF_HOOK] = "commands in wg-quick's file are not run",
		[WGCONF_DROPPED] = "settings in wg-quick's file do not come along",
		[WGCONF_UNKNOWN] = "lines of wg-quick's file say nothing to WireGuard",
		[WGCONF_MALFORMED] =
			"values in wg-quick's file are malformed; their peers are left out",
		[WGCONF_KEYLESS] = "peers in wg-quick's file have no public key",
	};

	log_notice("wg-quick's file was read; config.yaml and the store rule",
		LOG_STR("path", path), LOG_INT("peers", names->n), LOG_INT("named", names->n_named),
		LOG_INT("disabled", names->n_disabled));
	for (unsigned i = 0; i < N_NOTES; i++)
		if (names->notes[i].n)
			log_warn(texts[i], LOG_STR("path", path), LOG_INT("n", names->notes[i].n),
				LOG_INT("line", names->notes[i].line),
				LOG_STR("setting", names->notes[i].setting ?: ""));
	if (names->n_unusable)
		log_warn("peers in wg-quick's file have unusable public keys",
			LOG_STR("path", path), LOG_INT("n", names->n_unusable));
	if (names->n_shared)
		log_warn("prefixes in wg-quick's file belong to two peers; the later one has them",
			LOG_STR("path", path), LOG_INT("n", names->n_shared),
			LOG_INT("line", names->shared_line));
}

int import_names_load(const char *path, struct import_names **ret_names, struct err *err)
{
	scoped(import_file_done) struct import_file file = IMPORT_FILE_INIT;
	struct import_names *names;
	struct err why = { 0 };
	int r = import_file_read(path, WGCONF_BYTES_MAX, IMPORT_ANYHOW, &file, &why);

	if (r >= 0) {
		r = import_names_read(file.text, ret_names, &why);
		if (r >= 0) {
			tell(*ret_names, path);
			return 0;
		}
		(void)err_context(&why, r, "'%s'", path);
	}
	names = why.reason == REASON_NO_MEMORY ? NULL : names_new();
	if (!names)
		return err_nomem(err);
	if (r != -ERR_NOT_FOUND) {
		names->state = IMPORT_NAMES_FAILED;
		names->failure = why;
		log_warn("wg-quick's file could not be read; it counts for nothing", LOG_ERR(&why));
	}
	*ret_names = names;
	return 0;
}

/*
 * Questions
 */

enum import_names_state import_names_state(const struct import_names *names)
{
	return names->state;
}

const struct err *import_names_failure(const struct import_names *names)
{
	return &names->failure;
}

const struct wgconf_interface *import_names_interface(const struct import_names *names)
{
	return &names->interface;
}

struct import_peer *import_peer_of(const struct import_names *names, const struct wgkey *key)
{
	return names ? map_get(&names->by_key, key) : NULL;
}

const char *import_name(const struct import_names *names, const struct wgkey *key)
{
	const struct import_peer *peer = import_peer_of(names, key);

	return peer ? peer->name : NULL;
}

struct import_peer *import_peer_next(const struct import_names *names, size_t *i)
{
	return names && *i < names->n ? &names->peers[(*i)++] : NULL;
}

void import_peer_seen(struct import_names *names, const struct wgkey *key, uint64_t dump)
{
	struct import_peer *peer = names ? map_get(&names->by_key, key) : NULL;

	if (peer)
		peer->seen_dump = dump;
}

void import_names_free(struct import_names *names)
{
	if (!names)
		return;
	map_done(&names->by_key);
	for (size_t i = 0; i < names->n; i++)
		wipe_peer(&names->peers[i]);
	free(names->peers);
	explicit_bzero(names, sizeof *names);
	free(names);
}
