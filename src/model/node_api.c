/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/node_api.h"

/* clang-format off */
const struct word node_backend_words[] = {
	{ NODE_KERNEL, "kernel" }, { NODE_USERSPACE, "userspace" }, { 0 },
};
const struct word node_forwarding_words[] = {
	{ NODE_FORWARD_OK, "ok" }, { NODE_FORWARD_OFF, "off" }, { NODE_FORWARD_BLOCKED, "blocked" }, { 0 },
};
const struct word node_device_words[] = {
	{ NODE_DEVICE_READY, "ready" }, { NODE_DEVICE_STARTING, "starting" }, { NODE_DEVICE_AWAY, "away" }, { 0 },
};
const struct word node_family_words[] = {
	{ NODE_IPV4, "IPv4" }, { NODE_IPV6, "IPv6" }, { 0 },
};
const struct word node_peer_state_words[] = {
	{ NODE_PEER_LIVE, "live" }, { NODE_PEER_SUSPENDED, "suspended" }, { NODE_PEER_ENDED, "ended" }, { 0 },
};
const struct word node_peer_end_words[] = {
	{ NODE_END_DELETED, "deleted" }, { NODE_END_EXPIRED, "expired" }, { NODE_END_ROTATED, "rotated" }, { 0 },
};
const struct word node_quarantine_words[] = {
	{ NODE_QUARANTINE_SUBNET, "subnet" }, { NODE_QUARANTINE_SERVER_ADDRESS, "server_address" }, { 0 },
};
const struct word node_mode_words[] = {
	{ NODE_MODE_MANAGE, "manage" }, { NODE_MODE_INVENTORY, "inventory" }, { 0 },
};

#define POOL(member, ...) FIELD(struct node_pool, member, __VA_ARGS__)
static const struct field pool_fields[] = {
	POOL(family, .words = node_family_words, .doc = "Address family."),
	POOL(subnet, .doc = "The subnet peers get addresses from."),
	POOL(server_address, .flags = F_HOST, .doc = "The interface's own address."),
	POOL(size, .doc = "Addresses that peers can have."),
	POOL(used, .doc = "Addresses that peers have."),
	POOL(resting, .doc = "Freed addresses that are not given again yet."),
	POOL(foreign, .doc = "Addresses of peers on the device that the node did not make; not given while they are there."),
	{ 0 },
};
const struct type node_pool_type = TYPE(struct node_pool, "NodePool", pool_fields);

#define DRIFT(member, ...) FIELD(struct node_drift, member, __VA_ARGS__)
static const struct field drift_fields[] = {
	DRIFT(unmanaged, .doc = "Peers on the device that the node did not make."),
	DRIFT(altered, .doc = "Peers whose settings on the device are not the node's."),
	DRIFT(missing, .doc = "Live peers that are not on the device."),
	DRIFT(offered, .doc = "Peers of wg-quick's file that are not on the device and were never here."),
	{ 0 },
};
static const struct type drift_type = TYPE(struct node_drift, "NodeDrift", drift_fields);

#define INFO(member, ...) FIELD(struct node_info, member, __VA_ARGS__)
static const struct field info_fields[] = {
	INFO(id, .doc = "Identifier of the node, drawn with its store."),
	INFO(epoch, .doc = "Drawn when the store was made; another one means another store."),
	INFO(revision, .doc = "Counts the store's changes; a decrease means a store that went back."),
	INFO(name, .doc = "The host's name."),
	INFO(version, .max = 32, .doc = "Version of the software."),
	INFO(api_versions, .of = FIELD_TEXT, .max = 16, .doc = "Native surfaces served."),
	INFO(capabilities, .of = FIELD_TEXT, .max = 64, .doc = "What this version can do beyond the first."),
	INFO(interface, .max = 15, .doc = "The WireGuard interface."),
	INFO(endpoint, .flags = F_NULLABLE, .max = 270, .doc = "host[:port] that clients use, when configured."),
	INFO(public_key, .doc = "The interface's public key."),
	INFO(listen_port, .min = 0, .max = 65535, .doc = "UDP port of the interface."),
	INFO(peers, .doc = "Live peers, suspended ones included."),
	INFO(suspended, .doc = "Suspended peers, quarantined ones included."),
	INFO(quarantined, .doc = "Peers kept off the device because their addresses are not this configuration's."),
	INFO(possible, .doc = "Peers that the smallest pool a default peer needs can hold."),
	INFO(tombstones, .doc = "Ended peers that the store remembers, for ever."),
	INFO(connected, .doc = "Peers with a handshake within 180 s, at the last reading."),
	INFO(pools, .of = FIELD_OBJECT, .type = &node_pool_type, .max = 2, .doc = "Use per address family."),
	INFO(clock, .doc = "The node's clock."),
	INFO(started_at, .flags = F_SECONDS, .doc = "When the service started."),
	INFO(device_read_at, .flags = F_NULLABLE, .doc = "When the device was last read whole."),
	INFO(mode, .words = node_mode_words, .doc = "manage, or inventory: the node changes nothing and refuses every change."),
	INFO(backend, .words = node_backend_words, .doc = "What serves the interface."),
	INFO(device, .words = node_device_words, .doc = "Whether the interface is there and as the store wants it."),
	INFO(forwarding, .words = node_forwarding_words, .doc = "Whether the host forwards the tunnel's traffic."),
	INFO(forwarding_remedy, .flags = F_NULLABLE, .max = 256, .doc = "The command that mends it."),
	FIELD_SUB(struct node_info, drift, &drift_type, .doc = "Differences between store and device."),
	FIELD_SUB(struct node_info, checkpoint, &node_checkpoint_head_type, .flags = F_NULLABLE, .doc = "The audit checkpoint that the node holds."),
	{ 0 },
};
const struct type node_info_type = TYPE(struct node_info, "NodeInfo", info_fields);

