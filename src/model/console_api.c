/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/console_api.h"

#include "model/endpoint.h"
#include "model/node_api.h"
#include "model/page.h"

/* clang-format off */
const struct word node_transport_words[] = { { TRANSPORT_TLS, "tls" }, { TRANSPORT_PLAIN, "plain" }, { 0 } };
const struct word node_kind_words[] = { { KIND_NATIVE, "native" }, { KIND_PUBLISHED, "published" }, { 0 } };
const struct word node_state_words[] = {
	{ NODE_UNREACHABLE, "unreachable" }, { NODE_DEGRADED, "degraded" }, { NODE_ENROLLING, "enrolling" },
	{ NODE_REMOVING, "removing" }, { NODE_ONLINE, "online" }, { 0 },
};
const struct word person_kind_words[] = {
	{ PERSON_STAFF, "staff" }, { PERSON_CONTRACTOR, "contractor" }, { PERSON_PARTNER, "partner" },
	{ PERSON_SERVICE, "service" }, { 0 },
};
const struct word peer_end_words[] = {
	{ PEER_END_REVOKED, "revoked" }, { PEER_END_EXPIRED, "expired" }, { PEER_END_FAILED, "failed" }, { 0 },
};
const struct word peer_access_words[] = {
	{ ACCESS_ISSUING, "issuing" }, { ACCESS_ACTIVE, "active" }, { ACCESS_EXPIRED, "expired" },
	{ ACCESS_REVOKE_PENDING, "revoke_pending" }, { ACCESS_REVOKED, "revoked" }, { ACCESS_FAILED, "failed" },
	{ ACCESS_UNMANAGED, "unmanaged" }, { 0 },
};
const struct word peer_connection_words[] = {
	{ CONNECTION_CONNECTED, "connected" }, { CONNECTION_NOT_CONNECTED, "not_connected" },
	{ CONNECTION_NEVER_USED, "never_used" }, { CONNECTION_UNKNOWN, "unknown" }, { 0 },
};
const struct word peer_view_words[] = {
	{ VIEW_CURRENT, "current" }, { VIEW_CONNECTED, "connected" }, { VIEW_NEVER_USED, "never_used" },
	{ VIEW_EXPIRING, "expiring" }, { VIEW_PENDING, "pending" }, { VIEW_ENDED, "ended" },
	{ VIEW_UNMANAGED, "unmanaged" }, { VIEW_ALL, "all" }, { 0 },
};
const struct word sort_dir_words[] = { { DIR_ASC, "asc" }, { DIR_DESC, "desc" }, { 0 } };
static const struct word node_peers_words[] = {
	{ NODE_PEERS_REVOKE, "revoke" }, { NODE_PEERS_LEAVE, "leave" }, { 0 },
};

int check_name(const void *value, struct err *err)
{
	const char *text = *(const char *const *)value;
	struct span trimmed = span_trim(span_of(text));

	if (trimmed.len == 0 || trimmed.len != strlen(text))
		return err_set(err, REASON_INVALID_FIELD, NULL,
			"a name has 1 to 64 characters and no blanks at its ends");
	return 0;
}

static int check_email(const void *value, struct err *err)
{
	const char *text = *(const char *const *)value, *at = strchr(text, '@');

	if (!at || at == text || !at[1] || strchr(at + 1, '@') || strpbrk(text, " \t<>,;\""))
		return err_set(err, REASON_INVALID_FIELD, NULL, "an e-mail address looks like name@example.org");
	return 0;
}

/*
 * Who did it
 */
#define OPREF(member, ...) FIELD(struct operator_ref, member, __VA_ARGS__)
static const struct field operator_ref_fields[] = {
	OPREF(id, .doc = "The operator."),
	OPREF(username, .flags = F_NULLABLE, .doc = "Name to sign in with."),
	{ 0 },
};
const struct type operator_ref_type = TYPE(struct operator_ref, "OperatorRef", operator_ref_fields);

/*
 * Nodes
 */
