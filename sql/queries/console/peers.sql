-- Peers: one key on one node. The numbers are those of src/model/console_api.h.

-- peer_insert :exec
INSERT INTO peers (id, name, person_id, node_id, public_key, addresses, desired, generation,
    observed_generation, issued_at, issued_by, expires_at, etag)
VALUES (:id, :name, :person_id, :node_id, :public_key, '[]', 1, 1, 0, :now, :issued_by,
    :expires_at, 1);

-- peer_list :list
SELECT e.id, e.name, p.id AS person__id, p.name AS person__name, p.kind AS person__kind,
    n.id AS node__id, n.name AS node__name,
    CASE WHEN n.removing = 1 THEN 4 ELSE n.state END AS node__state,
    e.public_key, e.addresses, e.access, e.pending, e.last_handshake_at, e.receive_bytes,
    e.transmit_bytes, e.endpoint, e.live_as_of, e.issued_at, o.id AS issued_by__id,
    o.username AS issued_by__username, e.expires_at, e.revoke_requested_at, e.ended_at,
    e.confirmed_at, e.unmanaged_since, e.etag, {key} AS cursor_key
FROM peers e JOIN people p ON p.id = e.person_id JOIN nodes n ON n.id = e.node_id
JOIN operators o ON o.id = e.issued_by
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: e.node_id IN (SELECT s.node_id FROM operator_nodes s WHERE s.operator_id = :scope)
-- filter id: e.id = :id
-- filter q: e.name LIKE :q ESCAPE '\' OR p.name LIKE :q ESCAPE '\' OR e.address4 LIKE :q_start ESCAPE '\' OR e.address6 LIKE :q_start ESCAPE '\' OR (e.public_key >= :key_from AND e.public_key <= :key_to)
-- filter node: e.node_id = :node
-- filter person: e.person_id = :person
-- filter issued_by: e.issued_by = :issued_by
-- filter is_current: e.access IN (1, 2, 4)
-- filter is_connected: e.access IN (2, 4) AND e.last_handshake_at > :connected_since
-- filter is_never_used: e.access = 2 AND e.last_handshake_at IS NULL
-- filter is_expiring: e.access = 2 AND e.expires_at < :expiring_before
-- filter is_pending: e.pending = 1
-- filter is_ended: e.access IN (3, 5, 6)
-- filter is_unmanaged: e.access = 7
-- sort issuedAt int: e.issued_at; e.id
-- sort name text: e.name; e.id
-- sort person text: p.name; e.id
-- sort node text: n.name; e.id
-- sort lastHandshakeAt int: COALESCE(e.last_handshake_at, 0); e.id
-- sort expiresAt int: COALESCE(e.expires_at, 9223372036854775807); e.id

-- peer_counts :list like peer_list
SELECT COUNT(*) AS n_all,
    COALESCE(SUM(CASE WHEN e.access IN (1, 2, 4) THEN 1 ELSE 0 END), 0) AS n_current,
    COALESCE(SUM(CASE WHEN e.access IN (2, 4) AND e.last_handshake_at > :connected_since THEN 1 ELSE 0 END), 0) AS connected,
    COALESCE(SUM(CASE WHEN e.access = 2 AND e.last_handshake_at IS NULL THEN 1 ELSE 0 END), 0) AS never_used,
    COALESCE(SUM(CASE WHEN e.access = 2 AND e.expires_at < :expiring_before THEN 1 ELSE 0 END), 0) AS expiring,
    COALESCE(SUM(e.pending), 0) AS pending,
    COALESCE(SUM(CASE WHEN e.access IN (3, 5, 6) THEN 1 ELSE 0 END), 0) AS ended,
    COALESCE(SUM(CASE WHEN e.access = 7 THEN 1 ELSE 0 END), 0) AS unmanaged
FROM peers e JOIN people p ON p.id = e.person_id WHERE {where};

-- peer_total :list like peer_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM peers e JOIN people p ON p.id = e.person_id
JOIN nodes n ON n.id = e.node_id WHERE {where} LIMIT :limit) t;

-- peer_row :one
SELECT id, name, person_id, node_id, public_key, addresses, desired, generation, observed,
    observed_generation, end_reason, issued_at, expires_at, unmanaged_since, etag
FROM peers WHERE id = :id;

