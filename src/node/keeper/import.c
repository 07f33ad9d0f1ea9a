/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The published node's peer store, taken over once. All of it or nothing: with a record missing, a client
 * would be shut out without anybody knowing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log/log.h"
#include "node/import/file.h"
#include "node/import/published.h"
#include "node/keeper/keeper.h"

enum { LIST_MAX = 1000, NOTE_ARENA = 8192, RECORD_TEXT = 80 };

static const char source[] = "published";

struct importer {
	struct keeper *k;
	bool accept;
	struct peer **peers; /* of this import; they are the set's */
	size_t n, room, n_faults, n_quarantined;
	char first[sizeof((struct err *)0)->msg]; /* fault */
};

static void importer_done(struct importer *im)
{
	free(im->peers);
}

/* A record's key is whatever stands in the file; the log escapes what has to be. */
static void fault(void *ctx, struct span record, const struct err *why)
{
	struct importer *im = ctx;
	char text[RECORD_TEXT];

	snprintf(text, sizeof text, "%.*s",
		(int)(record.len < sizeof text ? record.len : sizeof text), record.at);
	if (!im->n_faults)
		snprintf(im->first, sizeof im->first, "%s: %.160s", text, why->msg);
	if (im->n_faults++ < LIST_MAX)
		log_error("a record of the published peer store cannot be imported",
			LOG_STR("record", text), LOG_STR("reason", err_slug(why->reason)),
			LOG_STR("error", why->msg));
}

/* What is ended here stays ended, whatever the file says. */
static int check_new(struct keeper *k, const struct peer *peer, struct err *err)
{
	struct tombstone tombstone;
	struct uuid whose;

	if (peers_by_id(&k->peers, &peer->id))
		return err_set(err, REASON_EXISTS, "peer_id",
			"another record, or a peer of this node, has the same id; delete one of them");
	if (peers_by_key(&k->peers, &peer->public_key))
		return err_set(err, REASON_KEY_IN_USE, "public_key",
			"another record, or a peer of this node, has the same public key; delete one");
	if (store_tombstone(k->store, &peer->id, &tombstone, err) >= 0)
		return err_set(err, REASON_PEER_ENDED, "peer_id",
			"a peer with this id has ended on this node and does not come back");
	if (store_used_key(k->store, &peer->public_key, &whose, err) >= 0)
		return err_set(err, REASON_KEY_IN_USE, "public_key",
			"the key belonged to a peer that has ended on this node");
	return 0;
}

static int check_place(struct importer *im, struct peer *peer, struct err *err)
{
	struct keeper *k = im->k;
	int r = quarantine_claim(k, peer, err);

	if (r < 0)
		return r;
	peer->quarantine = quarantine_reason(k, peer);
	if (!peer->quarantine || im->accept)
		return 0;
	return err_set(err, REASON_CONFIG, "allowed_ips",
		"an address of it is not one that wireguard.subnet, subnet6 and server_ip leave for "
		"peers; set them as the published node had them, or start once with "
		"--accept-subnet-change");
}

static bool remember(struct importer *im, struct peer *peer)
{
	size_t room = im->room ? im->room * 2 : 256;
	struct peer **more;

	if (im->n == im->room) {
		more = reallocarray(im->peers, room, sizeof *more);
		if (!more)
			return false;
		im->peers = more;
		im->room = room;
	}
	im->peers[im->n++] = peer;
	return true;
}

/* Into memory. Where the start is refused later, the process ends with it. */
static int take_peer(void *ctx, struct span record, struct peer *given, struct err *err)
{
	scoped(peer_freep) struct peer *peer = given;
	struct importer *im = ctx;
	struct keeper *k = im->k;
	const char *name = import_name(k->names, &peer->public_key);
	struct err why = { 0 };
	int r = check_new(k, peer, &why);

	if (r >= 0)
		r = check_place(im, peer, &why);
	if (r < 0 && err_class(why.reason) == ERR_INTERNAL)
		return err_set(err, why.reason, NULL, "%s", why.msg);
	if (r < 0) {
		fault(im, record, &why);
		quarantine_unclaim(k, peer);
		return 0;
	}
	peer->keepalive = k->conf.keepalive;
	peer->label = name ? strdup(name) : NULL;
	if ((name && !peer->label) || !remember(im, peer))
		return err_nomem(err);
	r = peers_add(&k->peers, peer, err);
	if (r < 0)
		return r;
	im->n_quarantined += peer->quarantine != 0;
	peer = NULL; /* the set has it */
	return 0;
}

