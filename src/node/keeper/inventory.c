/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * mode: inventory. The node reads the interface and says what it sees, so that it can be put on a server
 * that others run. Nothing of the interface, its addresses, rules or peers is touched, changes are refused
 * (keeper.c), nobody expires, and the interface's private key is not kept.
 */
#include "log/log.h"
#include "model/node_api.h"
#include "node/keeper/keeper.h"

bool keeper_only_looks(const struct keeper *k)
{
	return k->conf.mode == NODE_MODE_INVENTORY;
}

static void begin(struct keeper *k)
{
	char text[WGKEY_TEXT_SIZE];

	/* what the store has and the device has not is missing from now on */
	for (size_t i = 0; i < k->peers.n; i++) {
		k->peers.order[i]->on_device = !peer_is_off(k->peers.order[i]);
		k->peers.order[i]->placed_us = 0;
	}
	k->state = DEVICE_READY;
	log_notice("inventory: looking only, nothing is changed",
		LOG_STR("interface", k->conf.interface),
		LOG_STR("public_key", wgkey_format(text, &k->public_key)),
		LOG_INT("listen_port", k->listen_port), LOG_INT("peers", k->device_peers),
		LOG_INT("unmanaged", k->unmanaged));
}

void inventory_take(struct keeper *k, const struct wgdev_interface *interface)
{
	if (!wgkey_public(&interface->private_key, &k->public_key))
		k->public_key = (struct wgkey){ 0 };
	k->listen_port = interface->listen_port;
	k->unknown = false;
	k->n_strangers = 0;
	if (k->state != DEVICE_READY)
		begin(k);
	device_check_forwarding(k);
}