#define NODE(member, ...) FIELD(struct node_view, member, __VA_ARGS__)
static const struct field node_fields[] = {
	NODE(id, .doc = "Identifier of the node here."),
	NODE(name, .doc = "What people call it."),
	NODE(address, .doc = "Where its API answers."),
	NODE(transport, .words = node_transport_words, .doc = "TLS with a pinned key, or plain HTTP."),
	NODE(fingerprint, .flags = F_NULLABLE, .doc = "Pin of its certificate's key."),
	NODE(endpoint, .flags = F_NULLABLE, .doc = "host[:port] for clients, set here."),
	NODE(effective_endpoint, .flags = F_NULLABLE, .doc = "host:port that clients get."),
	NODE(state, .words = node_state_words, .doc = "How it is."),
	NODE(reason, .flags = F_NULLABLE, .doc = "Why it is not online."),
	NODE(reason_detail, .flags = F_NULLABLE, .doc = "The same as a sentence."),
	NODE(state_since, .doc = "Since when it is so."),
	NODE(checked_at, .flags = F_NULLABLE, .doc = "Last attempt to reach it."),
	NODE(seen_at, .flags = F_NULLABLE, .doc = "Last answer."),
	NODE(next_check_at, .flags = F_NULLABLE, .doc = "Next attempt."),
	NODE(kind, .flags = F_NULLABLE, .words = node_kind_words, .doc = "Ours, or the published version."),
	NODE(version, .flags = F_NULLABLE, .doc = "Version of its software."),
	NODE(outdated, .doc = "Whether that is older than what this Console knows."),
	NODE(interface, .flags = F_NULLABLE, .doc = "Its WireGuard interface."),
	NODE(public_key, .flags = F_NULLABLE, .doc = "The interface's public key."),
	NODE(listen_port, .flags = F_NULLABLE, .doc = "UDP port."),
	NODE(subnets, .doc = "Subnets peers get addresses from."),
	NODE(server_addresses, .doc = "Its own addresses in them."),
	NODE(families, .doc = "Address families."),
	NODE(peers_issued, .flags = F_NULLABLE, .doc = "Peers it has."),
	NODE(peers_possible, .flags = F_NULLABLE, .doc = "Peers it can have."),
	NODE(connected, .flags = F_NULLABLE, .doc = "Peers with a handshake within 180 s."),
	NODE(unmanaged_peers, .flags = F_NULLABLE, .doc = "Peers on its device that it did not make."),
	NODE(forwarding, .flags = F_NULLABLE, .words = node_forwarding_words, .doc = "Whether it forwards."),
	NODE(forwarding_remedy, .flags = F_NULLABLE, .doc = "The command that mends it."),
	NODE(clock_offset_ms, .flags = F_NULLABLE, .doc = "Its clock against ours."),
	NODE(started_at, .flags = F_NULLABLE, .doc = "When its service started."),
	NODE(backend, .flags = F_NULLABLE, .words = node_backend_words, .doc = "What serves its interface."),
	NODE(added_at, .doc = "When it was added."),
	FIELD_SUB(struct node_view, added_by, &operator_ref_type, .doc = "Who added it."),
	NODE(etag, .doc = "For If-Match."),
	NODE(node_endpoint, .flags = F_NULLABLE | F_SECRET, .doc = "What the node says clients use."),
	NODE(cursor_key, .flags = F_NULLABLE | F_SECRET, .doc = "Where the page ended."),
	{ 0 },
};
const struct type node_view_type = TYPE(struct node_view, "Node", node_fields);

#define ENDPOINT_MAX .max = 270, .check = check_endpoint
#define ADD(member, ...) FIELD(struct node_add, member, __VA_ARGS__)
static const struct field node_add_fields[] = {
	ADD(name, .flags = F_REQUIRED, .min = 1, .max = 64, .check = check_name, .doc = "What people call it."),
	ADD(enrol, .flags = F_SECRET | F_NULLABLE, .max = 1024, .doc = "What `wgkeeper-node init` printed; stands for the next three."),
	ADD(api_key, .flags = F_SECRET | F_NULLABLE, .max = 512, .doc = "The node's API key."),
	ADD(address, .flags = F_NULLABLE, .max = 300, .doc = "https://host:port of its API."),
	ADD(fingerprint, .flags = F_NULLABLE, .max = 128, .doc = "Pin of its certificate's key, as compared."),
	ADD(endpoint, .flags = F_NULLABLE, ENDPOINT_MAX, .doc = "host[:port] for clients, where it is another."),
	ADD(transport, .flags = F_NULLABLE, .words = node_transport_words, .doc = "tls unless said otherwise."),
	ADD(plain_confirmed, .doc = "Plain HTTP is meant."),
	{ 0 },
};
const struct type node_add_type = TYPE(struct node_add, "NodeAdd", node_add_fields);

