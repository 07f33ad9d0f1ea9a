-- The Console's database: who, what should be, what was last confirmed, and who did what when.
-- Times are microseconds since 1970; identifiers and keys are their bytes.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE operators (
    id BLOB PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    must_change_password INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    etag INTEGER NOT NULL
);

-- Only the digest of the cookie is kept.
CREATE TABLE sessions (
    token_digest BLOB PRIMARY KEY,
    operator_id BLOB NOT NULL REFERENCES operators (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    source TEXT NOT NULL
);
CREATE INDEX sessions_operator ON sessions (operator_id);

-- The lease says which Console works the node: efficiency only, see docs/architecture.md.
CREATE TABLE nodes (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    transport INTEGER NOT NULL,
    fingerprint TEXT,
    api_key TEXT NOT NULL,
    endpoint TEXT,
    state INTEGER NOT NULL,
    reason TEXT,
    reason_detail TEXT,
    state_since INTEGER NOT NULL,
    checked_at INTEGER,
    seen_at INTEGER,
    kind INTEGER,
    version TEXT,
    interface TEXT,
    public_key BLOB,
    listen_port INTEGER,
    subnets TEXT NOT NULL,
    server_addresses TEXT NOT NULL,
    families TEXT NOT NULL,
    peers_issued INTEGER,
    peers_possible INTEGER,
    connected INTEGER,
    unmanaged_peers INTEGER,
    drift INTEGER NOT NULL,
    forwarding INTEGER,
    forwarding_remedy TEXT,
    clock_offset_ms INTEGER,
    started_at INTEGER,
    backend INTEGER,
    node_endpoint TEXT,
    node_uid BLOB,
    epoch BLOB,
    revision INTEGER,
    read_revision INTEGER NOT NULL,
    lease_owner BLOB,
    lease_epoch INTEGER NOT NULL,
    lease_until INTEGER,
    removing INTEGER NOT NULL,
    removed_at INTEGER,
    added_at INTEGER NOT NULL,
    added_by BLOB NOT NULL REFERENCES operators (id),
    etag INTEGER NOT NULL
);
CREATE UNIQUE INDEX nodes_name ON nodes (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX nodes_address ON nodes (address) WHERE removed_at IS NULL;

CREATE TABLE people (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    kind INTEGER NOT NULL,
    organisation TEXT,
    created_at INTEGER NOT NULL,
    created_by BLOB NOT NULL REFERENCES operators (id),
    ended_at INTEGER,
    etag INTEGER NOT NULL
);
CREATE UNIQUE INDEX people_email ON people (email) WHERE email IS NOT NULL AND ended_at IS NULL;
CREATE INDEX people_name ON people (name);

-- `desired` and `generation` are what should be; `observed` and `observed_generation` what the node
-- last confirmed. desired, observed: 1 present, 2 suspended, 3 absent. end_reason: 1 revoked,
-- 2 expired, 3 failed. access, in this order: see PEER_ACCESS in src/model/console_api.h.
CREATE TABLE peers (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    person_id BLOB NOT NULL REFERENCES people (id),
    node_id BLOB NOT NULL REFERENCES nodes (id),
    public_key BLOB NOT NULL,
    addresses TEXT NOT NULL,
    address4 TEXT,
    address6 TEXT,
    desired INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    observed INTEGER,
    observed_generation INTEGER NOT NULL,
    end_reason INTEGER,
    issued_at INTEGER NOT NULL,
    issued_by BLOB NOT NULL REFERENCES operators (id),
    expires_at INTEGER,
    revoke_requested_at INTEGER,
    ended_at INTEGER,
    confirmed_at INTEGER,
    unmanaged_since INTEGER,
    last_handshake_at INTEGER,
    receive_bytes INTEGER,
    transmit_bytes INTEGER,
    endpoint TEXT,
    live_as_of INTEGER,
    etag INTEGER NOT NULL,
    pending INTEGER GENERATED ALWAYS AS
        (CASE WHEN observed_generation < generation AND unmanaged_since IS NULL THEN 1 ELSE 0 END) STORED,
    access INTEGER GENERATED ALWAYS AS (CASE
        WHEN unmanaged_since IS NOT NULL AND ended_at IS NULL THEN 7
        WHEN desired = 3 AND end_reason = 3 THEN 6
        WHEN desired = 3 AND end_reason = 2 THEN 3
        WHEN desired = 3 AND observed_generation < generation THEN 4
        WHEN desired = 3 THEN 5
        WHEN observed_generation = 0 THEN 1
        ELSE 2 END) STORED
);
CREATE INDEX peers_person ON peers (person_id);
CREATE INDEX peers_node ON peers (node_id);
CREATE INDEX peers_key ON peers (public_key);
CREATE INDEX peers_pending ON peers (node_id) WHERE observed_generation < generation AND unmanaged_since IS NULL;
CREATE INDEX peers_issued ON peers (issued_at, id);
CREATE UNIQUE INDEX peers_live_name ON peers (person_id, node_id, name)
    WHERE desired <> 3 AND unmanaged_since IS NULL;

-- Who had which key on which node from when to when: written with the audit entry of each change.
CREATE TABLE access_intervals (
    peer_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    public_key BLOB NOT NULL,
    addresses TEXT NOT NULL,
    state INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    to_seq INTEGER,
    to_at INTEGER,
    PRIMARY KEY (peer_id, from_seq)
);
CREATE INDEX access_intervals_person ON access_intervals (person_id, from_seq);

-- `leaf` is what the log's tree will be made of, to the byte; `personal` holds what it only commits to.
CREATE TABLE audit_entries (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor_kind INTEGER NOT NULL,
    operator_id BLOB,
    action INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    node_id BLOB,
    person_id BLOB,
    peer_id BLOB,
    leaf TEXT NOT NULL,
    leaf_hash BLOB NOT NULL,
    personal TEXT NOT NULL
);
CREATE INDEX audit_operator ON audit_entries (operator_id, seq);
CREATE INDEX audit_node ON audit_entries (node_id, seq);
CREATE INDEX audit_person ON audit_entries (person_id, seq);
CREATE INDEX audit_peer ON audit_entries (peer_id, seq);
CREATE INDEX audit_action ON audit_entries (action, seq);
CREATE INDEX audit_at ON audit_entries (at, seq);

CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
);
INSERT INTO audit_head (one, seq) VALUES (1, 0);
