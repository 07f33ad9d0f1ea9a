/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "db/engine.h"
#include "log/log.h"

/* https://www.sqlite.org/fileformat2.html#the_database_header */
enum { HEADER_SIZE = 100, HEADER_APPLICATION_ID = 68 };
enum { BUSY_TIMEOUT_MS = 5000, PATIENT_TIMEOUT_MS = 3600 * 1000 };

static sqlite3_stmt *of(const struct stmt *stmt)
{
	return (sqlite3_stmt *)(uintptr_t)stmt;
}

static bool sqlite_serves(const char *url)
{
	return !strncmp(url, "file:", 5);
}

/* "UNIQUE constraint failed: peers.public_key" → the column */
static int raise_unique(sqlite3 *sq, struct err *err)
{
	const char *msg = sqlite3_errmsg(sq), *dot = strrchr(msg, '.');

	return err_set(err, REASON_EXISTS, dot ? dot + 1 : NULL, "'%s' is taken",
		dot ? dot + 1 : "a value");
}

static int raise(sqlite3 *sq, int code, struct err *err)
{
	int extended = sq ? sqlite3_extended_errcode(sq) : code;

	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		if (extended == SQLITE_CONSTRAINT_UNIQUE ||
			extended == SQLITE_CONSTRAINT_PRIMARYKEY)
			return raise_unique(sq, err);
		break;
	case SQLITE_FULL:
		return err_set(err, REASON_STORE_FULL, NULL,
			"the disk is full; make room, then try again");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, REASON_BUSY, NULL, "another process holds the database");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, REASON_STORE_CORRUPT, NULL, "the database is damaged: %s",
			sqlite3_errstr(extended));
	case SQLITE_NOMEM: return err_nomem(err);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return err_set(err, REASON_STORE, NULL, "the database cannot be used: %s",
			sqlite3_errstr(extended));
	default: break;
	}
	return err_set(err, REASON_INTERNAL, NULL, "database: %s",
		sq ? sqlite3_errmsg(sq) : sqlite3_errstr(code));
}

static void close_handle(sqlite3 **sq)
{
	sqlite3_close_v2(*sq);
}

static int judge_header(const char *path, const uint8_t *head, sqlite3_int64 size,
	uint32_t application_id, struct err *err)
{
	uint32_t id = (uint32_t)head[HEADER_APPLICATION_ID] << 24 |
		      (uint32_t)head[HEADER_APPLICATION_ID + 1] << 16 |
		      (uint32_t)head[HEADER_APPLICATION_ID + 2] << 8 |
		      head[HEADER_APPLICATION_ID + 3];

	if (size < HEADER_SIZE || memcmp(head, "SQLite format 3", 16) != 0)
		return err_set(err, REASON_FOREIGN, NULL,
			"'%s' is not a database of WGKeeper; choose another path", path);
	if (id != application_id)
		return err_set(err, REASON_FOREIGN, NULL,
			"'%s' belongs to another program; choose another path", path);
	return 0;
}

/* Looks at the file's first bytes only, so that a foreign file is not even opened for writing. They are
 * read by SQLite's own file handle: closing another descriptor of the file would drop the locks that
 * other connections of this process hold on it (https://www.sqlite.org/howtocorrupt.html, 2.2), and the
 * next process to close the database would delete the WAL under us. 1: it is new. */