#define PEER(member, ...) FIELD(struct node_peer, member, __VA_ARGS__)
static const struct field peer_fields[] = {
	PEER(id, .doc = "Identifier, chosen by the Console."),
	PEER(epoch, .doc = "See the node."),
	PEER(public_key, .doc = "Curve25519 public key."),
	PEER(addresses, .of = FIELD_CIDR, .max = 2, .doc = "Its addresses, IPv4 first."),
	PEER(state, .words = node_peer_state_words, .doc = "live, suspended or ended."),
	PEER(quarantine, .words = node_quarantine_words, .flags = F_NULLABLE, .doc = "Why it is suspended though nobody did it: an address outside of the subnets, or the server's own."),
	PEER(end_reason, .words = node_peer_end_words, .flags = F_NULLABLE, .doc = "Why it ended."),
	PEER(created_at, .doc = "When it was made."),
	PEER(expires_at, .flags = F_NULLABLE, .doc = "When it ends by itself."),
	PEER(ended_at, .flags = F_NULLABLE, .doc = "When it ended."),
	PEER(generation, .doc = "The Console's count of intents; never goes back."),
	PEER(revision, .doc = "The store's revision of the last change."),
	PEER(persistent_keepalive, .min = 0, .max = NODE_KEEPALIVE_MAX, .doc = "Seconds, 0: off."),
	PEER(has_preshared_key, .doc = "Whether a preshared key is set."),
	PEER(label, .flags = F_NULLABLE, .max = NODE_LABEL_MAX, .doc = "A name for people on the node."),
	PEER(changed_by_key, .flags = F_NULLABLE | F_OMIT, .doc = "The API key that made the last change; none: the node itself."),
	PEER(changed_from, .flags = F_NULLABLE | F_OMIT | F_HOST, .doc = "The address that key was used from."),
	PEER(store_revision, .flags = F_NULLABLE | F_OMIT, .doc = "The store's revision now."),
	{ 0 },
};
const struct type node_peer_type = TYPE(struct node_peer, "NodePeer", peer_fields);

#define LIVE(member, ...) FIELD(struct node_peer_live, member, __VA_ARGS__)
static const struct field live_fields[] = {
	LIVE(receive_bytes, .min = 0, .max = INT64_MAX, .doc = "Bytes from the peer."),
	LIVE(transmit_bytes, .min = 0, .max = INT64_MAX, .doc = "Bytes to the peer."),
	LIVE(last_handshake_at, .flags = F_NULLABLE, .doc = "Last handshake."),
	LIVE(endpoint, .flags = F_NULLABLE, .max = 64, .doc = "Where it was last seen."),
	LIVE(device_read_at, .flags = F_NULLABLE, .doc = "When the device was read for this."),
	{ 0 },
};
const struct type node_peer_live_type = TYPE(struct node_peer_live, "NodePeerLive", live_fields);

#define PAGE(member, ...) FIELD(struct node_peer_page, member, __VA_ARGS__)
static const struct field page_fields[] = {
	PAGE(epoch, .doc = "See the node."),
	PAGE(revision, .doc = "The store's revision now."),
	PAGE(next_revision, .doc = "What to ask for as `after` next."),
	PAGE(more, .doc = "Whether there is more behind this page."),
	PAGE(data, .of = FIELD_OBJECT, .type = &node_peer_type, .max = NODE_PAGE_MAX, .doc = "Peers and tombstones in the order of their last change."),
	{ 0 },
};
const struct type node_peer_page_type = TYPE(struct node_peer_page, "NodePeerPage", page_fields);

#define AFTER(member, ...) FIELD(struct node_after_query, member, __VA_ARGS__)
static const struct field after_fields[] = {
	AFTER(after, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "Only what came behind this."),
	AFTER(limit, .dflt = "1000", .min = 1, .max = NODE_PAGE_MAX, .doc = "At most so many."),
	{ 0 },
};
const struct type node_after_query_type = TYPE(struct node_after_query, "NodeAfter", after_fields);

static const struct field no_query_fields[] = { { 0 } };
const struct type node_no_query_type = TYPE(struct node_no_query, "NodeNoQuery", no_query_fields);

