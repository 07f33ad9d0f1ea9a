/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "node/jail.h"

/*
 * System calls, by what they are for. A call that is missing fails with EPERM, and under
 * WGKEEPER_SECCOMP=kill ends the process: run tests that way after a change.
 */

enum { ASK_TERMINAL_2 = (int)0x802c542a }; /* TCGETS2 */

/* clang-format off */
#define MEMORY \
	CONTAIN_CALLS("malloc, and pages given back", "brk", "munmap", "mremap", "madvise")
#define DESCRIPTORS                                                                                \
	CONTAIN_CALLS("reading and writing what is open, and the log",                             \
		"read", "write", "readv", "writev", "close", "fcntl", "fcntl64", "lseek")
#define WAITING                                                                                    \
	CONTAIN_CALLS("the event loop", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", \
		"epoll_pwait2", "poll", "ppoll", "ppoll_time64", "eventfd2", "signalfd4", "nanosleep", \
		"clock_nanosleep", "clock_nanosleep_time64", "restart_syscall")
#define CLOCKS                                                                                     \
	CONTAIN_CALLS("clocks, where they are no vDSO calls",                                      \
		"clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday", "time")
#define RANDOM CONTAIN_CALLS("keys and ids", "getrandom")
#define LOCKS CONTAIN_CALLS("mutexes and once-functions of libraries", "futex", "futex_time64", "sched_yield")
#define WHO                                                                                        \
	CONTAIN_CALLS("who and where am I: libraries ask, the answers are harmless",               \
		"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo",  \
		"getrusage", "sched_getaffinity")
#define SIGNALS                                                                                    \
	CONTAIN_CALLS("returning from signals, and setting them up for abort()",                   \
		"rt_sigreturn", "sigreturn", "rt_sigprocmask", "rt_sigaction")
#define THE_END CONTAIN_CALLS("the end", "exit", "exit_group")
#define CONVERSATION                                                                               \
	CONTAIN_CALLS("talking over sockets",                                                      \
		"sendto", "sendmsg", "recvfrom", "recvmsg", "getsockopt", "setsockopt",            \
		"getsockname", "getpeername", "shutdown")

/* arguments: no page that was written is ever executed, no signal goes anywhere else */
#define NARROWLY                                                                                      \
	{ "mmap", 2, PROT_EXEC, 0, .why = "memory, never executable" },                               \
	{ "mmap2", 2, PROT_EXEC, 0, .why = "memory, never executable" },                              \
	{ "mprotect", 2, PROT_EXEC, 0, .why = "memory, never executable" },                           \
	{ "tgkill", 0, .own_pid = true, .why = "abort() of ourselves" },                              \
	{ "ioctl", 1, UINT32_MAX, TCGETS, .why = "whether the log is a terminal" },                   \
	{ "ioctl", 1, UINT32_MAX, ASK_TERMINAL_2, .why = "the same, as newer libraries ask" }

/* What none of the three ever needs. Their own lists refuse most of it again. */
static const struct contain_calls main_never[] = {
	CONTAIN_CALLS("other programs", "execve", "execveat", "uselib"),
	CONTAIN_CALLS("other processes' memory",
		"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
	CONTAIN_CALLS("the kernel's own code and state",
		"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf",
		"perf_event_open", "reboot", "swapon", "swapoff", "syslog", "acct", "quotactl",
		"quotactl_fd", "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt",
		"lookup_dcookie", "vhangup"),
	CONTAIN_CALLS("mounts and namespaces",
		"mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "move_mount",
		"fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
	CONTAIN_CALLS("clocks are read, never set", "settimeofday", "clock_settime", "clock_settime64"),
	CONTAIN_CALLS("keyrings", "keyctl", "add_key", "request_key"),
	CONTAIN_CALLS("large and young interfaces that nothing here uses",
		"io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "memfd_secret",
		"fanotify_init", "name_to_handle_at", "open_by_handle_at", "personality",
		"move_pages", "migrate_pages", "mbind", "set_mempolicy"),
	{ 0 },
};

static const struct contain_calls keeper_calls[] = {
	MEMORY, DESCRIPTORS, WAITING, CLOCKS, RANDOM, LOCKS, WHO, SIGNALS, THE_END, CONVERSATION,
	CONTAIN_CALLS("expiries, and news of the wall clock being set",
		"timerfd_create", "timerfd_settime", "timerfd_settime64"),
	CONTAIN_CALLS("netlink, and a userspace WireGuard", "bind", "connect"),
	CONTAIN_CALLS("the store, as SQLite works: files, their sizes, locks, and what is on disk",
		"open", "openat", "fstat", "fstat64", "stat", "stat64", "lstat", "lstat64", "newfstatat",
		"fstatat64", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
		"getcwd", "pread64", "pwrite64", "ftruncate", "ftruncate64", "fallocate", "fsync",
		"fdatasync", "unlink", "unlinkat", "fchmod", "fchown", "getdents64", "umask"),
	CONTAIN_CALLS("whether the clock is right; to set it takes a capability",
		"clock_adjtime", "clock_adjtime64", "adjtimex"),
	CONTAIN_CALLS("how much room there is", "statfs", "statfs64", "fstatfs", "fstatfs64"),
	CONTAIN_CALLS("whole or not at all: a new file in an old one's place",
		"rename", "renameat", "renameat2"),
	{ 0 },
};

static const struct contain_arg keeper_args[] = {
	NARROWLY,
	{ "socket", 0, UINT32_MAX, AF_NETLINK, .why = "WireGuard, links, nftables" },
	{ "socket", 0, UINT32_MAX, AF_UNIX, .why = "a userspace WireGuard" },
	{ 0 },
};

static const struct contain_calls gate_calls[] = {
	MEMORY, DESCRIPTORS, WAITING, CLOCKS, RANDOM, LOCKS, WHO, SIGNALS, THE_END, CONVERSATION,
	CONTAIN_CALLS("new connections", "accept", "accept4"),
	CONTAIN_CALLS("figures about itself, from what it opened before", "pread64", "getdents64"),
	{ 0 },
};

static const struct contain_arg gate_args[] = { NARROWLY, { 0 } };
/* clang-format on */

enum {
	GATE_FILES = 1400, /* connections, those that are being closed, and a handful */
	KEEPER_FILES = 256,
};

static const struct contain_limit main_limits[] = { { RLIMIT_CORE, 0 }, { 0, UINT64_MAX } };

static const struct contain_limit keeper_limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, KEEPER_FILES },
	{ RLIMIT_NPROC, 0 },
	{ RLIMIT_FSIZE, UINT64_C(1) << 36 }, /* a store of a million peers has 2^29 bytes */
	{ RLIMIT_MEMLOCK, 0 },
	{ 0, UINT64_MAX },
};

static const struct contain_limit gate_limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, GATE_FILES },
	{ RLIMIT_NPROC, 0 },
	{ RLIMIT_FSIZE, 0, .unless_log_is_file = true },
	{ RLIMIT_MEMLOCK, 0 },
	{ 0, UINT64_MAX },
};

