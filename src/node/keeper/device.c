/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "node/keeper/keeper.h"
#include "wg/link.h"

enum {
	SET_CHUNK = 2000, /* peers a change; requests come in between */
	RETRY_US = 200000,
	FORWARDING_AGE_US = 5000000,
};

void device_change_of(const struct peer *peer, struct wgdev_change *ret_change)
{
	*ret_change = (struct wgdev_change){ .public_key = peer->public_key,
		.preshared_key = peer->preshared_key, .keepalive = (uint16_t)peer->keepalive };
	for (unsigned i = 0; i < 2; i++)
		if (peer->address[i].family)
			ret_change->allowed[ret_change->n_allowed++] = peer->address[i];
}

/*
 * Finding the interface
 */

static int make_link(struct keeper *k, struct err *err)
{
	struct link_info link;
	int r = link_get(k->conf.interface, &link, err);

	if (keeper_only_looks(k))
		return r;
	if (r >= 0 || k->conf.backend == NODE_BACKEND_USERSPACE)
		return 0;
	r = link_create_wireguard(k->conf.interface, err);
	if (r >= 0)
		log_notice("interface created", LOG_STR("interface", k->conf.interface));
	/* a kernel without WireGuard: a userspace implementation may come */
	return r < 0 && k->conf.backend == NODE_BACKEND_KERNEL ? r : 0;
}

static int choose_backend(struct keeper *k, struct err *err)
{
	int r = wgdev_detect(k->conf.interface, &k->backend, err);

	if (r < 0)
		return r;
	if ((k->conf.backend == NODE_BACKEND_KERNEL && k->backend != WGDEV_KERNEL) ||
		(k->conf.backend == NODE_BACKEND_USERSPACE && k->backend != WGDEV_USERSPACE))
		return err_set(err, REASON_DEVICE_AWAY, NULL,
			"interface '%s' is not served by the configured wireguard.backend",
			k->conf.interface);
	return 0;
}

void device_try(struct keeper *k)
{
	struct err err;
	int r = make_link(k, &err);

	if (r >= 0)
		r = choose_backend(k, &err);
	if (r >= 0 && !k->dev)
		r = wgdev_open(k->conf.interface, k->backend, &device_events, k, &k->dev, &err);
	if (r < 0) {
		k->device_err = err;
		/* told once, not five times a second */
		if (!k->retry_us)
			log_warn("the WireGuard interface is not there yet",
				LOG_STR("interface", k->conf.interface), LOG_ERR(&err));
		k->retry_us = time_monotonic_us() + RETRY_US;
		return;
	}
	keeper_watch_device(k);
	k->retry_us = 0;
	k->state = DEVICE_READING;
	dump_start(k);
}

void device_lost(struct keeper *k, const struct err *err)
{
	if (k->state == DEVICE_AWAY)
		return;
	log_warn("the WireGuard interface is away", LOG_STR("interface", k->conf.interface),
		LOG_ERR(err));
	k->device_err = *err;
	k->state = DEVICE_AWAY;
	k->retry_us = time_monotonic_us() + RETRY_US;
	for (size_t i = 0; i < k->peers.n; i++)
		k->peers.order[i]->on_device = false;
	keeper_unwatch_device(k);
	k->dead_dev = TAKE(k->dev); /* this may be one of its events */
	batch_fail_all(k, err);
	dump_fail_all(k, err);
}

/*
 * Bringing it in line
 */

static bool is_ended_key(struct keeper *k, const struct wgkey *key)
{
	struct uuid id;
	struct err err;

	return store_used_key(k->store, key, &id, &err) >= 0;
}

/* Keys of ended peers go; keys nobody here made are reported, unless the configuration says remove. While
 * things run, only the latter is looked at: an ended key that comes back is the Console's to know. */
void device_stranger(struct keeper *k, const struct wgdev_peer *seen)
{
	bool starting = k->state != DEVICE_READY || k->unknown;
	bool ours = peers_by_key(&k->peers, &seen->public_key) != NULL; /* suspended */
	bool ended = starting && !ours && is_ended_key(k, &seen->public_key);
	struct wgkey *more;

	if (!ours && !ended)
		k->unmanaged++; /* a suspended one that is there counts as altered */
	if (keeper_only_looks(k))
		return;
	if (!ended && !(ours && starting) && k->conf.unmanaged_peers != NODE_UNMANAGED_REMOVE)
		return;
	if (k->n_strangers == k->strangers_room) {
		size_t room = k->strangers_room ? k->strangers_room * 2 : 64;

		more = reallocarray(k->strangers, room, sizeof *more);
		if (!more)
			return; /* the next reading finds it again */
		k->strangers = more;
		k->strangers_room = room;
	}
	k->strangers[k->n_strangers++] = seen->public_key;
}

