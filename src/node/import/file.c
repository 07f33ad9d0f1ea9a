/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "node/import/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot_read(const char *path, struct err *err)
{
	return err_set(err, errno == ENOENT ? REASON_NOT_FOUND : REASON_CONFIG, NULL,
		"cannot read '%s': %s", path, strerror(errno));
}

/* O_NONBLOCK: a pipe that somebody put there must not hold the start up. */
static int open_file(const char *path, size_t max, int *ret_fd, struct stat *st, struct err *err)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*ret_fd < 0 || fstat(*ret_fd, st) < 0)
		return cannot_read(path, err);
	if (S_ISDIR(st->st_mode))
		return err_set(err, REASON_CONFIG, NULL, "'%s' is a directory", path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, REASON_CONFIG, NULL, "'%s' is not a file", path);
	if ((uintmax_t)st->st_size > max)
		return err_set(
			err, REASON_CONFIG, NULL, "'%s' is larger than %zu bytes", path, max);
	return 0;
}

static int take_lock(const char *path, int fd, struct err *err)
{
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, REASON_BUSY, NULL, "'%s' is in use by another process", path);
	return cannot_read(path, err);
}

static int read_all(const char *path, struct import_file *file, size_t len, struct err *err)
{
	char *text = malloc(len + 1);
	size_t n = 0;

	if (!text)
		return err_nomem(err);
	file->text.at = text;
	while (n < len) {
		ssize_t got = read(file->fd, text + n, len - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cannot_read(path, err);
		if (got == 0)
			break; /* it became shorter meanwhile */
		n += (size_t)got;
		file->text.len = n;
	}
	return 0;
}

int import_file_read(const char *path, size_t max, enum import_lock lock,
	struct import_file *ret_file, struct err *err)
{
	scoped(import_file_done) struct import_file file = IMPORT_FILE_INIT;
	struct stat st;
	int r = open_file(path, max, &file.fd, &st, err);

	if (r >= 0 && lock == IMPORT_LOCKED)
		r = take_lock(path, file.fd, err);
	/* only now: what was read before the lock was had could be half of a change */
	if (r >= 0 && lock == IMPORT_LOCKED)
		r = fstat(file.fd, &st) < 0 ? cannot_read(path, err) : 0;
	if (r >= 0)
		r = read_all(path, &file, (size_t)st.st_size, err);
	if (r < 0)
		return r;
	file.modified_at.us = st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
	*ret_file = file;
	file = (struct import_file)IMPORT_FILE_INIT;
	return 0;
}

void import_file_done(struct import_file *file)
{
	if (file->text.at)
		explicit_bzero((char *)(uintptr_t)file->text.at, file->text.len);
	free((char *)(uintptr_t)file->text.at);
	closep(&file->fd);
	*file = (struct import_file)IMPORT_FILE_INIT;
}
