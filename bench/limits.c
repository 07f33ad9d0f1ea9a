/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bench-limits WHAT …: what this machine can do with nothing of ours around it.
 *
 *   sqlite DIR BATCH SECONDS      rows/s of the peers table in commits of BATCH rows, as the store commits
 *   fdatasync DIR N               µs of 8 KiB written over old blocks of a file, and fdatasync(2)
 *   socketpair N ASKED ANSWERED   µs and CPU µs of a round trip of such messages between two processes
 *   encode N SECONDS              CPU µs to write a page of N peers as JSON
 *   http SIZE                     a bare libmicrohttpd over TLS that answers SIZE bytes; prints its port,
 *                                 ends with standard input
 *
 * One line of JSON each.
 */
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/parse.h"
#include "base/rng.h"
#include "base/time.h"
#include "base/uuid.h"
#include "http/cert.h"
#include "json/write.h"
#include "model/node_api.h"
#include "node_sql.h"

enum { MESSAGE_MAX = 60 * 1024, BLOCK = 8192, BLOCKS = 512, IDLE_S = 120, CONNECTION_MEMORY = 24 * 1024 };

static void die(const char *what)
{
	fprintf(stderr, "bench-limits: %s\n", what);
	exit(EXIT_FAILURE);
}

static unsigned long number(const char *text)
{
	uint64_t n;

	if (!text || !parse_u64(span_of(text), UINT32_MAX, &n))
		die("a number is missing");
	return n;
}

static double cpu_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/*
 * SQLite
 */

static void run_sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
}

static int place(const struct query *query, const char *name)
{
	for (unsigned i = 0; i < query->n_params; i++)
		if (!strcmp(query->params[i], name))
			return (int)i + 1;
	return 0;
}