static const struct contain_rules rules[] = {
	[JAIL_MAIN] = { .name = "main", .denies = true, .calls = main_never, .limits = main_limits },
	[JAIL_KEEPER] = { .name = "keeper", .calls = keeper_calls, .args = keeper_args,
		.limits = keeper_limits, .fences_files = true },
	[JAIL_GATE] = { .name = "gate", .calls = gate_calls, .args = gate_args,
		.limits = gate_limits, .fences_files = true },
};

/* main's children start with these and then keep less: another user's name, the configuration wherever
 * root may read it, a port below 1024. CAP_KILL is for stopping the gate. */
static const int capabilities[][10] = {
	[JAIL_MAIN] = { CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
		CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, -1 },
	[JAIL_KEEPER] = { CAP_NET_ADMIN, -1 },
	[JAIL_GATE] = { -1 },
};

int jail_enter(enum jail which, const struct contain_places *places, struct err *err)
{
	bool all = contain_capabilities(capabilities[which]);

	if (which == JAIL_KEEPER && !all)
		return err_set(err, REASON_CONFIG, NULL,
			"CAP_NET_ADMIN is missing; start wgkeeper-node as root or with that "
			"capability");
	if (which == JAIL_GATE && !all)
		return err_set(err, REASON_INTERNAL, NULL, "the gate still has capabilities");
	return contain(&rules[which], places, err);
}
