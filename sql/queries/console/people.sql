-- People.

-- person_insert :exec
INSERT INTO people (id, name, email, kind, organisation, created_at, created_by, etag)
VALUES (:id, :name, :email, :kind, :organisation, :now, :created_by, 1);

-- person_list :list
SELECT p.id, p.name, p.email, p.kind, p.organisation, p.created_at, p.etag,
    o.id AS created_by__id, o.username AS created_by__username,
    (SELECT COUNT(*) FROM peers e WHERE e.person_id = p.id AND e.access = 2) AS peers_active,
    (SELECT COUNT(*) FROM peers e WHERE e.person_id = p.id) AS peers_all,
    (SELECT COUNT(*) FROM peers e WHERE e.person_id = p.id AND e.pending = 1) AS peers_pending,
    (SELECT COUNT(DISTINCT e.node_id) FROM peers e WHERE e.person_id = p.id AND e.access = 2) AS nodes,
    (SELECT MAX(e.last_handshake_at) FROM peers e WHERE e.person_id = p.id) AS last_connected_at,
    (SELECT MIN(e.expires_at) FROM peers e WHERE e.person_id = p.id AND e.access = 2) AS next_expiry_at,
    {key} AS cursor_key
FROM people p JOIN operators o ON o.id = p.created_by
WHERE p.ended_at IS NULL AND {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: p.created_by = :scope OR EXISTS (SELECT 1 FROM peers e JOIN operator_nodes s ON s.node_id = e.node_id WHERE e.person_id = p.id AND s.operator_id = :scope)
-- filter id: p.id = :id
-- filter q: p.name LIKE :q ESCAPE '\' OR p.email LIKE :q ESCAPE '\' OR p.organisation LIKE :q ESCAPE '\'
-- filter kind: p.kind = :kind
-- sort name text: p.name; p.id
-- sort createdAt int: p.created_at; p.id
-- sort peers int: (SELECT COUNT(*) FROM peers e WHERE e.person_id = p.id AND e.access = 2); p.id

-- person_counts :list like person_list
SELECT COUNT(*) AS n_all, COALESCE(SUM(CASE WHEN p.kind = 1 THEN 1 ELSE 0 END), 0) AS staff,
    COALESCE(SUM(CASE WHEN p.kind = 2 THEN 1 ELSE 0 END), 0) AS contractor, COALESCE(SUM(CASE WHEN p.kind = 3 THEN 1 ELSE 0 END), 0) AS partner,
    COALESCE(SUM(CASE WHEN p.kind = 4 THEN 1 ELSE 0 END), 0) AS service
FROM people p WHERE p.ended_at IS NULL AND {where};

-- person_total :list like person_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM people p WHERE p.ended_at IS NULL AND {where} LIMIT :limit) t;
