-- Several operators: roles, sessions as a list, API tokens, and requests that are sent again.

-- `standing` counts what changes an operator's rights: a change that began before is refused at its end.
ALTER TABLE operators ADD COLUMN standing INTEGER NOT NULL DEFAULT 1;
ALTER TABLE operators ADD COLUMN created_by BLOB;
ALTER TABLE operators ADD COLUMN disabled_at INTEGER;
ALTER TABLE operators ADD COLUMN signed_in_at INTEGER;
CREATE UNIQUE INDEX operators_username_any_case ON operators (lower(username));

-- The nodes that a scoped role is limited to. The roles there are today see everything and have no rows.
CREATE TABLE operator_nodes (
    operator_id BLOB NOT NULL REFERENCES operators (id),
    node_id BLOB NOT NULL REFERENCES nodes (id),
    PRIMARY KEY (operator_id, node_id)
);

-- Everybody signs in anew: a session has an id of its own now, which may be shown, and says when the
-- password was given last.
DROP TABLE sessions;
CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    token_digest BLOB NOT NULL UNIQUE,
    operator_id BLOB NOT NULL REFERENCES operators (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    password_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX sessions_operator ON sessions (operator_id);

-- Only the digest of a token is kept, and its last four characters to tell it by.
CREATE TABLE api_tokens (
    id BLOB PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    last4 TEXT NOT NULL,
    name TEXT NOT NULL,
    operator_id BLOB NOT NULL REFERENCES operators (id),
    role INTEGER NOT NULL,
    elevated INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    used_from TEXT,
    revoked_at INTEGER
);
CREATE INDEX api_tokens_operator ON api_tokens (operator_id);

-- A change that was asked for with an Idempotency-Key: written in the change's own transaction, so that
-- it is there exactly when the change is. `answer` follows, unless the Console ends in between.
CREATE TABLE idempotency (
    owner BLOB NOT NULL,
    key_digest BLOB NOT NULL,
    route TEXT NOT NULL,
    request BLOB NOT NULL,
    attempt BLOB NOT NULL,
    seq INTEGER NOT NULL,
    target_id BLOB,
    status INTEGER,
    answer TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key_digest)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

-- What an entry is about, and the token it was made with: for names and for filters.
ALTER TABLE audit_entries ADD COLUMN target_id BLOB;
ALTER TABLE audit_entries ADD COLUMN token_id BLOB;
CREATE INDEX audit_target ON audit_entries (target_id, seq) WHERE target_id IS NOT NULL;
CREATE INDEX audit_token ON audit_entries (token_id, seq) WHERE token_id IS NOT NULL;
