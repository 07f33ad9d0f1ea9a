-- What was taken over from other programs' files.

-- import_insert :exec
INSERT INTO imports (source, path, sha256, size, modified_at, imported_at, n_peers, digest)
VALUES (:source, :path, :sha256, :size, :modified_at, :imported_at, :n_peers, :digest);

-- import_all :many
SELECT source, path, sha256, size, modified_at, imported_at, n_peers, digest FROM imports;

-- import_get :one
SELECT source, path, sha256, size, modified_at, imported_at, n_peers, digest
FROM imports WHERE source = :source;
