/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The Console's objects: as its API says them, and as its database holds them.
 *
 * Texts and lists belong to an arena. "None" is zero, INT_NONE for numbers.
 */

#include "base/field.h"

/* most first: a lower number may do more */
enum operator_role { ROLE_ADMINISTRATOR = 1, ROLE_OPERATOR, ROLE_AUDITOR };
enum node_transport { TRANSPORT_TLS = 1, TRANSPORT_PLAIN };
enum node_kind { KIND_NATIVE = 1, KIND_PUBLISHED };
/* worst first: the order lists have */
enum node_state {
	NODE_UNREACHABLE = 1,
	NODE_DEGRADED,
	NODE_ENROLLING,
	NODE_REMOVING,
	NODE_ONLINE,
};
enum person_kind { PERSON_STAFF = 1, PERSON_CONTRACTOR, PERSON_PARTNER, PERSON_SERVICE };
enum peer_desired { PEER_PRESENT = 1, PEER_SUSPENDED, PEER_ABSENT };
enum peer_end { PEER_END_REVOKED = 1, PEER_END_EXPIRED, PEER_END_FAILED };
/* computed by the database from the columns above: sql/migrations/console/0001_console.sql */
enum peer_access {
	ACCESS_ISSUING = 1,
	ACCESS_ACTIVE,
	ACCESS_EXPIRED,
	ACCESS_REVOKE_PENDING,
	ACCESS_REVOKED,
	ACCESS_FAILED,
	ACCESS_UNMANAGED,
};
enum peer_connection {
	CONNECTION_CONNECTED = 1,
	CONNECTION_NOT_CONNECTED,
	CONNECTION_NEVER_USED,
	CONNECTION_UNKNOWN,
};
enum peer_view {
	VIEW_CURRENT = 1,
	VIEW_CONNECTED,
	VIEW_NEVER_USED,
	VIEW_EXPIRING,
	VIEW_PENDING,
	VIEW_ENDED,
	VIEW_UNMANAGED,
	VIEW_ALL,
};

extern const struct word node_transport_words[], node_kind_words[],
	node_state_words[], person_kind_words[], peer_access_words[], peer_connection_words[],
	peer_view_words[], peer_end_words[], sort_dir_words[];

/** Who did it. */
struct operator_ref {
	struct uuid id;
	const char *username;
};

/** A node as the API shows it. */
struct node_view {
	struct uuid id;
	const char *name, *address;
	int transport;
	const char *fingerprint, *endpoint, *effective_endpoint;
	int state;
	const char *reason, *reason_detail;
	struct timestamp state_since, checked_at, seen_at, next_check_at;
	int kind;
	const char *version;
	bool outdated;
	const char *interface;
	struct wgkey public_key;
	int64_t listen_port;
	struct json_text subnets, server_addresses, families;
	int64_t peers_issued, peers_possible, connected, unmanaged_peers;
	int forwarding;
	const char *forwarding_remedy;
	int64_t clock_offset_ms;
	struct timestamp started_at;
	int backend;
	struct timestamp added_at;
	struct operator_ref added_by;
	int64_t etag;
	const char *node_endpoint; /* what the node says; not shown as such */
	const char *cursor_key;
};

struct node_add {
	const char *name;
	struct secret enrol, api_key;
	const char *address, *fingerprint, *endpoint;
	int transport;
	bool plain_confirmed;
};

struct node_check {
	struct secret enrol, api_key;
	const char *address, *fingerprint;
	int transport;
};

enum { NODE_CHANGE_NAME = 1, NODE_CHANGE_ENDPOINT = 2 };

struct node_change {
	const char *name, *endpoint;
	struct has has;
};

enum node_peers { NODE_PEERS_REVOKE = 1, NODE_PEERS_LEAVE };

struct node_delete {
	int peers;
};

struct person_ref {
	struct uuid id;
	const char *name;
	int kind;
};

struct node_ref {
	struct uuid id;
	const char *name;
	int state;
};

struct person_view {
	struct uuid id;
	const char *name, *email;
	int kind;
	const char *organisation;
	int64_t peers_active, peers_all, peers_pending, nodes;
	struct timestamp last_connected_at, next_expiry_at, created_at;
	struct operator_ref created_by;
	int64_t etag;
	const char *cursor_key;
};

struct person_add {
	const char *name, *email;
	int kind;
	const char *organisation;
};

struct peer_view_row {
	struct uuid id;
	const char *name;
	struct person_ref person;
	struct node_ref node;
	struct wgkey public_key;
	struct json_text addresses;
	int access;
	bool pending;
	int connection;
	struct timestamp last_handshake_at;
	int64_t receive_bytes, transmit_bytes;
	const char *endpoint;
	struct timestamp live_as_of, issued_at;
	struct operator_ref issued_by;
	struct timestamp expires_at, revoke_requested_at, ended_at, confirmed_at, unmanaged_since;
	int64_t etag;
	const char *cursor_key;
};

struct peer_issue {
	struct uuid person_id, node_id;
	const char *name;
	struct wgkey public_key, preshared_key;
	struct timestamp expires_at;
	struct list families; /* of enum node_family */
};

enum { PEER_CHANGE_EXPIRES = 1 };

struct peer_change {
	struct timestamp expires_at;
	struct has has;
};

/** What a client's file is written from. Holds no secret. */
struct client_conf {
	struct json_text addresses;
	struct wgkey server_public_key;
	const char *endpoint;
	struct list allowed_ips, dns; /* of texts */
	int64_t persistent_keepalive;
};

struct peer_issued {
	struct peer_view_row peer;
	struct client_conf client;
};

struct revoke_all {
	struct person_view person;
	struct list results; /* of struct peer_view_row */
};

struct node_removed {
	struct json_text node;
	int64_t revoking, unmanaged;
};

/** What every list answers. */
struct page {
	struct list data;
	int64_t total, total_at_least; /* one of the two; INT_NONE */
	const char *next_cursor;
	struct json_text counts, fleet;
	int64_t seq;
};

/** What every list takes. */
struct page_query {
	int64_t limit, offset;
	const char *cursor, *sort;
	int dir;
};

enum sort_dir { DIR_ASC = 1, DIR_DESC };

struct node_query {
	struct page_query page;
	const char *q;
	int state;
};

struct person_query {
	struct page_query page;
	const char *q;
	int kind;
};

struct peer_query {
	struct page_query page;
	const char *q;
	int view;
	struct uuid node, person, issued_by;
};

extern const struct type operator_ref_type, node_view_type, node_add_type, node_check_type, node_change_type, node_delete_type,
	node_removed_type, person_view_type, person_add_type, peer_view_type, peer_issue_type,
	peer_change_type, peer_issued_type, revoke_all_type, node_query_type, person_query_type,
	peer_query_type, node_page_type, person_page_type, peer_page_type;

/** A name people give to things: 1 to 64 characters, no control characters, no blanks at its ends. */
int check_name(const void *value, struct err *err);
