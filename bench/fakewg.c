/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fakewg NAME: a WireGuard device that only keeps what it is told.
 *
 * It speaks the userspace protocol on /run/wireguard/NAME.sock as wireguard-go does, so that a node on it
 * costs what the node costs and nothing for cryptography. A link of that name must exist (any kind). One
 * thread a conversation, one lock; ends when standard input does.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sodium.h>

#include "base/cidr.h"
#include "base/key.h"
#include "base/map.h"
#include "base/parse.h"
#include "base/sbuf.h"

enum { LINE_SIZE = 512, FLUSH_BYTES = 256 * 1024, ALLOWED = 2 };

struct fake_peer {
	struct wgkey key, preshared_key;
	struct cidr allowed[ALLOWED];
	unsigned n_allowed;
	uint64_t keepalive;
};

static struct {
	pthread_mutex_t lock;
	struct map peers;
	struct wgkey private_key;
	uint64_t listen_port;
} device = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* One "set" conversation: which peer its lines are about. */
struct set {
	struct wgkey key;
	struct fake_peer *peer;
	bool in_peer, update_only;
};

static struct fake_peer *peer_of(struct set *set)
{
	if (set->peer || !set->in_peer)
		return set->peer;
	set->peer = map_get(&device.peers, &set->key);
	if (set->peer || set->update_only)
		return set->peer;
	set->peer = calloc(1, sizeof *set->peer);
	if (!set->peer)
		return NULL;
	set->peer->key = set->key;
	if (!map_put(&device.peers, set->peer)) {
		free(set->peer);
		set->peer = NULL;
	}
	return set->peer;
}

static bool begin_peer(struct set *set, struct span value)
{
	(void)peer_of(set); /* one that was only named is made */
	*set = (struct set){ .in_peer = true };
	return wgkey_parse_hex(value, &set->key);
}

static bool set_peer(struct set *set, struct span name, struct span value)
{
	struct fake_peer *peer;

	if (span_is(name, "update_only")) {
		set->update_only = true;
		return true;
	}
	if (span_is(name, "remove")) {
		free(map_del(&device.peers, &set->key));
		set->in_peer = false;
		return true;
	}
	peer = peer_of(set);
	if (!peer)
		return set->update_only;
	if (span_is(name, "preshared_key"))
		return wgkey_parse_hex(value, &peer->preshared_key);
	if (span_is(name, "persistent_keepalive_interval"))
		return parse_u64(value, UINT16_MAX, &peer->keepalive);
	if (span_is(name, "replace_allowed_ips")) {
		peer->n_allowed = 0;
		return true;
	}
	if (span_is(name, "allowed_ip"))
		return peer->n_allowed < ALLOWED &&
		       cidr_parse(value, &peer->allowed[peer->n_allowed++]);
	return false;
}

static bool set_line(struct set *set, struct span line)
{
	struct span value = line, name = span_cut(&value, '=');

	if (span_is(name, "private_key"))
		return wgkey_parse_hex(value, &device.private_key);
	if (span_is(name, "listen_port"))
		return parse_u64(value, UINT16_MAX, &device.listen_port);
	if (span_is(name, "public_key"))
		return begin_peer(set, value);
	return set_peer(set, name, value);
}

static bool flush(FILE *file, struct sbuf *out)
{
	bool ok = fwrite(out->data, 1, out->len, file) == out->len;

	sbuf_clear(out);
	return ok;
}

static void put_peer(struct sbuf *out, const struct fake_peer *peer)
{
	char hex[65], text[CIDR_TEXT_SIZE];

	sbuf_printf(out, "public_key=%s\n", wgkey_format_hex(hex, &peer->key));
	sbuf_printf(out, "preshared_key=%s\nprotocol_version=1\n",
		wgkey_format_hex(hex, &peer->preshared_key));
	sbuf_puts(out, "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n");
	sbuf_printf(out, "persistent_keepalive_interval=%u\n", (unsigned)peer->keepalive);
	for (unsigned i = 0; i < peer->n_allowed; i++)
		sbuf_printf(out, "allowed_ip=%s\n", cidr_format(text, &peer->allowed[i]));
}

static void get(FILE *file)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(2 * FLUSH_BYTES);
	const struct fake_peer *peer;
	char hex[65];
	bool ok = true;

	sbuf_printf(&out, "private_key=%s\nlisten_port=%u\n",
		wgkey_format_hex(hex, &device.private_key), (unsigned)device.listen_port);
	for (size_t i = 0; ok && (peer = map_next(&device.peers, &i));) {
		put_peer(&out, peer);
		if (out.len > FLUSH_BYTES)
			ok = flush(file, &out);
	}
	sbuf_puts(&out, "errno=0\n\n");
	(void)flush(file, &out);
}

static struct span read_line(FILE *file, char line[LINE_SIZE])
{
	struct span span = { line, 0 };

	if (!fgets(line, LINE_SIZE, file))
		return (struct span){ NULL, 0 };
	span.len = strlen(line);
	if (span.len && line[span.len - 1] == '\n')
		span.len--;
	return span;
}

/* Lines take effect as they come, up to a bad one, as with wireguard-go. */
static void take_set(FILE *in, FILE *out)
{
	struct set set = { .in_peer = false };
	char line[LINE_SIZE];
	struct span span = read_line(in, line);
	bool ok = true;

	for (; span.at && span.len; span = read_line(in, line))
		ok = ok && set_line(&set, span);
	(void)peer_of(&set);
	fprintf(out, "errno=%d\n\n", ok ? 0 : -EINVAL);
}

/* A stream each way: one for both would lose what it has read when it turns to writing. */
static void *converse(void *arg)
{
	int fd = (int)(intptr_t)arg;
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[LINE_SIZE];
	struct span span;

	if (!in || !out)
		abort();
	while ((span = read_line(in, line)).at) {
		pthread_mutex_lock(&device.lock);
		if (span_is(span, "get=1"))
			get(out);
		else if (span_is(span, "set=1"))
			take_set(in, out);
		pthread_mutex_unlock(&device.lock);
		fflush(out);
	}
	fclose(in);
	fclose(out);
	return NULL;
}

static void *accept_all(void *arg)
{
	int listen_fd = *(int *)arg, fd;

	while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, converse, (void *)(intptr_t)fd) != 0)
			abort();
		pthread_detach(thread);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;
	char byte;

	if (argc != 2 || fd < 0 || sodium_init() < 0)
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	map_init(&device.peers, struct fake_peer, key);
	(void)mkdir("/run/wireguard", 0700);
	snprintf(address.sun_path, sizeof address.sun_path, "/run/wireguard/%s.sock", argv[1]);
	(void)unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0 ||
		pthread_create(&thread, NULL, accept_all, &fd) != 0) {
		perror(address.sun_path);
		return EXIT_FAILURE;
	}
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	unlink(address.sun_path);
	return EXIT_SUCCESS;
}
