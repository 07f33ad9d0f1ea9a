/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Notes of what was imported: so that it is done once, and can be told from where a peer came. */
#include "node/keeper/store_rows.h"
#include "node_sql.h"

int store_import_put(
	struct store *store, const char *source, const struct store_import *import, struct err *err)
{
	struct import_row row = { .source = source,
		.path = import->path,
		.sha256 = { import->sha256.bytes, sizeof import->sha256.bytes },
		.size = import->size,
		.n_peers = import->n_peers,
		.modified_at = import->modified_at,
		.imported_at = import->imported_at };
	struct sum digest = digest_of_import(&row);
	int r;

	row.digest = (struct blob){ digest.bytes, ROW_DIGEST_SIZE };
	r = db_exec(store->db, NODE_IMPORT_INSERT, DB_OBJECT(&store_import_type, &row), NULL, err);
	if (r >= 0)
		sum_add(&store->sum, &digest);
	return r;
}

int store_import_get(struct store *store, const char *source, struct store_import *ret_import,
	struct arena *arena, struct err *err)
{
	struct import_row row;
	int r = db_one(store->db, NODE_IMPORT_GET, DB_ARGS(DB_ARG("source", source)),
		&store_import_type, &row, arena, err);

	if (r < 0)
		return r;
	if (row.sha256.len != sizeof ret_import->sha256.bytes)
		return err_set(
			err, REASON_STORE_CORRUPT, NULL, "the note of an import is malformed");
	*ret_import = (struct store_import){ .path = row.path,
		.size = row.size,
		.n_peers = row.n_peers,
		.modified_at = row.modified_at,
		.imported_at = row.imported_at };
	memcpy(ret_import->sha256.bytes, row.sha256.at, row.sha256.len);
	return 0;
}
