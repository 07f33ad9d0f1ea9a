-- The node's peer store. One row of `node` says which store this is and how far it is.
CREATE TABLE node (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BLOB NOT NULL,
    epoch BLOB NOT NULL,
    revision INTEGER NOT NULL,
    set_digest BLOB NOT NULL
);

-- Peers that are, suspended ones included.
CREATE TABLE peers (
    id BLOB PRIMARY KEY,
    public_key BLOB NOT NULL UNIQUE,
    preshared_key BLOB,
    address4 TEXT,
    address6 TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    suspended INTEGER NOT NULL,
    keepalive INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    label TEXT,
    digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX peers_revision ON peers (revision);

-- Peers that were, and ids that were ended before they ever came: kept for ever.
CREATE TABLE tombstones (
    id BLOB PRIMARY KEY,
    public_key BLOB,
    address4 TEXT,
    address6 TEXT,
    created_at INTEGER,
    ended_at INTEGER NOT NULL,
    end_reason INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX tombstones_revision ON tombstones (revision);
CREATE INDEX tombstones_ended_at ON tombstones (ended_at);

-- Keys that belonged to somebody once: nobody gets them again.
CREATE TABLE used_keys (
    public_key BLOB PRIMARY KEY,
    peer_id BLOB NOT NULL
) WITHOUT ROWID;
