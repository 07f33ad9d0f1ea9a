-- The audit log.

-- audit_next :one @audit
UPDATE audit_head SET seq = seq + 1 WHERE one = 1 RETURNING seq;

-- audit_insert :exec @audit
INSERT INTO audit_entries (seq, at, actor_kind, operator_id, token_id, action, outcome, node_id,
    person_id, peer_id, target_id, leaf, leaf_hash, personal)
VALUES (:seq, :at, :actor, :operator, :token, :action, :outcome, :node, :person, :peer, :target_id,
    :leaf, :leaf_hash, :personal);

-- audit_seq :one
SELECT seq FROM audit_head;

-- audit_list :list
SELECT a.seq, a.leaf, a.leaf_hash, a.personal, n.name AS node_name, p.name AS person_name,
    e.name AS peer_name, o.username AS operator_name, t.name AS token_name,
    k.name AS target_token_name, {key} AS cursor_key
FROM audit_entries a LEFT JOIN nodes n ON n.id = a.node_id LEFT JOIN people p ON p.id = a.person_id
LEFT JOIN peers e ON e.id = a.peer_id LEFT JOIN operators o ON o.id = a.target_id
LEFT JOIN api_tokens t ON t.id = a.token_id LEFT JOIN api_tokens k ON k.id = a.target_id
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter scope: a.node_id IN (SELECT s.node_id FROM operator_nodes s WHERE s.operator_id = :scope)
-- filter seq: a.seq = :seq
-- filter operator: a.operator_id = :operator
-- filter person: a.person_id = :person
-- filter node: a.node_id = :node
-- filter peer: a.peer_id = :peer
-- filter target: a.target_id = :target
-- filter token: a.token_id = :token
-- filter action: a.action = :action
-- filter outcome: a.outcome = :outcome
-- filter from: a.at >= :from
-- filter to: a.at < :to
-- sort seq int: a.seq; a.seq

-- audit_total :list like audit_list
SELECT COUNT(*) AS n FROM (SELECT 1 FROM audit_entries a WHERE {where} LIMIT :limit) t;
