-- Which Console works the database, and the nodes.

-- instance_insert :exec @unaudited
INSERT INTO instances (id, host, version, started_at, seen_at)
VALUES (:id, :host, :version, :now, :now);

-- instance_seen :exec @unaudited
UPDATE instances SET seen_at = :now WHERE id = :id;

-- instance_gone :exec @unaudited
DELETE FROM instances WHERE id = :id OR seen_at < :before;

-- lease_get :one
SELECT l.owner, l.epoch, l.until, l.claimed, i.host FROM leases l
LEFT JOIN instances i ON i.id = l.owner WHERE l.name = 'console';

-- lease_take :exec @unaudited
UPDATE leases SET owner = :id, epoch = epoch + 1, until = :until, claimed = :claimed
WHERE name = 'console' AND epoch = :epoch;

-- lease_keep :exec @unaudited
UPDATE leases SET until = :until, claimed = :claimed
WHERE name = 'console' AND owner = :id AND epoch = :epoch;

-- lease_drop :exec @unaudited
UPDATE leases SET owner = NULL, until = NULL, claimed = 0
WHERE name = 'console' AND owner = :id AND epoch = :epoch;

-- lease_holds :one
SELECT epoch FROM leases WHERE name = 'console' AND epoch = :guard AND owner IS NOT NULL;

-- nodes_take :exec @unaudited
UPDATE nodes SET lease_owner = :id, lease_epoch = lease_epoch + 1, lease_until = :until
WHERE removed_at IS NULL;