void device_foreign(struct keeper *k, const struct wgdev_peer *seen)
{
	bool ok = true;

	for (unsigned i = 0; i < seen->n_allowed && i < WGDEV_ALLOWED_MAX; i++)
		for (unsigned p = 0; p < k->n_pools; p++)
			if (seen->allowed[i].bits == cidr_full_bits(&seen->allowed[i]))
				ok = pool_foreign(&k->pools[p], &seen->allowed[i], k->dumps) && ok;
	if (!ok)
		log_error("the address of an unmanaged peer could not be noted");
}

static int remove_strangers(struct keeper *k, struct err *err)
{
	struct wgdev_change change = { .remove = true };
	char key[WGKEY_TEXT_SIZE];
	int r = 0;

	for (size_t i = 0; i < k->n_strangers && r >= 0; i++) {
		change.public_key = k->strangers[i];
		log_notice("a peer that should not be there is removed from the interface",
			LOG_STR("public_key", wgkey_format(key, &change.public_key)));
		r = wgdev_apply(k->dev, &change, 1, TICKET_NOBODY, err);
	}
	k->n_strangers = 0;
	return r;
}

static int choose_key(struct keeper *k, const struct wgdev_interface *interface, struct err *err)
{
	const char *source;
	char text[WGKEY_TEXT_SIZE];
	int r;

	if (k->key_known)
		return 0;
	r = identity_interface_key(&k->conf, &interface->private_key, k->names, &k->private_key,
		&source, err);
	if (r < 0)
		return r;
	if (!wgkey_public(&k->private_key, &k->public_key))
		return err_set(err, REASON_CONFIG, NULL, "the interface's private key is unusable");
	k->key_known = true;
	log_notice("interface key", LOG_STR("source", source),
		LOG_STR("public_key", wgkey_format(text, &k->public_key)));
	return 0;
}

static int set_link(struct keeper *k, struct err *err)
{
	const struct cidr *subnets[] = { &k->conf.subnet, &k->conf.subnet6 };
	const struct cidr *ips[] = { &k->conf.server_ip, &k->conf.server_ip6 };
	int r = 0;

	for (unsigned i = 0; i < 2 && r >= 0; i++) {
		struct cidr address = *ips[i];

		if (!subnets[i]->family)
			continue;
		address.bits = subnets[i]->bits;
		r = link_add_address(k->conf.interface, &address, err);
	}
	return r < 0 ? r : link_up(k->conf.interface, (uint32_t)k->conf.mtu, err);
}

static int set_rules(struct keeper *k, struct err *err)
{
	if (!k->conf.masquerade && !k->conf.isolate_peers)
		return nft_remove(k->conf.interface, err);
	return nft_install(&k->rules, err);
}

void device_check_forwarding(struct keeper *k)
{
	enum nft_forwarding before = k->forwarding.state;
	int64_t now = time_monotonic_us();
	struct err err;

	if (k->forwarding_us && now - k->forwarding_us < FORWARDING_AGE_US)
		return;
	if (nft_forwarding(&k->rules, &k->forwarding, &err) < 0) {
		log_warn("forwarding could not be checked", LOG_ERR(&err));
	} else if (k->forwarding.state != NFT_FORWARD_OK &&
		   (!k->forwarding_us || before != k->forwarding.state)) {
		log_warn(k->forwarding.state == NFT_FORWARD_OFF
				? "the kernel does not forward: peers reach this host only"
				: "another table drops what peers send on",
			LOG_STR("remedy", k->forwarding.remedy));
	}
	k->forwarding_us = now;
}

static bool must_set(const struct keeper *k, const struct peer *peer)
{
	return !peer_is_off(peer) && (peer->seen_dump != k->dumps || peer->altered);
}

static int plan(struct keeper *k, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < k->peers.n; i++)
		n += must_set(k, k->peers.order[i]);
	free(k->todo);
	k->n_todo = k->todo_at = 0;
	k->todo = calloc(n + 1, sizeof *k->todo);
	if (!k->todo)
		return err_nomem(err);
	for (size_t i = 0; i < k->peers.n; i++) {
		struct peer *peer = k->peers.order[i];

		if (must_set(k, peer)) {
			k->todo[k->n_todo++] = peer->id;
		} else {
			peer->on_device = !peer_is_off(peer);
			peer->placed_us = k->dump_began_us;
		}
	}
	return 0;
}

static void ready(struct keeper *k)
{
	k->state = DEVICE_READY;
	k->unknown = false;
	device_check_forwarding(k);
	log_notice("ready", LOG_STR("interface", k->conf.interface),
		LOG_INT("peers", k->peers.n), LOG_INT("set", k->n_todo),
		LOG_INT("unmanaged", k->unmanaged));
	k->n_todo = k->todo_at = 0;
}

