-- Keys of the API.

-- api_key_put :exec
INSERT INTO api_keys (number, key_digest, origin, source, created_at, expires_at, retired_at, digest)
VALUES (:number, :key_digest, :origin, :source, :created_at, :expires_at, :retired_at, :digest)
ON CONFLICT (number) DO UPDATE SET retired_at = excluded.retired_at, digest = excluded.digest;

-- api_key_used :exec
UPDATE api_keys SET last_used_at = :last_used_at, last_used_from = :last_used_from
WHERE number = :number;

-- api_key_all :many
SELECT number, key_digest, origin, source, created_at, expires_at, retired_at, last_used_at,
    last_used_from, digest
FROM api_keys ORDER BY number;

-- api_key_latest :many
SELECT number, key_digest, origin, source, created_at, expires_at, retired_at, last_used_at,
    last_used_from, digest
FROM api_keys ORDER BY retired_at IS NULL DESC, number DESC LIMIT :limit;

-- api_key_get :one
SELECT number, key_digest, origin, source, created_at, expires_at, retired_at, last_used_at,
    last_used_from, digest
FROM api_keys WHERE number = :number;

-- api_key_by_digest :one
SELECT number, key_digest, origin, source, created_at, expires_at, retired_at, last_used_at,
    last_used_from, digest
FROM api_keys WHERE key_digest = :key_digest;
