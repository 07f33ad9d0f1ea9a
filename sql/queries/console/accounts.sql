-- Settings, operators and their sessions.

-- setting_get :one
SELECT value FROM settings WHERE name = :name;

-- setting_put :exec @unaudited
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- operator_count :one
SELECT COUNT(*) AS n FROM operators;

-- operator_insert :exec
INSERT INTO operators (id, username, role, password_hash, must_change_password, created_at, etag)
VALUES (:id, :username, :role, :password_hash, :must_change_password, :now, 1);

-- operator_by_username :one
SELECT id, username, role, password_hash, must_change_password FROM operators
WHERE username = :username;

-- operator_by_id :one
SELECT id, username, role, password_hash, must_change_password FROM operators WHERE id = :id;

-- operator_set_password :exec
UPDATE operators SET password_hash = :password_hash, must_change_password = 0, etag = etag + 1
WHERE id = :id;

-- session_insert :exec @unaudited
INSERT INTO sessions (token_digest, operator_id, created_at, expires_at, seen_at, source)
VALUES (:token_digest, :operator_id, :now, :expires_at, :now, :source);

-- session_get :one
SELECT s.expires_at, s.seen_at, o.id, o.username, o.role, o.must_change_password
FROM sessions s JOIN operators o ON o.id = s.operator_id
WHERE s.token_digest = :token_digest AND s.expires_at > :now AND s.seen_at > :idle_since;

-- session_touch :exec @unaudited
UPDATE sessions SET seen_at = :now WHERE token_digest = :token_digest;

-- session_delete :exec @unaudited
DELETE FROM sessions WHERE token_digest = :token_digest;

-- session_delete_of :exec @unaudited
DELETE FROM sessions WHERE operator_id = :operator_id;

-- session_delete_old :exec @unaudited
DELETE FROM sessions WHERE expires_at <= :now OR seen_at <= :idle_since;