/* The next chunk of peers that the device must hear of; ready when there is none. */
static int set_next(struct keeper *k, struct err *err)
{
	size_t end = k->todo_at + SET_CHUNK < k->n_todo ? k->todo_at + SET_CHUNK : k->n_todo, n = 0;
	scoped(freep) struct wgdev_change *changes = NULL;
	int r;

	if (k->todo_at == k->n_todo) {
		ready(k);
		return 0;
	}
	changes = calloc(end - k->todo_at, sizeof *changes);
	if (!changes)
		return err_nomem(err);
	for (; k->todo_at < end; k->todo_at++) {
		struct peer *peer = peers_by_id(&k->peers, &k->todo[k->todo_at]);

		if (!peer || peer_is_off(peer))
			continue; /* ended meanwhile */
		device_change_of(peer, &changes[n++]);
		peer->on_device = true;
		peer->placed_us = time_monotonic_us();
	}
	r = wgdev_apply(k->dev, changes, n, TICKET_SET, err);
	explicit_bzero(changes, n * sizeof *changes);
	return r;
}

static void cannot_set(struct keeper *k, const struct err *err)
{
	log_error("the interface could not be set up", LOG_STR("interface", k->conf.interface),
		LOG_ERR(err));
	if (err->reason == REASON_CONFIG) { /* of no use to try again */
		k->stopping = true;
		k->exit_status = KEEPER_EXIT_CONFIG;
	}
	device_lost(k, err);
}

void device_set(struct keeper *k, int r, const struct err *err)
{
	struct err next;

	if (k->state != DEVICE_SETTING)
		return;
	if (r < 0 && err->reason != REASON_DEVICE) {
		cannot_set(k, err);
		return;
	}
	if (set_next(k, &next) < 0)
		cannot_set(k, &next);
}

/* A peer that the device refuses is left off it and shows as missing. */
static void set_refused(struct keeper *k, const struct err *err)
{
	log_error("the interface refused a peer of the store", LOG_ERR(err));
	k->missing++;
}

static bool is_fresh(const struct keeper *k, const struct wgdev_interface *interface)
{
	return !wgkey_equal(&interface->private_key, &k->private_key) ||
	       interface->listen_port != k->conf.listen_port;
}

static int set_up(struct keeper *k, const struct wgdev_interface *interface, struct err *err)
{
	int r = choose_key(k, interface, err);

	if (r >= 0 && is_fresh(k, interface))
		r = wgdev_configure(k->dev, &k->private_key, (uint16_t)k->conf.listen_port,
			TICKET_NOBODY, err);
	if (r >= 0)
		r = remove_strangers(k, err);
	if (r >= 0)
		r = set_link(k, err);
	if (r >= 0)
		r = set_rules(k, err);
	if (r >= 0)
		r = plan(k, err);
	k->listen_port = (uint16_t)k->conf.listen_port;
	return r;
}

/* While all is well, readings only count. The first one, one after an unknown outcome, and one of an
 * interface that somebody made anew bring the device in line. */
void device_reconcile(struct keeper *k, const struct wgdev_interface *interface)
{
	struct err err;
	int r;

	if (keeper_only_looks(k)) {
		inventory_take(k, interface);
		return;
	}
	if (k->state == DEVICE_SETTING)
		return;
	if (k->state == DEVICE_READY && !k->unknown && !is_fresh(k, interface)) {
		if (k->n_strangers && remove_strangers(k, &err) < 0)
			cannot_set(k, &err);
		return;
	}
	if (k->state == DEVICE_READY && !k->unknown)
		log_warn("the interface was set up anew by somebody; restoring it",
			LOG_STR("interface", k->conf.interface));
	k->state = DEVICE_SETTING;
	r = set_up(k, interface, &err);
	if (r >= 0)
		r = set_next(k, &err);
	if (r < 0)
		cannot_set(k, &err);
}

/*
 * Events
 */

static void on_applied(void *ctx, uint64_t ticket, int r, const struct err *err)
{
	struct keeper *k = ctx;

	if (ticket == TICKET_SET)
		device_set(k, r, err);
	else if (ticket >= TICKET_FIRST)
		batch_applied(k, ticket, r, err);
	else if (r < 0)
		log_warn("a change of the interface failed", LOG_ERR(err));
}

static void on_refused(void *ctx, uint64_t ticket, size_t index, const struct err *err)
{
	struct keeper *k = ctx;

	if (ticket == TICKET_SET)
		set_refused(k, err);
	else if (ticket >= TICKET_FIRST)
		batch_refused(k, ticket, index, err);
}

static void on_peer(void *ctx, const struct wgdev_peer *peer)
{
	dump_peer(ctx, peer);
}

static void on_again(void *ctx)
{
	dump_again(ctx);
}

static void on_dumped(void *ctx, const struct wgdev_interface *interface, int r,
	const struct err *err)
{
	dump_done(ctx, interface, r, err);
}

const struct wgdev_events device_events = {
	.applied = on_applied,
	.refused = on_refused,
	.peer = on_peer,
	.again = on_again,
	.dumped = on_dumped,
};
