/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * contain-probe ROLE FOLDER ACT: becomes what a process of the node becomes ("none": nothing), by the node's
 * own code, and tries something. Prints "done", or "refused" and why. FOLDER stands for the state directory;
 * root, please, in a mount namespace of your own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "node/gate/gate.h"
#include "node/jail.h"
#include "node/keeper/keeper.h"

static const char *folder;
static pid_t parent;

/*
 * Acts: 0, or -1 and errno
 */

static int open_in(const char *dir, const char *name, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int read_passwd(void)
{
	return open_in("/etc", "passwd", O_RDONLY);
}

static int write_elsewhere(void)
{
	return open_in("/dev/shm", "wgkeeper-probe", O_WRONLY | O_CREAT);
}

static int write_open_to_all(void)
{
	return open_in(folder, "open/to-all", O_WRONLY);
}

static int read_state(void)
{
	return open_in(folder, "store.db", O_RDONLY);
}

static int write_state(void)
{
	return open_in(folder, "store.db", O_WRONLY);
}

static int make_state(void)
{
	return open_in(folder, "new", O_WRONLY | O_CREAT | O_TRUNC);
}

static int replace_state(void)
{
	char from[512], to[512];

	snprintf(from, sizeof from, "%s/store.db", folder);
	snprintf(to, sizeof to, "%s/store.db-wal", folder);
	return rename(from, to);
}

static int read_self(void)
{
	return open_in("/proc/self", "stat", O_RDONLY);
}

static int read_forwarding(void)
{
	return open_in("/proc/sys/net/ipv4", "ip_forward", O_RDONLY);
}

static int write_forwarding(void)
{
	return open_in("/proc/sys/net/ipv4", "ip_forward", O_WRONLY);
}

static int read_parent_memory(void)
{
	char byte, path[64];
	struct iovec to = { &byte, 1 }, from = { (void *)&parent, sizeof byte };

	snprintf(path, sizeof path, "/proc/%d", (int)parent);
	if (open_in(path, "mem", O_RDONLY) == 0)
		return 0;
	return process_vm_readv(parent, &to, 1, &from, 1, 0) == 1 ? 0 : -1;
}

static int any_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : close(fd);
}

static int packet_socket(void)
{
	return any_socket(AF_PACKET, SOCK_RAW);
}

static int inet_socket(void)
{
	return any_socket(AF_INET, SOCK_STREAM);
}

static int netlink_socket(void)
{
	return any_socket(AF_NETLINK, SOCK_RAW);
}

static int unix_socket(void)
{
	return any_socket(AF_UNIX, SOCK_STREAM);
}

static int run_program(void)
{
	char program[] = "/bin/echo", word[] = "done";
	char *argv[] = { program, word, NULL }, *env[] = { NULL };

	return execve(program, argv, env);
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) != pid ? -1 : 0;
}

static int trace(void)
{
	return (int)ptrace(PTRACE_SEIZE, parent, 0, 0);
}

static int mount_something(void)
{
	return mount("none", folder, "tmpfs", 0, NULL);
}

static int leave_root(void)
{
	return chroot(folder);
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWNET);
}

static int written_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int become_root(void)
{
	return setresuid(0, 0, 0) < 0 || setresgid(0, 0, 0) < 0 ? -1 : 0;
}

static int signal_parent(void)
{
	return kill(parent, SIGCONT);
}

static int set_clock(void)
{
	struct timex same = { .modes = ADJ_TICK, .tick = 10000 };

	return adjtimex(&same) < 0 ? -1 : 0;
}

static int make_ring(void)
{
	char params[256] = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, params);

	return fd < 0 ? -1 : close((int)fd);
}

static int use_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1) < 0 ? -1 : 0;
}

static int dump_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return -1;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		return -1;
	errno = EPERM;
	return prctl(PR_GET_DUMPABLE) == 1 ? 0 : -1;
}

static const struct {
	const char *name;
	int (*act)(void);
} acts[] = {
	{ "read-passwd", read_passwd },
	{ "write-elsewhere", write_elsewhere },
	{ "write-open-to-all", write_open_to_all },
	{ "read-state", read_state },
	{ "write-state", write_state },
	{ "make-state", make_state },
	{ "replace-state", replace_state },
	{ "read-self", read_self },
	{ "read-forwarding", read_forwarding },
	{ "write-forwarding", write_forwarding },
	{ "read-parent-memory", read_parent_memory },
	{ "packet-socket", packet_socket },
	{ "inet-socket", inet_socket },
	{ "netlink-socket", netlink_socket },
	{ "unix-socket", unix_socket },
	{ "run-program", run_program },
	{ "make-process", make_process },
	{ "trace", trace },
	{ "mount", mount_something },
	{ "chroot", leave_root },
	{ "new-namespace", new_namespace },
	{ "written-code", written_code },
	{ "become-root", become_root },
	{ "signal-parent", signal_parent },
	{ "set-clock", set_clock },
	{ "io-uring", make_ring },
	{ "keyring", use_keyring },
	{ "dump-core", dump_core },
};

static int become(const char *role, struct err *err)
{
	struct keeper keeper = { .conf = { .state_dir = folder, .interface = "wgprobe" } };
	int r;

	if (!strcmp(role, "none"))
		return 0;
	r = jail_enter(JAIL_MAIN, NULL, err);
	if (r >= 0 && !strcmp(role, "keeper"))
		r = keeper_contain(&keeper, err);
	else if (r >= 0 && !strcmp(role, "gate"))
		r = gate_contain(err);
	return r;
}

int main(int argc, char **argv)
{
	struct err err;

	log_init("contain-probe", LOG_LEVEL_INFO, LOG_LOGFMT);
	parent = getppid();
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < N_ELEMENTS(acts); i++)
			puts(acts[i].name);
		return 0;
	}
	if (argc != 4 || !contain_is_built())
		return 2;
	folder = argv[2];
	if (become(argv[1], &err) < 0) {
		log_error("not contained", LOG_ERR(&err));
		return 2;
	}
	for (size_t i = 0; i < N_ELEMENTS(acts); i++) {
		if (strcmp(acts[i].name, argv[3]) != 0)
			continue;
		if (acts[i].act() == 0)
			puts("done");
		else
			printf("refused %s\n", strerrorname_np(errno));
		return 0;
	}
	return 2;
}