static int check_header(const char *path, uint32_t application_id, struct err *err)
{
	scoped(close_handle) sqlite3 *sq = NULL;
	sqlite3_file *file = NULL;
	uint8_t head[HEADER_SIZE] = { 0 };
	sqlite3_int64 size = 0;
	int code;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 1;
	code = sqlite3_open_v2(path, &sq, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_CANTOPEN)
		return err_set(err, REASON_STORE, NULL, "cannot open '%s': %s", path,
			strerror(sqlite3_system_errno(sq)));
	if (code == SQLITE_OK)
		code = sqlite3_file_control(sq, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
	if (code == SQLITE_OK)
		code = file->pMethods->xFileSize(file, &size);
	if (code == SQLITE_OK && size > 0)
		code = file->pMethods->xRead(file, head, HEADER_SIZE, 0);
	if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
		return raise(sq, code, err);
	if (size == 0)
		return 1; /* made, but never written to */
	return judge_header(path, head, size, application_id, err);
}

static int sqlite_run(void *handle, const char *text, struct err *err)
{
	int code = sqlite3_exec(handle, text, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : raise(handle, code, err);
}

/* Marks a new file as ours before it has a WAL: check_header() reads the file itself, where a page of
 * the WAL comes only with a checkpoint, and a process that is killed makes none. */
static int mark(sqlite3 *sq, bool is_new, uint32_t application_id, struct err *err)
{
	char text[64];

	snprintf(text, sizeof text, "PRAGMA application_id = %d;", (int)application_id);
	return is_new ? sqlite_run(sq, text, err) : 0;
}

static int configure(sqlite3 *sq, bool is_new, const struct db_conf *conf, struct err *err)
{
	char text[512];
	int r;

	sqlite3_extended_result_codes(sq, 1);
	sqlite3_busy_timeout(sq, BUSY_TIMEOUT_MS);
	/* FULL: a commit is on disk when it returns. WAL: readers do not wait for the writer. */
	snprintf(text, sizeof text,
		"PRAGMA locking_mode = %s; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
		"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
		conf->exclusive ? "EXCLUSIVE" : "NORMAL");
	r = sqlite_run(sq, text, err);
	if (r >= 0)
		r = mark(sq, is_new, conf->application_id, err);
	return r < 0 ? r : sqlite_run(sq, "PRAGMA journal_mode = WAL;", err);
}

static void sqlite_close(void *handle)
{
	sqlite3_close_v2(handle);
}

static int sqlite_open(const struct db_conf *conf, void **ret_handle, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	const char *path = conf->url + 5;
	scoped(close_handle) sqlite3 *sq = NULL;
	mode_t mask;
	int r = 1, code;
	bool is_new;

	if (strcmp(path, ":memory:") != 0) {
		r = check_header(path, conf->application_id, err);
		if (r < 0)
			return r;
	}
	is_new = r > 0;
	mask = umask(077); /* only its owner reads it, also the files SQLite puts beside it */
	code = sqlite3_open_v2(path, &sq, flags, NULL);
	r = code == SQLITE_OK ? configure(sq, is_new, conf, err) : raise(sq, code, err);
	umask(mask);
	if (r < 0)
		return err_context(err, r, "'%s'", path);
	*ret_handle = TAKE(sq);
	return 0;
}

static int sqlite_commit(void *handle, struct err *err)
{
	return sqlite_run(handle, "COMMIT", err);
}

static int sqlite_patience(void *handle, bool patient, struct err *err)
{
	(void)err;
	sqlite3_busy_timeout(handle, patient ? PATIENT_TIMEOUT_MS : BUSY_TIMEOUT_MS);
	return 0;
}

static int sqlite_make_log(void *handle, struct err *err)
{
	return sqlite_run(handle,
		"CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, "
		"name TEXT NOT NULL, checksum TEXT NOT NULL)",
		err);
}

/* A file of its own beside the database: the locks on the database itself are SQLite's. The kernel lets
 * go of it when the process ends, however it ends. */
static int sqlite_claim(void *handle, int *ret_fd, struct err *err)
{
	const char *path = sqlite3_db_filename(handle, "main");
	scoped(sbuf_done) struct sbuf name = SBUF_INIT(4096);
	scoped(closep) int fd = -1;

	if (!path || !*path)
		return 1; /* in memory: nobody else can see it */
	sbuf_printf(&name, "%s-instance", path);
	if (sbuf_finish(&name, err) < 0)
		return -ERR_INTERNAL;
	fd = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, REASON_STORE, NULL, "cannot open '%s': %s", name.data,
			strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? 0
			       : err_set(err, REASON_STORE, NULL, "cannot lock '%s': %s", name.data,
					 strerror(errno));
	*ret_fd = fd;
	fd = -1;
	return 1;
}

static const char *sqlite_text(const char *sqlite, const char *postgres)
{
	(void)postgres;
	return sqlite;
}

static int sqlite_prepare(void *handle, const char *text, struct stmt **ret_stmt, struct err *err)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v3(handle, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);

	if (code != SQLITE_OK)
		return raise(handle, code, err);
	*ret_stmt = (struct stmt *)stmt;
	return 0;
}

static void sqlite_finish(struct stmt *stmt)
{
	sqlite3_finalize(of(stmt));
}

static int bind_value(sqlite3_stmt *stmt, int i, const struct field *field, const void *at)
{
	const struct secret *secret = at;
	const struct blob *blob = at;
	const struct json_text *json = at;
	const struct cidr *cidr = at;
	char text[CIDR_TEXT_SIZE];

	switch (field->kind) {
	case FIELD_BOOL: return sqlite3_bind_int(stmt, i, *(const bool *)at);
	case FIELD_WORD: return sqlite3_bind_int(stmt, i, *(const int *)at);
	case FIELD_INT: return sqlite3_bind_int64(stmt, i, *(const int64_t *)at);
	case FIELD_TIME: return sqlite3_bind_int64(stmt, i, ((const struct timestamp *)at)->us);
	case FIELD_TEXT:
		return sqlite3_bind_text(stmt, i, *(const char *const *)at, -1, SQLITE_STATIC);
	case FIELD_JSON: return sqlite3_bind_text(stmt, i, json->text, -1, SQLITE_STATIC);
	case FIELD_KEY: return sqlite3_bind_blob(stmt, i, at, sizeof(struct wgkey), SQLITE_STATIC);
	case FIELD_UUID: return sqlite3_bind_blob(stmt, i, at, sizeof(struct uuid), SQLITE_STATIC);
	case FIELD_SECRET:
		return sqlite3_bind_text(stmt, i, secret->at, (int)secret->len, SQLITE_STATIC);
	case FIELD_BLOB:
		return sqlite3_bind_blob(stmt, i, blob->at ?: (const void *)"", (int)blob->len,
			SQLITE_STATIC);
	case FIELD_CIDR:
		if (field->flags & F_HOST)
			cidr_format_address(text, cidr);
		else
			cidr_format(text, cidr);
		return sqlite3_bind_text(stmt, i, text, -1, SQLITE_TRANSIENT);
	case FIELD_LIST:
	case FIELD_OBJECT: break;
	}
	return SQLITE_MISUSE;
}

static int sqlite_bind(struct stmt *stmt, unsigned i, const struct field *field, const void *at,
	struct err *err)
{
	int code = at ? bind_value(of(stmt), (int)i + 1, field, at)
		      : sqlite3_bind_null(of(stmt), (int)i + 1);

	/* a list statement may not use every number of its block */
	if (code == SQLITE_RANGE)
		return 0;
	return code == SQLITE_OK ? 0 : raise(sqlite3_db_handle(of(stmt)), code, err);
}

static int sqlite_step(struct stmt *stmt, struct err *err)
{
	int code = sqlite3_step(of(stmt));

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : raise(sqlite3_db_handle(of(stmt)), code, err);
}

static unsigned sqlite_n_columns(const struct stmt *stmt)
{
	return (unsigned)sqlite3_column_count(of(stmt));
}

static const char *sqlite_column(const struct stmt *stmt, unsigned i)
{
	return sqlite3_column_name(of(stmt), (int)i);
}

static int load_text(sqlite3_stmt *stmt, int i, const char **at, struct arena *arena,
	struct err *err)
{
	*at = (const char *)sqlite3_column_text(stmt, i);
	if (!*at)
		return err_nomem(err);
	if (!arena)
		return 0;
	*at = arena_strdup(arena, *at);
	return *at ? 0 : arena_full(arena, err);
}

static int load_fixed(sqlite3_stmt *stmt, int i, void *at, size_t size, struct err *err)
{
	if (sqlite3_column_bytes(stmt, i) != (int)size)
		return err_set(err, REASON_STORE_CORRUPT, NULL, "%zu bytes expected", size);
	memcpy(at, sqlite3_column_blob(stmt, i), size);
	return 0;
}

static int load_blob(sqlite3_stmt *stmt, int i, struct blob *blob, struct arena *arena,
	struct err *err)
{
	size_t len = (size_t)sqlite3_column_bytes(stmt, i);
	const void *bytes = sqlite3_column_blob(stmt, i);

	*blob = (struct blob){ bytes ?: "", len };
	if (!arena)
		return 0;
	blob->at = (const uint8_t *)arena_strndup(arena, (struct span){ bytes, len });
	return blob->at ? 0 : arena_full(arena, err);
}

static int load_cidr(sqlite3_stmt *stmt, int i, struct cidr *cidr, struct err *err)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);

	if (!text || !cidr_parse_any(span_of(text), cidr))
		return err_set(err, REASON_STORE_CORRUPT, NULL, "not an address");
	return 0;
}

