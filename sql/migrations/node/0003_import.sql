-- Why a peer is off the device though nobody suspended it; NULL: it is not.
ALTER TABLE peers ADD COLUMN quarantine INTEGER;

-- What was taken over from other programs' files, each once.
CREATE TABLE imports (
    source TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    imported_at INTEGER NOT NULL,
    n_peers INTEGER NOT NULL,
    digest BLOB NOT NULL
) WITHOUT ROWID;