#define CHECK(member, ...) FIELD(struct node_check, member, __VA_ARGS__)
static const struct field node_check_fields[] = {
	CHECK(enrol, .flags = F_SECRET | F_NULLABLE, .max = 1024, .doc = "What `wgkeeper-node init` printed; stands for the rest."),
	CHECK(api_key, .flags = F_SECRET | F_NULLABLE, .max = 512, .doc = "The node's API key."),
	CHECK(address, .flags = F_NULLABLE, .max = 300, .doc = "https://host:port of its API."),
	CHECK(fingerprint, .flags = F_NULLABLE, .max = 128, .doc = "As compared; without it the API key is not sent."),
	CHECK(transport, .flags = F_NULLABLE, .words = node_transport_words, .doc = "tls unless said otherwise."),
	{ 0 },
};
const struct type node_check_type = TYPE(struct node_check, "NodeCheck", node_check_fields);

static const struct field node_change_fields[] = {
	FIELD(struct node_change, name, .opt = NODE_CHANGE_NAME, .min = 1, .max = 64, .check = check_name, .doc = "What people call it."),
	FIELD(struct node_change, endpoint, .opt = NODE_CHANGE_ENDPOINT, .flags = F_NULLABLE, ENDPOINT_MAX, .doc = "host[:port] for clients; null: what the node says."),
	{ 0 },
};
const struct type node_change_type = TYPE_HAS(struct node_change, "NodeChange", node_change_fields, has);

static const struct field node_delete_fields[] = {
	FIELD(struct node_delete, peers, .flags = F_REQUIRED, .words = node_peers_words, .doc = "What becomes of its peers."),
	{ 0 },
};
const struct type node_delete_type = TYPE(struct node_delete, "NodeDelete", node_delete_fields);

#define REMOVED(member, ...) FIELD(struct node_removed, member, __VA_ARGS__)
static const struct field node_removed_fields[] = {
	REMOVED(node, .flags = F_NULLABLE, .doc = "The node, while its peers are being revoked."),
	REMOVED(revoking, .doc = "Peers that are being revoked."),
	REMOVED(unmanaged, .doc = "Peers that were left."),
	{ 0 },
};
const struct type node_removed_type = TYPE(struct node_removed, "NodeRemoved", node_removed_fields);

/*
 * People
 */
#define PERSON(member, ...) FIELD(struct person_view, member, __VA_ARGS__)
static const struct field person_fields[] = {
	PERSON(id, .doc = "Identifier of the person."),
	PERSON(name, .flags = F_PERSONAL, .doc = "Name."),
	PERSON(email, .flags = F_NULLABLE | F_PERSONAL, .doc = "E-mail address."),
	PERSON(kind, .words = person_kind_words, .doc = "Staff, contractor, partner or service."),
	PERSON(organisation, .flags = F_NULLABLE | F_PERSONAL, .doc = "Where they work."),
	PERSON(peers_active, .doc = "Peers with access."),
	PERSON(peers_all, .doc = "Peers there ever were."),
	PERSON(peers_pending, .doc = "Peers with an unconfirmed change."),
	PERSON(nodes, .doc = "Nodes they have access to."),
	PERSON(last_connected_at, .flags = F_NULLABLE, .doc = "Last handshake of any peer."),
	PERSON(next_expiry_at, .flags = F_NULLABLE, .doc = "Next expiry of any peer."),
	PERSON(created_at, .doc = "When they were added."),
	FIELD_SUB(struct person_view, created_by, &operator_ref_type, .doc = "Who added them."),
	PERSON(etag, .doc = "For If-Match."),
	PERSON(cursor_key, .flags = F_NULLABLE | F_SECRET, .doc = "Where the page ended."),
	{ 0 },
};
const struct type person_view_type = TYPE(struct person_view, "Person", person_fields);

#define PADD(member, ...) FIELD(struct person_add, member, __VA_ARGS__)
static const struct field person_add_fields[] = {
	PADD(name, .flags = F_REQUIRED, .min = 1, .max = 64, .check = check_name, .doc = "Name."),
	PADD(email, .flags = F_NULLABLE, .max = 254, .check = check_email, .doc = "E-mail address; one person each."),
	PADD(kind, .flags = F_REQUIRED, .words = person_kind_words, .doc = "Staff, contractor, partner or service."),
	PADD(organisation, .flags = F_NULLABLE, .max = 64, .check = check_name, .doc = "Where they work."),
	{ 0 },
};
const struct type person_add_type = TYPE(struct person_add, "PersonAdd", person_add_fields);

