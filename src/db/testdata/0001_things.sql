-- The first schema of db_test.c.
CREATE TABLE things (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    color INTEGER NOT NULL,
    size INTEGER NOT NULL,
    made_at INTEGER,
    public_key BLOB,
    extra TEXT
);
