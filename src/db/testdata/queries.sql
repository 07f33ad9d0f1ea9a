-- Statements of db_test.c.

-- thing_insert :exec
INSERT INTO things (id, name, color, size, made_at, public_key, extra)
VALUES (:id, :name, :color, :size, :made_at, :public_key, :extra);

-- thing_by_id :one
SELECT id, name, color, size, made_at, public_key, extra FROM things WHERE id = :id;

-- thing_of_size :one
SELECT id FROM things WHERE size = :guard;

-- thing_rename :exec
UPDATE things SET name = :name WHERE id = :id;

-- thing_touch :exec @unaudited
UPDATE things SET size = size + 1 WHERE id = :id;

-- thing_all :many
SELECT id, name, color, size, made_at, public_key, extra FROM things ORDER BY name;

-- note_insert :exec @audit
INSERT INTO notes (text) VALUES (:text);

-- swap :one
SELECT :second AS name, :first AS extra;

-- thing_list :list
SELECT t.id, t.name, t.size, {key} AS cursor_key FROM things t
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset;
-- filter color: t.color = :color
-- filter name: t.name LIKE :name
-- sort name text: t.name; t.id
-- sort size int: t.size; t.id

-- thing_count :list like thing_list
SELECT COUNT(*) AS size FROM things t WHERE {where};
