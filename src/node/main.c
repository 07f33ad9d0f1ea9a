/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * wgkeeper-node: main starts keeper and gate, and starts again whichever dies.
 *
 * It parses nothing, holds no secret, and keeps both ends of their socketpair. In a container it is
 * process 1, so that a dead keeper does not take the network namespace along. Everything is forked from
 * here, before anything secret was loaded: a new gate never inherits the keeper's memory.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "log/log.h"
#include "node/commands.h"
#include "node/gate/gate.h"
#include "node/jail.h"
#include "node/keeper/keeper.h"
#include "node/logging.h"
#include "node/sockets.h"
#include "node/usage.h"

enum { KEEPER, GATE, N_CHILDREN };
enum { BACKOFF_MAX_S = 10, LIVED_US = 200000, STOP_GRACE_S = 20, SOCKET_BYTES = 1024 * 1024 };

struct child {
	const char *name;
	pid_t pid; /* 0: not running */
	int fd;    /* its end of the socketpair */
	int64_t started_us, restart_us;
	unsigned failures;
};

static struct child children[N_CHILDREN] = { [KEEPER] = { .name = "keeper" },
	[GATE] = { .name = "gate" } };

/* What the gate knows of those who connect: the next gate goes on with it. */
static void *sources;

static int run_child(int which, const struct command_line *line, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that */
		return EXIT_FAILURE;
	prctl(PR_SET_NAME, which == KEEPER ? "wgk-keeper" : "wgk-gate");
	close(children[!which].fd);
	if (which == GATE) {
		sockets_leave();
		logging_leave();
		usage_close(&usage_of_main);
		return gate_main(children[GATE].fd, sources);
	}
	munmap(sources, gate_sources_size());
	return keeper_main(line, children[KEEPER].fd);
}

static int make_pair(void)
{
	int ends[2], size = SOCKET_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		log_error("no socketpair", LOG_INT("errno", errno));
		return -1;
	}
	for (int i = 0; i < N_CHILDREN; i++) {
		children[i].fd = ends[i];
		(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	}
	return 0;
}

/* A child can shut the pair down, which ends it for all. Then both begin anew. */
static void check_pair(void)
{
	struct pollfd end = { .fd = children[KEEPER].fd };

	if (poll(&end, 1, 0) <= 0 || !(end.revents & (POLLHUP | POLLERR)))
		return;
	log_error("the connection between keeper and gate was cut; both are started again");
	for (int i = 0; i < N_CHILDREN; i++) {
		if (children[i].pid)
			kill(children[i].pid, SIGKILL);
		close(children[i].fd);
	}
	if (make_pair() < 0)
		_exit(EXIT_FAILURE);
}

static void start(int which, const struct command_line *line)
{
	struct child *child = &children[which];
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		_exit(run_child(which, line, self));
	if (pid < 0) {
		log_error("fork failed", LOG_STR("child", child->name), LOG_INT("errno", errno));
		child->restart_us = time_monotonic_us() + USEC_PER_SEC;
		return;
	}
	child->pid = pid;
	child->started_us = time_monotonic_us();
	child->restart_us = 0;
}

/* One that had come to serve is started again at once; one that dies at its start after 1, 2, 4… seconds. */
static void plan_restart(struct child *child)
{
	int64_t now = time_monotonic_us();
	unsigned wait_s = 0;

	if (now - child->started_us > LIVED_US)
		child->failures = 0;
	if (child->failures)
		wait_s = 1u << (child->failures - 1 < 4 ? child->failures - 1 : 4);
	if (wait_s > BACKOFF_MAX_S)
		wait_s = BACKOFF_MAX_S;
	child->failures++;
	child->restart_us = now + wait_s * USEC_PER_SEC;
}

/* Gives the status main ends with, or -1. */
static int reap(bool stopping)
{
	int status, result = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = pid == children[KEEPER].pid ? &children[KEEPER]
				      : pid == children[GATE].pid ? &children[GATE]
								  : NULL;

		if (!child) /* process 1 inherits strangers */
			continue;
		child->pid = 0;
		if (stopping)
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_EXIT_CONFIG)
			result = KEEPER_EXIT_CONFIG; /* it has said why; another try would end alike */
		log_error("a process ended; it is started again", LOG_STR("child", child->name),
			LOG_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
			LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
		plan_restart(child);
		check_pair();
	}
	return result;
}

static struct timespec wait_time(void)
{
	int64_t wait = 60 * USEC_PER_SEC, now = time_monotonic_us();

	for (int i = 0; i < N_CHILDREN; i++)
		if (!children[i].pid && children[i].restart_us - now < wait)
			wait = children[i].restart_us - now;
	if (wait < USEC_PER_MS)
		wait = USEC_PER_MS;
	return (struct timespec){ wait / USEC_PER_SEC, wait % USEC_PER_SEC * 1000 };
}

/* The gate first, so that what it has taken is still answered by a living keeper. */
static void stop_all(void)
{
	static const int order[] = { GATE, KEEPER };

	for (unsigned i = 0; i < N_ELEMENTS(order); i++) {
		struct child *child = &children[order[i]];

		if (!child->pid)
			continue;
		kill(child->pid, SIGTERM);
		for (int n = 0; child->pid && n < STOP_GRACE_S * 100; n++) {
			usleep(10000);
			(void)reap(true);
		}
		if (child->pid)
			kill(child->pid, SIGKILL);
	}
	(void)reap(true);
}

static int supervise(const struct command_line *line, const sigset_t *signals)
{
	for (;;) {
		int64_t now = time_monotonic_us();
		struct timespec wait;
		int status, sig;

		for (int i = 0; i < N_CHILDREN; i++)
			if (!children[i].pid && children[i].restart_us <= now)
				start(i, line);
		wait = wait_time();
		sig = sigtimedwait(signals, NULL, &wait);
		logging_learn();
		if (sig == SIGTERM || sig == SIGINT) {
			stop_all();
			return 0;
		}
		if (sig == SIGHUP && children[KEEPER].pid)
			kill(children[KEEPER].pid, SIGHUP); /* certificates are read again */
		status = reap(false);
		if (status >= 0) {
			stop_all();
			return status;
		}
	}
}

static int open_shared(void)
{
	struct err err;

	sources = mmap(NULL, gate_sources_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		0);
	if (sources == MAP_FAILED) {
		log_error("no memory to share", LOG_INT("errno", errno));
		return -1;
	}
	if (sockets_open(&err) < 0 || jail_enter(JAIL_MAIN, NULL, &err) < 0) {
		log_error("wgkeeper-node cannot start", LOG_ERR(&err));
		return -1;
	}
	return 0;
}

static int serve(const struct command_line *line)
{
	sigset_t signals;

	if (open_shared() < 0 || make_pair() < 0)
		return EXIT_FAILURE;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	logging_open();
	usage_open(&usage_of_main);
	return supervise(line, &signals);
}

int main(int argc, char **argv)
{
	struct command_line line;
	int status;

	log_init("wgkeeper-node", LOG_LEVEL_INFO, LOG_LOGFMT);
	status = command_line_read(argc, argv, &line);
	if (status >= 0)
		return status;
	return serve(&line);
}
