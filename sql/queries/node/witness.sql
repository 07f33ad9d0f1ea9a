-- Logs that the node is a witness of, and their checkpoints.

-- log_put :exec
INSERT INTO logs (number, origin, public_key, bound_at, released, predecessor, fork, digest)
VALUES (:number, :origin, :public_key, :bound_at, :released, :predecessor, :fork, :digest)
ON CONFLICT (number) DO UPDATE SET released = excluded.released, fork = excluded.fork,
    digest = excluded.digest;

-- log_all :many
SELECT number, origin, public_key, bound_at, released, predecessor, fork, digest
FROM logs ORDER BY number;

-- checkpoint_put :exec
INSERT INTO checkpoints (log, day, size, note, received_at, digest)
VALUES (:log, :day, :size, :note, :received_at, :digest)
ON CONFLICT (log, day) DO UPDATE SET size = excluded.size, note = excluded.note,
    received_at = excluded.received_at, digest = excluded.digest;

-- checkpoint_get :one
SELECT log, day, size, note, received_at, digest FROM checkpoints WHERE log = :log AND day = :day;

-- checkpoint_delete :exec
DELETE FROM checkpoints WHERE log = :log AND day = :day;

-- checkpoint_all :many
SELECT log, day, size, note, received_at, digest FROM checkpoints ORDER BY log DESC, size DESC;
