-- Everything the keeper can say to its store.

-- node_insert :exec
INSERT INTO node (one, id, epoch, revision, set_digest)
VALUES (1, :id, :epoch, :revision, :set_digest);

-- node_get :one
SELECT id, epoch, revision, set_digest FROM node;

-- node_advance :exec
UPDATE node SET revision = :revision, set_digest = :set_digest;

-- peer_put :exec
INSERT INTO peers (id, public_key, preshared_key, address4, address6, created_at, expires_at,
    suspended, keepalive, generation, revision, label, author_key, author_source, quarantine,
    digest)
VALUES (:id, :public_key, :preshared_key, :address4, :address6, :created_at, :expires_at,
    :suspended, :keepalive, :generation, :revision, :label, :author_key, :author_source, :quarantine,
    :digest)
ON CONFLICT (id) DO UPDATE SET public_key = excluded.public_key,
    preshared_key = excluded.preshared_key, address4 = excluded.address4,
    address6 = excluded.address6, expires_at = excluded.expires_at,
    suspended = excluded.suspended, keepalive = excluded.keepalive,
    generation = excluded.generation, revision = excluded.revision, label = excluded.label,
    author_key = excluded.author_key, author_source = excluded.author_source,
    quarantine = excluded.quarantine, digest = excluded.digest;

-- peer_delete :exec
DELETE FROM peers WHERE id = :id;

-- peer_all :many
SELECT id, public_key, preshared_key, address4, address6, created_at, expires_at, suspended,
    keepalive, generation, revision, label, author_key, author_source, quarantine, digest
FROM peers ORDER BY created_at, id;

-- tombstone_put :exec
INSERT INTO tombstones (id, public_key, address4, address6, created_at, ended_at, end_reason,
    generation, revision, author_key, author_source, digest)
VALUES (:id, :public_key, :address4, :address6, :created_at, :ended_at, :end_reason,
    :generation, :revision, :author_key, :author_source, :digest)
ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, revision = excluded.revision,
    author_key = excluded.author_key, author_source = excluded.author_source,
    digest = excluded.digest;

-- tombstone_get :one
SELECT id, public_key, address4, address6, created_at, ended_at, end_reason, generation, revision,
    author_key, author_source, digest
FROM tombstones WHERE id = :id;

-- tombstone_delete :exec
DELETE FROM tombstones WHERE id = :id;

-- tombstone_all :many
SELECT id, public_key, address4, address6, created_at, ended_at, end_reason, generation, revision,
    author_key, author_source, digest
FROM tombstones;

-- tombstone_resting :many
SELECT id, public_key, address4, address6, created_at, ended_at, end_reason, generation, revision,
    author_key, author_source, digest
FROM tombstones WHERE ended_at > :since ORDER BY ended_at;

-- used_key_insert :exec
INSERT INTO used_keys (public_key, peer_id) VALUES (:public_key, :id)
ON CONFLICT (public_key) DO NOTHING;

-- used_key_all :many
SELECT public_key, peer_id AS id FROM used_keys;

-- used_key_get :one
SELECT peer_id AS id FROM used_keys WHERE public_key = :public_key;

-- tombstone_after :many
SELECT id, public_key, address4, address6, created_at, ended_at, end_reason, generation, revision,
    author_key, author_source, digest
FROM tombstones WHERE revision > :after ORDER BY revision LIMIT :limit;