-- peer_key_live :one
SELECT id FROM peers WHERE public_key = :public_key AND (desired <> 3 OR observed_generation < generation)
AND unmanaged_since IS NULL LIMIT 1;

-- peer_pending_of :many
SELECT id, name, person_id, node_id, public_key, addresses, desired, generation, observed,
    observed_generation, end_reason, issued_at, expires_at, unmanaged_since, etag
FROM peers WHERE node_id = :node_id AND observed_generation < generation AND unmanaged_since IS NULL
ORDER BY generation LIMIT 100;

-- peer_live_of_person :many
SELECT id, name, person_id, node_id, public_key, addresses, desired, generation, observed,
    observed_generation, end_reason, issued_at, expires_at, unmanaged_since, etag
FROM peers WHERE person_id = :person_id AND desired <> 3 AND unmanaged_since IS NULL ORDER BY issued_at;

-- peer_live_of_node :many
SELECT id, name, person_id, node_id, public_key, addresses, desired, generation, observed,
    observed_generation, end_reason, issued_at, expires_at, unmanaged_since, etag
FROM peers WHERE node_id = :node_id AND desired <> 3 AND unmanaged_since IS NULL ORDER BY issued_at;

-- peer_all_of_node :many
SELECT id, name, person_id, node_id, public_key, addresses, desired, generation, observed,
    observed_generation, end_reason, issued_at, expires_at, unmanaged_since, etag
FROM peers WHERE node_id = :node_id AND ended_at IS NULL AND unmanaged_since IS NULL ORDER BY issued_at;

-- peer_unsettled_of_node :one
SELECT COUNT(*) AS n FROM peers WHERE node_id = :node_id AND unmanaged_since IS NULL
AND (desired <> 3 OR observed_generation < generation);

-- peer_unsettled :one
SELECT COUNT(*) AS n FROM peers WHERE observed_generation < generation AND unmanaged_since IS NULL;

-- peer_end :exec
UPDATE peers SET desired = 3, generation = generation + 1, end_reason = :end_reason,
    revoke_requested_at = :now, etag = etag + 1
WHERE id = :id AND desired <> 3 AND unmanaged_since IS NULL;

-- peer_set_expiry :exec
UPDATE peers SET expires_at = :expires_at, generation = generation + 1, etag = etag + 1
WHERE id = :id AND desired <> 3 AND unmanaged_since IS NULL AND etag = :etag;

-- peer_confirm :exec
UPDATE peers SET observed = desired, observed_generation = :generation, confirmed_at = :now,
    ended_at = CASE WHEN desired = 3 THEN COALESCE(ended_at, :now) ELSE ended_at END, etag = etag + 1
WHERE id = :id AND generation = :generation AND observed_generation < :generation;

-- peer_set_addresses :exec
UPDATE peers SET addresses = :addresses, address4 = :address4, address6 = :address6 WHERE id = :id;

-- peer_ended_by_node :exec
UPDATE peers SET desired = 3, observed = 3, generation = :generation,
    observed_generation = :generation, end_reason = :end_reason, ended_at = :ended_at,
    confirmed_at = :now, etag = etag + 1
WHERE id = :id AND desired <> 3;

-- peer_reappeared :exec
UPDATE peers SET observed = 1, observed_generation = 0, generation = :generation, etag = etag + 1
WHERE id = :id AND desired = 3 AND observed_generation >= generation;

-- peer_leave :exec
UPDATE peers SET unmanaged_since = :now, etag = etag + 1 WHERE id = :id AND unmanaged_since IS NULL;

-- peer_live :exec @unaudited
UPDATE peers SET last_handshake_at = :last_handshake_at, receive_bytes = :receive_bytes,
    transmit_bytes = :transmit_bytes, endpoint = COALESCE(:endpoint, endpoint), live_as_of = :live_as_of
WHERE id = :id AND node_id = :node_id;

-- peer_ids :many
SELECT id FROM peers WHERE node_id = :node_id AND ended_at IS NULL AND unmanaged_since IS NULL;

-- interval_open :exec
INSERT INTO access_intervals (peer_id, person_id, node_id, public_key, addresses, state, from_seq, from_at)
VALUES (:peer_id, :person_id, :node_id, :public_key, :addresses, :state, :seq, :at);

-- interval_close :exec
UPDATE access_intervals SET to_seq = :seq, to_at = :at WHERE peer_id = :peer_id AND to_seq IS NULL;