/*
 * Peers
 */
static const struct field person_ref_fields[] = {
	FIELD(struct person_ref, id, .doc = "The person."),
	FIELD(struct person_ref, name, .doc = "Name."),
	FIELD(struct person_ref, kind, .words = person_kind_words, .doc = "Staff, contractor, partner or service."),
	{ 0 },
};
static const struct type person_ref_type = TYPE(struct person_ref, "PersonRef", person_ref_fields);

static const struct field node_ref_fields[] = {
	FIELD(struct node_ref, id, .doc = "The node."),
	FIELD(struct node_ref, name, .doc = "Name."),
	FIELD(struct node_ref, state, .words = node_state_words, .doc = "How it is."),
	{ 0 },
};
static const struct type node_ref_type = TYPE(struct node_ref, "NodeRef", node_ref_fields);

#define PEER(member, ...) FIELD(struct peer_view_row, member, __VA_ARGS__)
static const struct field peer_fields[] = {
	PEER(id, .doc = "Identifier of the peer, on its node too."),
	PEER(name, .doc = "What it is called: a device."),
	FIELD_SUB(struct peer_view_row, person, &person_ref_type, .doc = "Whose it is."),
	FIELD_SUB(struct peer_view_row, node, &node_ref_type, .doc = "Where it is."),
	PEER(public_key, .doc = "Curve25519 public key."),
	PEER(addresses, .doc = "Its addresses."),
	PEER(access, .words = peer_access_words, .doc = "Whether it gives access."),
	PEER(pending, .doc = "A change was asked for that the node has not confirmed."),
	PEER(connection, .words = peer_connection_words, .doc = "Whether it is in use."),
	PEER(last_handshake_at, .flags = F_NULLABLE, .doc = "Last handshake."),
	PEER(receive_bytes, .flags = F_NULLABLE, .doc = "Bytes from the peer."),
	PEER(transmit_bytes, .flags = F_NULLABLE, .doc = "Bytes to the peer."),
	PEER(endpoint, .flags = F_NULLABLE, .doc = "Where it was last seen."),
	PEER(live_as_of, .flags = F_NULLABLE, .doc = "When these were read."),
	PEER(issued_at, .doc = "When it was issued."),
	FIELD_SUB(struct peer_view_row, issued_by, &operator_ref_type, .doc = "Who issued it."),
	PEER(expires_at, .flags = F_NULLABLE, .doc = "When it ends by itself; null: never."),
	PEER(revoke_requested_at, .flags = F_NULLABLE, .doc = "When its end was asked for."),
	PEER(ended_at, .flags = F_NULLABLE, .doc = "When it ended."),
	PEER(confirmed_at, .flags = F_NULLABLE, .doc = "When its node confirmed the present state."),
	PEER(unmanaged_since, .flags = F_NULLABLE, .doc = "When its node left this Console."),
	PEER(etag, .doc = "For If-Match."),
	PEER(cursor_key, .flags = F_NULLABLE | F_SECRET, .doc = "Where the page ended."),
	{ 0 },
};
const struct type peer_view_type = TYPE(struct peer_view_row, "Peer", peer_fields);

#define ISSUE(member, ...) FIELD(struct peer_issue, member, __VA_ARGS__)
static const struct field peer_issue_fields[] = {
	ISSUE(person_id, .flags = F_REQUIRED, .doc = "Whose it is to be."),
	ISSUE(node_id, .flags = F_REQUIRED, .doc = "Where it is to be."),
	ISSUE(name, .flags = F_REQUIRED, .min = 1, .max = 64, .check = check_name, .doc = "What it is called: a device."),
	ISSUE(public_key, .flags = F_REQUIRED, .doc = "The public key; its private key stays where it was made."),
	ISSUE(preshared_key, .flags = F_SECRET | F_NULLABLE, .doc = "Extra symmetric key; passed on, not kept."),
	ISSUE(expires_at, .flags = F_NULLABLE, .doc = "When it ends by itself; null: never."),
	ISSUE(families, .of = FIELD_WORD, .words = node_family_words, .max = 2, .doc = "Families to give an address of; else all the node has."),
	{ 0 },
};
const struct type peer_issue_type = TYPE(struct peer_issue, "PeerIssue", peer_issue_fields);

