/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contain/internal.h"

/*
 * Landlock grows by versions; the header of the build machine may be older than the kernel. So all
 * versions are written down here, and the kernel is asked which it has (Documentation/userspace-api/
 * landlock.rst).
 */
enum {
	FS_V1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,    /* 2: renames between folders */
	FS_TRUNCATE = 1 << 14, /* 3 */
	FS_IOCTL = 1 << 15,    /* 5: on devices */
	NET_BIND = 1 << 0,     /* 4: TCP */
	NET_CONNECT = 1 << 1,
	SCOPE_ABSTRACT = 1 << 0, /* 6: abstract Unix sockets of others */
	SCOPE_SIGNAL = 1 << 1,   /* 6: signals to others */
	RULE_NET_PORT = 2,
};

/* The kernel looks at as many bytes as its version has; the size says how many we mean. */
struct attr {
	uint64_t fs, net, scoped;
};

struct port_attr {
	uint64_t access, port;
};

static const struct {
	int version;
	size_t size;
	struct attr attr;
} versions[] = {
	{ 1, 8, { .fs = FS_V1 } },
	{ 2, 8, { .fs = FS_V1 | FS_REFER } },
	{ 3, 8, { .fs = FS_V1 | FS_REFER | FS_TRUNCATE } },
	{ 4, 16, { .fs = FS_V1 | FS_REFER | FS_TRUNCATE, .net = NET_BIND | NET_CONNECT } },
	{ 5, 16, { .fs = FS_V1 | FS_REFER | FS_TRUNCATE | FS_IOCTL, .net = NET_BIND | NET_CONNECT } },
	{ 6, 24,
		{ .fs = FS_V1 | FS_REFER | FS_TRUNCATE | FS_IOCTL, .net = NET_BIND | NET_CONNECT,
			.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL } },
};

enum {
	READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	WRITES = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		 LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE,
	OF_FILES = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE,
};

int contain_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (int)version;
}

static int failed(const char *what, struct err *err)
{
	return err_set(err, REASON_INTERNAL, NULL, "Landlock: %s: %s", what, strerror(errno));
}

static int allow_path(int ruleset, const struct contain_path *path, uint64_t handled, struct err *err)
{
	scoped(closep) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr attr = { .parent_fd = fd };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0
									      : failed(path->path, err);
	if (path->rights & CONTAIN_READ)
		attr.allowed_access |= READS;
	if (path->rights & CONTAIN_WRITE)
		attr.allowed_access |= WRITES;
	attr.allowed_access &= handled;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		attr.allowed_access &= OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0)
		return failed(path->path, err);
	return 0;
}

static int allow_port(int ruleset, uint16_t port, struct err *err)
{
	struct port_attr attr = { NET_BIND, port };

	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0) < 0)
		return failed("a port", err);
	return 0;
}

int landlock_enter(const struct contain_places *places, struct err *err)
{
	static const struct contain_places nowhere;
	int version = contain_landlock_version(), r = 0;
	size_t v = version < (int)N_ELEMENTS(versions) ? (size_t)version : N_ELEMENTS(versions);
	const struct attr *attr = v ? &versions[v - 1].attr : NULL;
	scoped(closep) int ruleset = -1;

	if (!attr)
		return 0;
	places = places ? places : &nowhere;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, attr, versions[v - 1].size, 0);
	if (ruleset < 0)
		return failed("ruleset", err);
	for (size_t i = 0; i < places->n_paths && r >= 0; i++)
		r = allow_path(ruleset, &places->paths[i], attr->fs, err);
	for (size_t i = 0; i < places->n_ports && r >= 0 && attr->net; i++)
		r = allow_port(ruleset, places->ports[i], err);
	if (r >= 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = failed("restrict", err);
	return r < 0 ? r : version;
}
