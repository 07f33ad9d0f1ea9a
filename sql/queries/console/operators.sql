-- Operators, their sessions and API tokens, as they are administered. Numbers: src/model/operators.h.

-- operator_list :list
SELECT o.id, o.username, o.role, o.must_change_password, o.created_at, o.disabled_at,
    o.signed_in_at, c.id AS created_by__id, c.username AS created_by__username,
    (SELECT COUNT(*) FROM sessions s WHERE s.operator_id = o.id AND s.expires_at > :now
        AND s.seen_at > :idle_since AND o.disabled_at IS NULL) AS sessions,
    (SELECT COUNT(*) FROM api_tokens t WHERE t.operator_id = o.id AND t.revoked_at IS NULL
        AND t.expires_at > :now) AS tokens,
    o.etag, {key} AS cursor_key
FROM operators o LEFT JOIN operators c ON c.id = o.created_by
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: o.id = :scope
-- filter id: o.id = :id
-- filter q: o.username LIKE :q ESCAPE '\'
-- filter role: o.role = :role
-- filter is_active: o.disabled_at IS NULL
-- filter is_disabled: o.disabled_at IS NOT NULL
-- sort username text: o.username; o.id
-- sort role int: o.role; o.id
-- sort createdAt int: o.created_at; o.id
-- sort signedInAt int: COALESCE(o.signed_in_at, 0); o.id

-- operator_counts :list like operator_list
SELECT COUNT(*) AS n_all,
    COALESCE(SUM(CASE WHEN o.disabled_at IS NULL THEN 1 ELSE 0 END), 0) AS active,
    COALESCE(SUM(CASE WHEN o.disabled_at IS NOT NULL THEN 1 ELSE 0 END), 0) AS disabled
FROM operators o WHERE {where};

-- operator_total :list like operator_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM operators o WHERE {where} LIMIT :limit) t;

-- operator_other_administrators :one
SELECT COUNT(*) AS n FROM operators WHERE role = 1 AND disabled_at IS NULL AND id <> :id;

-- operator_change :exec
UPDATE operators SET username = :username, role = :role, standing = standing + :steps, etag = etag + 1
WHERE id = :id AND etag = :etag;

-- operator_disable :exec
UPDATE operators SET disabled_at = :now, standing = standing + 1, etag = etag + 1
WHERE id = :id AND disabled_at IS NULL;

-- operator_enable :exec
UPDATE operators SET disabled_at = NULL, standing = standing + 1, etag = etag + 1
WHERE id = :id AND disabled_at IS NOT NULL;

-- operator_reset_password :exec
UPDATE operators SET password_hash = :password_hash, must_change_password = 1,
    standing = standing + 1, etag = etag + 1
WHERE id = :id;

-- session_list :list
SELECT s.id, o.id AS operator__id, o.username AS operator__username, s.created_at, s.seen_at,
    s.expires_at, s.source, s.user_agent, {key} AS cursor_key
FROM sessions s JOIN operators o ON o.id = s.operator_id
WHERE s.expires_at > :now AND s.seen_at > :idle_since AND {where}
ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: s.operator_id = :scope
-- filter operator: s.operator_id = :operator
-- sort seenAt int: s.seen_at; s.id
-- sort createdAt int: s.created_at; s.id

-- session_total :list like session_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM sessions s
    WHERE s.expires_at > :now AND s.seen_at > :idle_since AND {where} LIMIT :limit) t;

-- token_insert :exec
INSERT INTO api_tokens (id, digest, last4, name, operator_id, role, elevated, created_at, expires_at)
VALUES (:id, :digest, :last4, :name, :operator_id, :role, :elevated, :now, :expires_at);

-- token_list :list
SELECT t.id, t.name, o.id AS operator__id, o.username AS operator__username, t.role, t.elevated,
    t.last4, t.created_at, t.expires_at, t.used_at, t.used_from, t.revoked_at,
    CASE WHEN t.revoked_at IS NOT NULL THEN 3 WHEN t.expires_at <= :now THEN 2 ELSE 1 END AS state,
    {key} AS cursor_key
FROM api_tokens t JOIN operators o ON o.id = t.operator_id
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: t.operator_id = :scope
-- filter id: t.id = :id
-- filter operator: t.operator_id = :operator
-- filter owner: t.operator_id = :owner
-- filter is_active: t.revoked_at IS NULL AND t.expires_at > :now
-- filter is_ended: t.revoked_at IS NOT NULL OR t.expires_at <= :now
-- sort createdAt int: t.created_at; t.id
-- sort expiresAt int: t.expires_at; t.id
-- sort usedAt int: COALESCE(t.used_at, 0); t.id
-- sort name text: t.name; t.id

-- token_counts :list like token_list
SELECT COUNT(*) AS n_all,
    COALESCE(SUM(CASE WHEN t.revoked_at IS NULL AND t.expires_at > :now THEN 1 ELSE 0 END), 0) AS active,
    COALESCE(SUM(CASE WHEN t.revoked_at IS NOT NULL OR t.expires_at <= :now THEN 1 ELSE 0 END), 0) AS ended
FROM api_tokens t WHERE {where};

-- token_total :list like token_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM api_tokens t WHERE {where} LIMIT :limit) t;

-- token_get :one
SELECT t.id AS token_id, t.role AS token_role, t.elevated, t.used_at, o.id, o.username, o.role,
    o.standing
FROM api_tokens t JOIN operators o ON o.id = t.operator_id
WHERE t.digest = :digest AND t.revoked_at IS NULL AND t.expires_at > :now AND o.disabled_at IS NULL;

-- token_alive :one
SELECT COUNT(*) AS n FROM api_tokens t JOIN operators o ON o.id = t.operator_id
WHERE t.id = :id AND t.revoked_at IS NULL AND t.expires_at > :now AND o.disabled_at IS NULL;

-- token_stands :one
SELECT id FROM api_tokens WHERE id = :token AND revoked_at IS NULL;

-- token_stands :one @postgres
SELECT id FROM api_tokens WHERE id = :token AND revoked_at IS NULL FOR SHARE;

-- token_used :exec @unaudited
UPDATE api_tokens SET used_at = :now, used_from = :source WHERE id = :id;

-- token_live_of :many
SELECT id, name FROM api_tokens
WHERE operator_id = :operator_id AND revoked_at IS NULL AND expires_at > :now ORDER BY created_at;

-- token_revoke_own :one
UPDATE api_tokens SET revoked_at = :now
WHERE id = :id AND operator_id = :operator_id AND revoked_at IS NULL RETURNING id, name;

-- token_revoke_any :one
UPDATE api_tokens SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING id, name;