static int load_secret(sqlite3_stmt *stmt, int i, struct secret *secret, struct arena *arena,
	struct err *err)
{
	secret->at = (const char *)sqlite3_column_text(stmt, i);
	if (secret->at && arena)
		secret->at = arena_secret(arena, span_of(secret->at));
	if (!secret->at)
		return err_nomem(err);
	secret->len = strlen(secret->at);
	return 0;
}

static int sqlite_load(struct stmt *handle, unsigned column, const struct field *field, void *at,
	struct arena *arena, struct err *err)
{
	sqlite3_stmt *stmt = of(handle);
	int i = (int)column;

	if (sqlite3_column_type(stmt, i) == SQLITE_NULL) {
		if (field->kind == FIELD_INT)
			*(int64_t *)at = INT_NONE;
		return 0; /* the row was zeroed, which is "none" */
	}
	switch (field->kind) {
	case FIELD_BOOL: *(bool *)at = sqlite3_column_int(stmt, i) != 0; return 0;
	case FIELD_WORD: *(int *)at = sqlite3_column_int(stmt, i); return 0;
	case FIELD_INT: *(int64_t *)at = sqlite3_column_int64(stmt, i); return 0;
	case FIELD_TIME: ((struct timestamp *)at)->us = sqlite3_column_int64(stmt, i); return 0;
	case FIELD_TEXT: return load_text(stmt, i, at, arena, err);
	case FIELD_JSON: return load_text(stmt, i, &((struct json_text *)at)->text, arena, err);
	case FIELD_KEY: return load_fixed(stmt, i, at, sizeof(struct wgkey), err);
	case FIELD_UUID: return load_fixed(stmt, i, at, sizeof(struct uuid), err);
	case FIELD_CIDR: return load_cidr(stmt, i, at, err);
	case FIELD_BLOB: return load_blob(stmt, i, at, arena, err);
	case FIELD_SECRET: return load_secret(stmt, i, at, arena, err);
	case FIELD_LIST:
	case FIELD_OBJECT: break;
	}
	return err_set(err, REASON_INTERNAL, NULL, "a column cannot be %s",
		field_kind_name(field->kind));
}

static void sqlite_reset(struct stmt *stmt)
{
	sqlite3_reset(of(stmt));
	sqlite3_clear_bindings(of(stmt));
}

static int64_t sqlite_changes(void *handle)
{
	return sqlite3_changes(handle);
}

const struct db_engine sqlite_engine = {
	.serves = sqlite_serves,
	.open = sqlite_open,
	.close = sqlite_close,
	.text_of = sqlite_text,
	.mark = '?',
	.run = sqlite_run,
	.commit = sqlite_commit,
	.patience = sqlite_patience,
	.make_log = sqlite_make_log,
	.claim = sqlite_claim,
	.prepare = sqlite_prepare,
	.finish = sqlite_finish,
	.bind = sqlite_bind,
	.step = sqlite_step,
	.n_columns = sqlite_n_columns,
	.column = sqlite_column,
	.load = sqlite_load,
	.reset = sqlite_reset,
	.changes = sqlite_changes,
	.begin_read = "BEGIN",
	.begin_write = "BEGIN IMMEDIATE",
};
