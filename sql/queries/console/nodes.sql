-- Nodes: what was entered, and what their last answers said.

-- node_insert :exec
INSERT INTO nodes (id, name, address, transport, fingerprint, api_key, endpoint, state, reason,
    reason_detail, state_since, subnets, server_addresses, families, drift, read_revision,
    lease_owner, lease_epoch, removing, added_at, added_by, etag)
VALUES (:id, :name, :address, :transport, :fingerprint, :api_key, :endpoint, 3, NULL, NULL, :now,
    '[]', '[]', '[]', 0, 0, (SELECT owner FROM leases WHERE name = 'console'), 1, 0, :now, :added_by,
    1);

-- node_list :list
SELECT n.id, n.name, n.address, n.transport, n.fingerprint, n.endpoint,
    CASE WHEN n.removing = 1 THEN 4 ELSE n.state END AS state, n.reason, n.reason_detail,
    n.state_since, n.checked_at, n.seen_at, n.kind, n.version, n.interface, n.public_key,
    n.listen_port, n.subnets, n.server_addresses, n.families, n.peers_issued, n.peers_possible,
    n.connected, n.unmanaged_peers, n.forwarding, n.forwarding_remedy, n.clock_offset_ms,
    n.started_at, n.backend, n.added_at, o.id AS added_by__id, o.username AS added_by__username,
    n.etag, n.node_endpoint, {key} AS cursor_key
FROM nodes n JOIN operators o ON o.id = n.added_by
WHERE n.removed_at IS NULL AND {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: n.id IN (SELECT s.node_id FROM operator_nodes s WHERE s.operator_id = :scope)
-- filter id: n.id = :id
-- filter q: n.name LIKE :q ESCAPE '\' OR n.address LIKE :q ESCAPE '\'
-- filter state: CASE WHEN n.removing = 1 THEN 4 ELSE n.state END = :state
-- sort state int: n.state; n.id
-- sort name text: n.name; n.id
-- sort version text: COALESCE(n.version, ''); n.id
-- sort peers int: COALESCE(n.peers_issued, 0); n.id

-- node_counts :list like node_list
SELECT COUNT(*) AS n_all,
    COALESCE(SUM(CASE WHEN n.removing = 0 AND n.state = 5 THEN 1 ELSE 0 END), 0) AS online,
    COALESCE(SUM(CASE WHEN n.removing = 0 AND n.state = 2 THEN 1 ELSE 0 END), 0) AS degraded,
    COALESCE(SUM(CASE WHEN n.removing = 0 AND n.state = 1 THEN 1 ELSE 0 END), 0) AS unreachable,
    COALESCE(SUM(CASE WHEN n.removing = 0 AND n.state = 3 THEN 1 ELSE 0 END), 0) AS enrolling,
    COALESCE(SUM(n.removing), 0) AS removing,
    COALESCE(SUM(CASE WHEN n.drift > 0 THEN 1 ELSE 0 END), 0) AS drift
FROM nodes n WHERE n.removed_at IS NULL AND {where};

-- node_total :list like node_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM nodes n WHERE n.removed_at IS NULL AND {where} LIMIT :limit) t;

-- node_versions :list like node_list
SELECT n.version, n.kind FROM nodes n WHERE n.removed_at IS NULL AND n.version IS NOT NULL AND {where};

-- node_unreachable :list like node_list
SELECT n.id, n.name, n.state_since AS since FROM nodes n
WHERE n.removed_at IS NULL AND n.state = 1 AND {where} ORDER BY n.name;

-- node_target :one
SELECT id, name, address, transport, fingerprint, api_key, endpoint, state, kind, epoch, revision,
    read_revision, public_key, listen_port, node_endpoint, removing, lease_epoch
FROM nodes WHERE id = :id AND removed_at IS NULL;

-- node_targets :many
SELECT id, name, address, transport, fingerprint, api_key, endpoint, state, kind, epoch, revision,
    read_revision, public_key, listen_port, node_endpoint, removing, lease_epoch
FROM nodes WHERE removed_at IS NULL ORDER BY added_at;

-- node_same :one
SELECT id, name FROM nodes WHERE removed_at IS NULL
AND (address = :address OR node_uid = :node_uid OR public_key = :public_key);

-- node_change :exec
UPDATE nodes SET name = :name, endpoint = :endpoint, etag = etag + 1
WHERE id = :id AND removed_at IS NULL AND etag = :etag;

-- node_removing :exec
UPDATE nodes SET removing = 1, etag = etag + 1 WHERE id = :id AND removed_at IS NULL AND removing = 0;

-- node_removed :exec
UPDATE nodes SET removed_at = :now, removing = 0, etag = etag + 1
WHERE id = :id AND removed_at IS NULL;

-- node_observed :exec @unaudited
UPDATE nodes SET state = :state, reason = :reason, reason_detail = :reason_detail,
    state_since = CASE WHEN state = :state THEN state_since ELSE :now END,
    checked_at = :now, seen_at = :now, kind = :kind, version = :version, interface = :interface,
    public_key = :public_key, listen_port = :listen_port, subnets = :subnets,
    server_addresses = :server_addresses, families = :families, peers_issued = :peers_issued,
    peers_possible = :peers_possible, connected = :connected, unmanaged_peers = :unmanaged_peers,
    drift = :drift, forwarding = :forwarding, forwarding_remedy = :forwarding_remedy,
    clock_offset_ms = :clock_offset_ms, started_at = :started_at, backend = :backend,
    node_endpoint = :node_endpoint, node_uid = :node_uid, epoch = :epoch, revision = :revision,
    lease_until = :now + 60000000
WHERE id = :id AND removed_at IS NULL AND lease_epoch = :lease_epoch;

-- node_missed :exec @unaudited
UPDATE nodes SET state = :state, reason = :reason, reason_detail = :reason_detail,
    state_since = CASE WHEN state = :state THEN state_since ELSE :now END, checked_at = :now,
    lease_until = :now + 60000000
WHERE id = :id AND removed_at IS NULL AND lease_epoch = :lease_epoch;

-- node_read_to :exec @unaudited
UPDATE nodes SET read_revision = :read_revision WHERE id = :id AND lease_epoch = :lease_epoch;