static const struct field peer_change_fields[] = {
	FIELD(struct peer_change, expires_at, .opt = PEER_CHANGE_EXPIRES, .flags = F_NULLABLE, .doc = "When it ends by itself; null: never."),
	{ 0 },
};
const struct type peer_change_type = TYPE_HAS(struct peer_change, "PeerChange", peer_change_fields, has);

#define CLIENT(member, ...) FIELD(struct client_conf, member, __VA_ARGS__)
static const struct field client_fields[] = {
	CLIENT(addresses, .doc = "The interface's addresses."),
	CLIENT(server_public_key, .doc = "The node's public key."),
	CLIENT(endpoint, .doc = "host:port of the node."),
	CLIENT(allowed_ips, .json = "allowedIPs", .of = FIELD_TEXT, .doc = "What goes through the tunnel."),
	CLIENT(dns, .of = FIELD_TEXT, .doc = "Name servers."),
	CLIENT(persistent_keepalive, .doc = "Seconds."),
	{ 0 },
};
static const struct type client_type = TYPE(struct client_conf, "ClientConf", client_fields);

static const struct field issued_fields[] = {
	FIELD_SUB(struct peer_issued, peer, &peer_view_type, .doc = "The peer."),
	FIELD_SUB(struct peer_issued, client, &client_type, .doc = "What its file is written from."),
	{ 0 },
};
const struct type peer_issued_type = TYPE(struct peer_issued, "PeerIssued", issued_fields);

static const struct field revoke_all_fields[] = {
	FIELD_SUB(struct revoke_all, person, &person_view_type, .doc = "The person."),
	FIELD(struct revoke_all, results, .of = FIELD_OBJECT, .type = &peer_view_type, .doc = "Each peer."),
	{ 0 },
};
const struct type revoke_all_type = TYPE(struct revoke_all, "RevokeAll", revoke_all_fields);

/*
 * Lists
 */
static const struct field node_page_fields[] = { PAGE_ROWS(&node_view_type), { 0 } };
static const struct field person_page_fields[] = { PAGE_ROWS(&person_view_type), { 0 } };
static const struct field peer_page_fields[] = { PAGE_ROWS(&peer_view_type), { 0 } };
const struct type node_page_type = TYPE(struct page, "NodePage", node_page_fields);
const struct type person_page_type = TYPE(struct page, "PersonPage", person_page_fields);
const struct type peer_page_type = TYPE(struct page, "PeerPage", peer_page_fields);

#define NQ(member, ...) FIELD(struct node_query, member, __VA_ARGS__)
static const struct field node_query_fields[] = {
	PAGE_QUERY(struct node_query),
	NQ(q, .flags = F_NULLABLE, .max = 64, .doc = "Part of the name or address."),
	NQ(state, .flags = F_NULLABLE, .words = node_state_words, .doc = "Only these."),
	{ 0 },
};
const struct type node_query_type = TYPE(struct node_query, "NodeQuery", node_query_fields);

static const struct field person_query_fields[] = {
	PAGE_QUERY(struct person_query),
	FIELD(struct person_query, q, .flags = F_NULLABLE, .max = 64, .doc = "Part of the name, e-mail or organisation."),
	FIELD(struct person_query, kind, .flags = F_NULLABLE, .words = person_kind_words, .doc = "Only these."),
	{ 0 },
};
const struct type person_query_type = TYPE(struct person_query, "PersonQuery", person_query_fields);

#define PQ(member, ...) FIELD(struct peer_query, member, __VA_ARGS__)
static const struct field peer_query_fields[] = {
	PAGE_QUERY(struct peer_query),
	PQ(q, .flags = F_NULLABLE, .max = 64, .doc = "Part of a peer's or person's name; beginning of an address or public key."),
	PQ(view, .dflt = "current", .words = peer_view_words, .doc = "Only these."),
	PQ(node, .flags = F_NULLABLE, .doc = "Only of this node."),
	PQ(person, .flags = F_NULLABLE, .doc = "Only of this person."),
	PQ(issued_by, .flags = F_NULLABLE, .doc = "Only issued by this operator."),
	{ 0 },
};
const struct type peer_query_type = TYPE(struct peer_query, "PeerQuery", peer_query_fields);
/* clang-format on */