static int read_store(
	struct importer *im, const char *path, const struct import_file *file, struct err *err)
{
	static const struct published_events events = { take_peer, fault };
	int r = published_read(file->text, &events, im, err);

	if (r < 0)
		return err_context(err, r, "wireguard.peer_store_file '%s'", path);
	if (im->n_faults)
		return err_set(err, REASON_CONFIG, "wireguard.peer_store_file",
			"%zu of %zu peers in '%.60s' cannot be imported (the log lists them), and so none "
			"was: %.130s",
			im->n_faults, im->n + im->n_faults, path, im->first);
	return 0;
}

static int keep(
	struct importer *im, const char *path, const struct import_file *file, struct err *err)
{
	struct store *store = im->k->store;
	struct store_import note = { .path = path,
		.sha256 = digest_of(file->text),
		.size = (int64_t)file->text.len,
		.n_peers = (int64_t)im->n,
		.modified_at = file->modified_at,
		.imported_at = time_now() };
	char hex[DIGEST_HEX_SIZE];
	int r = store_begin(store, err);

	for (size_t i = 0; i < im->n && r >= 0; i++)
		r = store_put(store, im->peers[i], err);
	if (r >= 0)
		r = store_import_put(store, source, &note, err);
	if (r >= 0)
		r = store_commit(store, err);
	if (r < 0)
		return r;
	log_notice("audit.peers_imported", LOG_STR("path", path), LOG_INT("peers", im->n),
		LOG_INT("quarantined", im->n_quarantined),
		LOG_STR("sha256", digest_hex(hex, &note.sha256)),
		LOG_INT("revision", store_revision(store)));
	return 0;
}

/* 1: it has been done. A published node that ran since may have made peers that nobody has here. */
static int done_before(struct keeper *k, const char *path, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(NOTE_ARENA);
	struct store_import note;
	struct timestamp modified;
	struct stat st;
	int r;

	if (!arena)
		return err_nomem(err);
	r = store_import_get(k->store, source, &note, arena, err);
	if (r == -ERR_NOT_FOUND)
		return 0;
	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return 1; /* put away */
	modified.us = st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
	if (st.st_size != note.size || modified.us != note.modified_at.us)
		log_warn(
			"wireguard.peer_store_file was changed after it had been imported; it is not "
			"read again",
			LOG_STR("path", path));
	return 1;
}

/* Without a trace: what would come, and what stands in the way. */
static void preview(struct importer *im, const char *path, const struct import_file *file)
{
	struct err why = { 0 };

	if (read_store(im, path, file, &why) < 0)
		log_warn("the published peer store could not be imported as it is", LOG_ERR(&why));
	else
		log_notice("the published peer store could be imported", LOG_STR("path", path),
			LOG_INT("peers", im->n));
	for (size_t i = 0; i < im->n; i++) {
		peers_remove(&im->k->peers, im->peers[i]);
		quarantine_unclaim(im->k, im->peers[i]);
		peer_free(im->peers[i]);
	}
}

static int busy(const char *path, struct err *err)
{
	return err_set(err, REASON_BUSY, "wireguard.peer_store_file",
		"'%s' is in use: the published wgkeeper-node is still running; stop it first",
		path);
}

int import_published(struct keeper *k, bool accept_subnet_change, struct err *err)
{
	scoped(importer_done) struct importer im = { .k = k, .accept = accept_subnet_change };
	scoped(import_file_done) struct import_file file = IMPORT_FILE_INIT;
	const char *path = k->conf.peer_store_file;
	struct err why;
	int r;

	if (!path)
		return 0;
	r = done_before(k, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = import_file_read(path, PUBLISHED_BYTES_MAX, IMPORT_LOCKED, &file, &why);
	if (r == -ERR_NOT_FOUND)
		return 0;
	if (r < 0 && keeper_only_looks(k)) {
		log_warn("the published peer store was not looked at", LOG_ERR(&why));
		return 0;
	}
	if (r < 0)
		return why.reason == REASON_BUSY ? busy(path, err)
						 : err_set(err, why.reason, NULL, "%s", why.msg);
	if (file.text.len == 0)
		return 0; /* made by hand, for the published node to begin with */
	if (keeper_only_looks(k)) {
		preview(&im, path, &file);
		return 0;
	}
	r = read_store(&im, path, &file, err);
	return r < 0 ? r : keep(&im, path, &file, err);
}