static const struct field counters_query_fields[] = {
	FIELD(struct node_counters_query, after, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "Only what moved behind this cursor."),
	{ 0 },
};
const struct type node_counters_query_type = TYPE(struct node_counters_query, "NodeCountersQuery", counters_query_fields);

#define PUT_(member, ...) FIELD(struct node_put, member, __VA_ARGS__)
static const struct field put_fields[] = {
	PUT_(public_key, .flags = F_REQUIRED, .doc = "Curve25519 public key."),
	PUT_(preshared_key, .opt = NODE_PUT_PRESHARED_KEY, .flags = F_SECRET | F_NULLABLE, .doc = "Extra symmetric key; null: none; left out: as it is."),
	PUT_(addresses, .of = FIELD_CIDR, .flags = F_HOST, .max = 2, .doc = "Wanted addresses; else the node chooses."),
	PUT_(families, .of = FIELD_WORD, .words = node_family_words, .max = 2, .doc = "Families to give an address of; else all the node has."),
	PUT_(expires_at, .flags = F_NULLABLE, .doc = "When it ends by itself; null: never."),
	PUT_(suspended, .dflt = "false", .doc = "Keep it, but off the device."),
	PUT_(persistent_keepalive, .dflt = "0", .min = 0, .max = NODE_KEEPALIVE_MAX, .doc = "Seconds, 0: off."),
	PUT_(generation, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "The Console's count of intents; must not go back."),
	PUT_(label, .flags = F_NULLABLE, .max = NODE_LABEL_MAX, .doc = "A name for people on the node."),
	{ 0 },
};
const struct type node_put_type = TYPE_HAS(struct node_put, "NodePut", put_fields, has);

static const struct field delete_fields[] = {
	FIELD(struct node_delete_query, generation, .dflt = "0", .min = 0, .max = INT64_MAX, .doc = "The Console's count of intents; must not go back."),
	{ 0 },
};
const struct type node_delete_query_type = TYPE(struct node_delete_query, "NodeDelete", delete_fields);

#define DELETED(member, ...) FIELD(struct node_deleted, member, __VA_ARGS__)
static const struct field deleted_fields[] = {
	DELETED(id, .doc = "The peer."),
	DELETED(epoch, .doc = "See the node."),
	DELETED(revision, .doc = "The store's revision of the end."),
	DELETED(generation, .doc = "The generation in force."),
	DELETED(state, .words = node_peer_state_words, .doc = "ended."),
	DELETED(absent_from_device, .doc = "A reading of the device after the change did not have the key."),
	DELETED(confirmed_at, .doc = "When that reading began."),
	{ 0 },
};
const struct type node_deleted_type = TYPE(struct node_deleted, "NodeDeleted", deleted_fields);

#define KEY(member, ...) FIELD(struct node_key, member, __VA_ARGS__)
static const struct field key_fields[] = {
	KEY(public_key, .doc = "The key asked for."),
	KEY(epoch, .doc = "See the node."),
	KEY(revision, .doc = "The store's revision now."),
	KEY(on_device, .doc = "A peer of the device has it."),
	KEY(in_store, .doc = "The node's store knows it."),
	KEY(state, .words = node_peer_state_words, .flags = F_NULLABLE, .doc = "What the store says of it."),
	KEY(peer_id, .flags = F_NULLABLE, .doc = "Whose it is, or was."),
	KEY(device_read_at, .doc = "When the reading began that this is answered from."),
	{ 0 },
};
const struct type node_key_type = TYPE(struct node_key, "NodeKey", key_fields);

#define COUNTER(member, ...) FIELD(struct node_counter, member, __VA_ARGS__)
static const struct field counter_fields[] = {
	COUNTER(id, .doc = "The peer."),
	COUNTER(receive_bytes, .min = 0, .max = INT64_MAX, .doc = "Bytes from the peer."),
	COUNTER(transmit_bytes, .min = 0, .max = INT64_MAX, .doc = "Bytes to the peer."),
	COUNTER(last_handshake_at, .flags = F_NULLABLE, .doc = "Last handshake."),
	COUNTER(endpoint, .flags = F_NULLABLE, .max = 64, .doc = "Where it was last seen."),
	{ 0 },
};
const struct type node_counter_type = TYPE(struct node_counter, "NodeCounter", counter_fields);

#define COUNTERS(member, ...) FIELD(struct node_counter_page, member, __VA_ARGS__)
static const struct field counters_fields[] = {
	COUNTERS(epoch, .doc = "See the node."),
	COUNTERS(revision, .doc = "The store's revision now."),
	COUNTERS(cursor, .doc = "What to ask for as `after` next."),
	COUNTERS(device_read_at, .flags = F_NULLABLE, .doc = "When the device was read for this."),
	COUNTERS(data, .of = FIELD_OBJECT, .type = &node_counter_type, .doc = "Peers whose handshake or counters moved since."),
	{ 0 },
};
const struct type node_counter_page_type = TYPE(struct node_counter_page, "NodeCounterPage", counters_fields);
/* clang-format on */
