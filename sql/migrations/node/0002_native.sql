-- Who made the last change: the number of the API key (0: the node itself, or before this was kept)
-- and the address it was used from.
ALTER TABLE peers ADD COLUMN author_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN author_source TEXT;
ALTER TABLE tombstones ADD COLUMN author_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tombstones ADD COLUMN author_source TEXT;

-- Keys of the API, as SHA-256. Retired ones are kept, so that they stay retired.
CREATE TABLE api_keys (
    number INTEGER PRIMARY KEY,
    key_digest BLOB NOT NULL UNIQUE,
    origin INTEGER NOT NULL,
    source TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    retired_at INTEGER,
    last_used_at INTEGER,
    last_used_from TEXT,
    digest BLOB NOT NULL
);

-- Audit logs that this node is a witness of; the last one is the present one.
CREATE TABLE logs (
    number INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    public_key BLOB NOT NULL,
    bound_at INTEGER NOT NULL,
    released INTEGER NOT NULL,
    predecessor TEXT,
    fork TEXT,
    digest BLOB NOT NULL
);

-- Their checkpoints: the last of each day. A former log keeps its last one for ever.
CREATE TABLE checkpoints (
    log INTEGER NOT NULL,
    day INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (log, day)
) WITHOUT ROWID;
