/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "http/cert.h"
#include "log/log.h"
#include "node/keeper/keeper.h"
#include "wg/conf_parse.h"

enum { PATH_SIZE = 512, KEY_FILE_MAX = 256, PEM_MAX = 64 * 1024, KEY_ARENA = 4096 };

static int file_error(const char *path, struct err *err)
{
	return err_set(err, REASON_CONFIG, "state_dir", "cannot write '%s': %s", path,
		strerror(errno));
}

int identity_state_dir(const struct node_conf *conf, struct err *err)
{
	struct stat st;

	if (mkdir(conf->state_dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, REASON_CONFIG, "state_dir", "cannot make state_dir '%s': %s",
			conf->state_dir, strerror(errno));
	if (stat(conf->state_dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, REASON_CONFIG, "state_dir", "state_dir '%s' is not a directory",
			conf->state_dir);
	if (st.st_mode & 022)
		return err_set(err, REASON_CONFIG, "state_dir",
			"state_dir '%s' may be written by others; chmod 0700 it", conf->state_dir);
	return 0;
}

/* Whole or not at all, also over a power cut: file, rename, directory, each on disk before the next. */
static int write_durably(const char *dir, const char *path, struct span text, struct err *err)
{
	char temp[PATH_SIZE + 8];
	scoped(closep) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped(closep) int fd = -1;

	snprintf(temp, sizeof temp, "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || dir_fd < 0)
		return file_error(temp, err);
	if (write(fd, text.at, text.len) != (ssize_t)text.len || fsync(fd) < 0 ||
		rename(temp, path) < 0 || fsync(dir_fd) < 0)
		return file_error(path, err);
	return 0;
}

static int state_path(const struct node_conf *conf, const char *name, char path[PATH_SIZE],
	struct err *err)
{
	if ((size_t)snprintf(path, PATH_SIZE, "%s/%s", conf->state_dir, name) >= PATH_SIZE)
		return err_set(err, REASON_CONFIG, "state_dir", "state_dir is too long");
	return 0;
}

/*
 * The interface's key
 */

static int read_key_file(const char *path, struct wgkey *ret_key, struct arena *arena, struct err *err)
{
	struct span text;
	int r = conf_slurp(path, KEY_FILE_MAX, &text, arena, err);

	if (r < 0)
		return r;
	if (!wgkey_parse(span_trim(text), ret_key) || wgkey_is_zero(ret_key))
		return err_set(err, REASON_CONFIG, "state_dir",
			"'%s' does not hold a WireGuard key; restore it from a backup", path);
	return 0;
}

/* 1: it has one; 0: there is no such file. */
static int key_from_file(const struct node_conf *conf, const struct import_names *names,
	struct wgkey *ret_key, struct err *err)
{
	const struct err *why = import_names_failure(names);
	char path[PATH_SIZE];

	switch (import_names_state(names)) {
	case IMPORT_NAMES_NONE: return 0;
	case IMPORT_NAMES_FAILED: return err_set(err, REASON_CONFIG, NULL, "%s", why->msg);
	case IMPORT_NAMES_READ: break;
	}
	*ret_key = import_names_interface(names)->private_key;
	if (!wgkey_is_zero(ret_key))
		return 1;
	return err_set(err, REASON_CONFIG, NULL,
		"'%s' has no usable PrivateKey, and with a new one no client would get in; bring the "
		"interface up with wg-quick once, or move the file away",
		node_conf_wg_path(conf, path, sizeof path));
}

static int keep_key(const struct node_conf *conf, const char *path, const struct wgkey *key,
	struct err *err)
{
	char text[WGKEY_TEXT_SIZE + 1];
	int r;

	wgkey_format(text, key);
	text[WGKEY_TEXT_SIZE - 1] = '\n';
	r = write_durably(conf->state_dir, path, (struct span){ text, WGKEY_TEXT_SIZE }, err);
	explicit_bzero(text, sizeof text);
	return r;
}

int identity_interface_key(const struct node_conf *conf, const struct wgkey *device,
	const struct import_names *names, struct wgkey *ret_key, const char **ret_source,
	struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(KEY_ARENA);
	char path[PATH_SIZE];
	int r = state_path(conf, "interface.key", path, err);

	if (!arena)
		return err_nomem(err);
	if (r < 0)
		return r;
	if (access(path, F_OK) == 0) {
		*ret_source = "state directory";
		return read_key_file(path, ret_key, arena, err);
	}
	if (!wgkey_is_zero(device)) {
		*ret_source = "interface";
		*ret_key = *device;
		return keep_key(conf, path, ret_key, err);
	}
	r = key_from_file(conf, names, ret_key, err);
	if (r < 0)
		return r;
	*ret_source = r ? "wg-quick's file" : "new";
	if (!r)
		wgkey_generate(ret_key);
	return keep_key(conf, path, ret_key, err);
}

/*
 * The HTTPS key
 */

static int read_pem(const char *path, const char **ret_pem, struct arena *arena, struct err *err)
{
	struct span text;
	int r = conf_slurp(path, PEM_MAX, &text, arena, err);

	if (r < 0)
		return r;
	*ret_pem = arena_secret(arena, text);
	explicit_bzero((char *)(uintptr_t)text.at, text.len);
	return *ret_pem ? 0 : arena_full(arena, err);
}

static int make_pair(const struct node_conf *conf, const char *host, const char *cert_path,
	const char *key_path, struct arena *arena, struct err *err)
{
	const char *cert, *key;
	int r = cert_make(host, &cert, &key, arena, err);

	if (r >= 0)
		r = write_durably(conf->state_dir, cert_path, span_of(cert), err);
	/* the key comes last: where it is, the certificate is */
	if (r >= 0)
		r = write_durably(conf->state_dir, key_path, span_of(key), err);
	return r;
}

int identity_tls(const struct node_conf *conf, const char *host, const char **ret_cert_pem,
	const char **ret_key_pem, struct arena *arena, struct err *err)
{
	char cert_path[PATH_SIZE], key_path[PATH_SIZE];
	const char *cert = conf->tls_cert, *key = conf->tls_key;
	int r;

	*ret_cert_pem = *ret_key_pem = NULL;
	if (conf->tls == NODE_TLS_OFF)
		return 0;
	if (conf->tls == NODE_TLS_AUTO) {
		r = state_path(conf, "tls.crt", cert_path, err);
		if (r >= 0)
			r = state_path(conf, "tls.key", key_path, err);
		if (r >= 0 && access(key_path, F_OK) < 0)
			r = make_pair(conf, host, cert_path, key_path, arena, err);
		if (r < 0)
			return r;
		cert = cert_path;
		key = key_path;
	}
	r = read_pem(cert, ret_cert_pem, arena, err);
	return r < 0 ? r : read_pem(key, ret_key_pem, arena, err);
}

int identity_client_ca(const struct node_conf *conf, const char **ret_pem, struct arena *arena,
	struct err *err)
{
	*ret_pem = NULL;
	if (!conf->client_ca || conf->tls == NODE_TLS_OFF)
		return 0;
	return read_pem(conf->client_ca, ret_pem, arena, err);
}
