-- Settings, and what signing in needs.

-- setting_get :one
SELECT value FROM settings WHERE name = :name;

-- setting_put :exec @unaudited
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- operator_count :one
SELECT COUNT(*) AS n FROM operators;

-- operator_insert :exec
INSERT INTO operators (id, username, role, password_hash, must_change_password, created_at,
    created_by, standing, etag)
VALUES (:id, :username, :role, :password_hash, :must_change_password, :now, :created_by, 1, 1);

-- operator_by_username :one
SELECT id, username, role, password_hash, must_change_password, standing, disabled_at, etag
FROM operators WHERE username = :username;

-- operator_by_id :one
SELECT id, username, role, password_hash, must_change_password, standing, disabled_at, etag
FROM operators WHERE id = :id;

-- operator_set_password :exec
UPDATE operators SET password_hash = :password_hash, must_change_password = 0, etag = etag + 1
WHERE id = :id;

-- operator_signed_in :exec @unaudited
UPDATE operators SET signed_in_at = :now WHERE id = :id;

-- operator_stands :one
SELECT id FROM operators WHERE id = :operator AND standing = :standing AND disabled_at IS NULL;

-- operator_stands :one @postgres
SELECT id FROM operators
WHERE id = :operator AND standing = :standing AND disabled_at IS NULL FOR SHARE;

-- session_insert :exec @unaudited
INSERT INTO sessions (id, token_digest, operator_id, created_at, expires_at, seen_at, password_at,
    source, user_agent)
VALUES (:id, :token_digest, :operator_id, :now, :expires_at, :now, :now, :source, :user_agent);

-- session_get :one
SELECT s.id AS session_id, s.expires_at, s.seen_at, s.password_at, o.id, o.username, o.role,
    o.must_change_password, o.standing
FROM sessions s JOIN operators o ON o.id = s.operator_id
WHERE s.token_digest = :token_digest AND s.expires_at > :now AND s.seen_at > :idle_since
AND o.disabled_at IS NULL;

-- session_alive :one
SELECT COUNT(*) AS n FROM sessions s JOIN operators o ON o.id = s.operator_id
WHERE s.id = :id AND s.expires_at > :now AND s.seen_at > :idle_since AND o.disabled_at IS NULL;

-- session_touch :exec @unaudited
UPDATE sessions SET seen_at = :now WHERE id = :id;

-- session_renew :exec @unaudited
UPDATE sessions SET token_digest = :fresh, password_at = :now, seen_at = :now
WHERE id = :id AND token_digest = :token_digest;

-- session_end_own :one @unaudited
DELETE FROM sessions WHERE id = :id AND operator_id = :operator_id RETURNING operator_id AS id;

-- session_end_any :one @unaudited
DELETE FROM sessions WHERE id = :id RETURNING operator_id AS id;

-- session_end_all :exec @unaudited
DELETE FROM sessions WHERE operator_id = :operator_id;

-- session_end_others :exec @unaudited
DELETE FROM sessions WHERE operator_id = :operator_id AND id <> :id;

-- session_delete_old :exec @unaudited
DELETE FROM sessions WHERE expires_at <= :now OR seen_at <= :idle_since;
