-- Requests with an Idempotency-Key.

-- once_get :one
SELECT route, request, seq, target_id, status, answer, created_at FROM idempotency
WHERE owner = :owner AND key_digest = :key_digest;

-- once_note :exec @unaudited
INSERT INTO idempotency (owner, key_digest, route, request, attempt, seq, target_id, created_at)
VALUES (:owner, :key_digest, :route, :request, :attempt, :seq, :target_id, :created_at)
ON CONFLICT (owner, key_digest) DO UPDATE SET attempt = excluded.attempt
WHERE idempotency.attempt = excluded.attempt;

-- once_answer :exec @unaudited
UPDATE idempotency SET status = :status, answer = :answer
WHERE owner = :owner AND key_digest = :key_digest AND attempt = :attempt;

-- once_forget :exec @unaudited
DELETE FROM idempotency WHERE owner = :owner AND key_digest = :key_digest AND created_at <= :since;

-- once_forget_old :exec @unaudited
DELETE FROM idempotency WHERE created_at <= :since;
