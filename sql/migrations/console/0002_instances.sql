-- Consoles that run on this database, and which of them works it: docs/decisions/0012-postgresql.md.

CREATE TABLE instances (
    id BLOB PRIMARY KEY,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);

-- `epoch` grows with each owner: what an earlier one still has under way is refused by it. `claimed`:
-- the owner also holds the database's claim (db_claim), so that its death is noticed at once.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner BLOB,
    epoch INTEGER NOT NULL,
    until INTEGER,
    claimed INTEGER NOT NULL
);
INSERT INTO leases (name, epoch, claimed) VALUES ('console', 0, 0);