static void insert_row(sqlite3 *db, sqlite3_stmt *stmt, const struct query *query, uint32_t n)
{
	static const char *const numbers[] = { "created_at", "suspended", "keepalive", "generation",
		"author_key" };
	struct uuid id;
	uint8_t key[32], digest[16];
	char address[32];

	uuid_make_v4(&id);
	rng_bytes(key, sizeof key);
	rng_bytes(digest, sizeof digest);
	snprintf(address, sizeof address, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	sqlite3_bind_blob(stmt, place(query, "id"), &id, sizeof id, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, place(query, "public_key"), key, sizeof key, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, place(query, "digest"), digest, sizeof digest, SQLITE_STATIC);
	sqlite3_bind_text(stmt, place(query, "address4"), address, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, place(query, "author_source"), "127.0.0.1", -1, SQLITE_STATIC);
	for (size_t i = 0; i < N_ELEMENTS(numbers); i++)
		sqlite3_bind_int64(stmt, place(query, numbers[i]), 1);
	sqlite3_bind_int64(stmt, place(query, "revision"), n);
	if (sqlite3_step(stmt) != SQLITE_DONE)
		die(sqlite3_errmsg(db));
	sqlite3_reset(stmt);
}

static void sqlite(const char *folder, unsigned long batch, unsigned long seconds)
{
	const struct query *query = &node_queries[NODE_PEER_PUT];
	char path[512];
	sqlite3 *db;
	sqlite3_stmt *stmt;
	uint32_t n = 0;
	int64_t began, us;

	snprintf(path, sizeof path, "%s/limit.db", folder);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		die("no database");
	run_sql(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL");
	for (const struct migration *m = node_migrations; m->number; m++)
		run_sql(db, m->sqlite);
	if (sqlite3_prepare_v2(db, query->sqlite, -1, &stmt, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	began = time_monotonic_us();
	while ((us = time_monotonic_us() - began) < (int64_t)seconds * USEC_PER_SEC) {
		run_sql(db, "BEGIN IMMEDIATE");
		for (unsigned long i = 0; i < batch; i++)
			insert_row(db, stmt, query, ++n);
		run_sql(db, "COMMIT");
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	unlink(path);
	printf("{\"rows_per_s\":%.1f,\"batch\":%lu}\n", (double)n * 1e6 / (double)us, batch);
}

/*
 * The disk
 */

static void disk(const char *folder, unsigned long n)
{
	static char block[BLOCK];
	char path[512];
	int64_t began;
	int fd;

	snprintf(path, sizeof path, "%s/limit.dat", folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die("no file");
	for (unsigned i = 0; i < BLOCKS; i++)
		if (write(fd, block, BLOCK) != BLOCK)
			die("no room");
	if (fsync(fd) < 0)
		die("fsync");
	began = time_monotonic_us();
	for (unsigned long i = 0; i < n; i++) {
		rng_bytes(block, 64);
		if (pwrite(fd, block, BLOCK, (off_t)(i % BLOCKS) * BLOCK) != BLOCK || fdatasync(fd) < 0)
			die("fdatasync");
	}
	printf("{\"us\":%.2f}\n", (double)(time_monotonic_us() - began) / (double)n);
	close(fd);
	unlink(path);
}

/*
 * The socketpair
 */

static void answer_all(int fd, size_t answered)
{
	static char message[MESSAGE_MAX];

	while (recv(fd, message, sizeof message, 0) > 0)
		if (send(fd, message, answered, 0) < 0)
			break;
	_exit(0);
}

static double children_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void pair(unsigned long n, unsigned long asked, unsigned long answered)
{
	static char message[MESSAGE_MAX];
	double cpu;
	int64_t began, us;
	int ends[2];
	pid_t pid;

	if (asked > MESSAGE_MAX || answered > MESSAGE_MAX ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		die("no socketpair");
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		answer_all(ends[1], answered);
	}
	close(ends[1]);
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	began = time_monotonic_us();
	for (unsigned long i = 0; i < n; i++)
		if (send(ends[0], message, asked, 0) < 0 ||
			recv(ends[0], message, sizeof message, 0) < 0)
			die("socketpair");
	us = time_monotonic_us() - began;
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	close(ends[0]);
	waitpid(pid, NULL, 0);
	printf("{\"us\":%.3f,\"cpu_us\":%.3f}\n", (double)us / (double)n,
		(cpu + children_us()) / (double)n);
}

/*
 * Writing a page
 */

static void fill(struct node_peer *peer, struct cidr *address, uint32_t n)
{
	*peer = (struct node_peer){ .state = NODE_PEER_LIVE, .created_at = { 1767225600000000 + n },
		.generation = 1, .revision = n, .addresses = { address, 1 }, .changed_by_key = 1,
		.store_revision = INT_NONE };
	(void)cidr_parse_address(span_of("127.0.0.1"), &peer->changed_from);
	*address = (struct cidr){ .family = IP_V4, .bits = 32,
		.addr = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
	uuid_make_v4(&peer->id);
	uuid_make_v4(&peer->epoch);
	rng_bytes(&peer->public_key, sizeof peer->public_key);
}

static void encode(unsigned long n, unsigned long seconds)
{
	struct node_peer *peers = calloc(n, sizeof *peers);
	struct cidr *addresses = calloc(n, sizeof *addresses);
	struct sbuf out = SBUF_INIT(64 << 20);
	double cpu, us;
	unsigned long pages = 0;

	if (!peers || !addresses)
		die("out of memory");
	for (uint32_t i = 0; i < n; i++)
		fill(&peers[i], &addresses[i], i);
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	do {
		sbuf_clear(&out);
		json_array(&out, &node_peer_type, peers, n);
		pages++;
		us = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	} while (us < (double)seconds * 1e6);
	printf("{\"cpu_us\":%.2f,\"bytes\":%zu}\n", us / (double)pages, out.len);
	sbuf_done(&out);
	free(peers);
	free(addresses);
}

/*
 * A bare server
 */

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	static int seen;

	(void)url, (void)method, (void)version, (void)data;
	if (*slot != &seen) { /* the head first, then the end */
		*slot = &seen;
		return MHD_YES;
	}
	if (*len) {
		*len = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, ctx);
}

static void http(unsigned long size)
{
	static const char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%NO_TICKETS";
	scoped(arena_freep) struct arena *arena = arena_new(1 << 20);
	const union MHD_DaemonInfo *info;
	struct MHD_Response *response;
	struct MHD_Daemon *daemon;
	const char *cert, *key;
	char *body = calloc(1, size + 1), byte;
	struct err err;

	if (!arena || !body || cert_make("bench", &cert, &key, arena, &err) < 0)
		die("no certificate");
	memset(body, 'x', size);
	response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL,
		NULL, answer, response, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_HTTPS_MEM_KEY,
		key, MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_PRIORITIES, priorities,
		MHD_OPTION_END);
	if (!daemon)
		die("no server");
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	printf("{\"port\":%u}\n", info ? (unsigned)info->port : 0);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(daemon);
	MHD_destroy_response(response);
	free(body);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	char *const *rest = argv + 2;

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		die("no cryptography");
	if (!strcmp(what, "sqlite") && argc == 5)
		sqlite(rest[0], number(rest[1]), number(rest[2]));
	else if (!strcmp(what, "fdatasync") && argc == 4)
		disk(rest[0], number(rest[1]));
	else if (!strcmp(what, "socketpair") && argc == 5)
		pair(number(rest[0]), number(rest[1]), number(rest[2]));
	else if (!strcmp(what, "encode") && argc == 4)
		encode(number(rest[0]), number(rest[1]));
	else if (!strcmp(what, "http") && argc == 3)
		http(number(rest[0]));
	else
		die("see the top of bench/limits.c");
	return EXIT_SUCCESS;
}
