/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is connected, and how long they may dawdle.
 *
 * libmicrohttpd knows one time-out, of silence, and takes whoever comes. Here newcomers are let in by who
 * they are, half of the places are kept for those who are known, and each step of a connection has its
 * time: the handshake, each head, each body. A connection that is too slow is shut down; libmicrohttpd
 * then closes it.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http/internal.h"
#include "http/tls.h"

enum {
	BODY_GRACE_US = 5 * USEC_PER_SEC,
	KNOWN_PER_SOURCE = 256, /* of a known source, without a key so far */
	WIDE = 8,               /* how much more a /48 may have than a /64 */
};

/* The beginning of an address that counts as one source. */
static uint64_t prefix_of(const struct cidr *peer, unsigned bytes)
{
	uint64_t prefix = 0;

	if (peer->family != IP_V6)
		bytes = 4;
	for (unsigned i = 0; i < bytes; i++)
		prefix = prefix << 8 | peer->addr[i];
	return prefix << 1 | (peer->family == IP_V6);
}

static uint64_t bytes_received(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_received : 0;
}

/*
 * Letting in. All of this with the lock held.
 */

static void drop(struct http_server *server, struct connection *conn)
{
	if (conn->closing)
		return;
	conn->closing = true;
	server->n_closing++;
	shutdown(conn->fd, SHUT_RDWR);
}

/* Those without a key who have been there longest make room for newcomers: who holds a place without using
 * it for anything is the least to be pitied. */
static bool drop_oldest_stranger(struct http_server *server)
{
	struct connection *oldest = NULL;

	if (server->n_closing >= HTTP_CLOSING_MAX)
		return false;
	for (struct connection *c = server->connections; c; c = c->next)
		if (!c->has_key && !c->guest.known && !c->closing && c->step != STEP_BUSY)
			oldest = c; /* the newest stand first */
	if (oldest)
		drop(server, oldest);
	return oldest != NULL;
}

struct crowd {
	unsigned strangers, same, neighbours; /* without a key; of them from this source, from its /48 */
};

static struct crowd count(const struct http_server *server, const struct cidr *peer)
{
	uint64_t source = prefix_of(peer, 8), wide = prefix_of(peer, 6);
	struct crowd crowd = { 0 };

	for (const struct connection *c = server->connections; c; c = c->next) {
		if (c->has_key || c->closing)
			continue;
		crowd.strangers += !c->guest.known;
		crowd.same += c->source == source;
		crowd.neighbours += c->wide == wide && peer->family == IP_V6;
	}
	return crowd;
}

static bool has_room(struct http_server *server, const struct cidr *peer, enum http_welcome welcome)
{
	const struct http_crowd *limit = &server->crowd;
	struct crowd crowd = count(server, peer);
	unsigned n = server->n_connections - server->n_closing;

	if (welcome == HTTP_KNOWN && crowd.same >= KNOWN_PER_SOURCE)
		return false;
	if (welcome >= HTTP_KNOWN)
		return n < limit->max || drop_oldest_stranger(server);
	if (crowd.same >= limit->per_source || crowd.neighbours >= limit->per_source * WIDE)
		return false;
	if (n >= limit->max || crowd.strangers >= limit->max / 2)
		return drop_oldest_stranger(server);
	return true;
}

enum MHD_Result connection_admit(void *ctx, const struct sockaddr *address, socklen_t len)
{
	struct http_server *server = ctx;
	enum http_welcome welcome;
	struct cidr peer;
	bool ok;

	(void)len;
	if (!cidr_from_sockaddr(address, &peer))
		return MHD_NO;
	welcome = server->app.greet(server->app.ctx, &peer);
	pthread_mutex_lock(&server->lock);
	ok = welcome != HTTP_REFUSED && has_room(server, &peer, welcome);
	pthread_mutex_unlock(&server->lock);
	return ok ? MHD_YES : MHD_NO;
}

/*
 * From step to step
 */

/* What MHD_get_connection_info() gives is good until it is called again (libmicrohttpd 1.0). */
struct connection *connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void connection_step(struct connection *conn, enum step step)
{
	if (conn->step == STEP_TLS)
		conn->server->n_shaking--;
	if (step == STEP_IDLE)
		conn->received = bytes_received(conn->fd);
	conn->body_bytes = 0;
	conn->since_us = time_monotonic_us();
	conn->step = step;
}

void connection_body(struct connection *conn, size_t bytes)
{
	conn->body_bytes += bytes;
}

void connection_has_key(struct http_server *server, struct connection *conn)
{
	if (conn->has_key)
		return;
	pthread_mutex_lock(&server->lock);
	conn->has_key = true;
	pthread_mutex_unlock(&server->lock);
	conn->guest.judged = true;
}

static void start(struct http_server *server, struct MHD_Connection *connection, struct connection **slot)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *conn = calloc(1, sizeof *conn);

	*slot = conn;
	if (!conn)
		return;
	conn->server = server;
	conn->fd = info ? info->connect_fd : -1;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr)
		(void)cidr_from_sockaddr(info->client_addr, &conn->guest.peer);
	conn->source = prefix_of(&conn->guest.peer, 8);
	conn->wide = prefix_of(&conn->guest.peer, 6);
	conn->guest.known = !server->app.greet ||
			    server->app.greet(server->app.ctx, &conn->guest.peer) >= HTTP_KNOWN;
	conn->session = tls_begin(connection, &conn->guest.peer);
	conn->since_us = time_monotonic_us();
	conn->step = conn->session ? STEP_TLS : STEP_HEAD;
	server->n_shaking += conn->step == STEP_TLS;
	pthread_mutex_lock(&server->lock);
	conn->next = server->connections;
	conn->prev = &server->connections;
	if (conn->next)
		conn->next->prev = &conn->next;
	server->connections = conn;
	server->n_connections++;
	pthread_mutex_unlock(&server->lock);
	if (server->app.arrived)
		server->app.arrived(server->app.ctx, &conn->guest);
}

static void end(struct http_server *server, struct connection *conn)
{
	pthread_mutex_lock(&server->lock);
	*conn->prev = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	server->n_connections--;
	server->n_shaking -= conn->step == STEP_TLS;
	if (conn->closing)
		server->n_closing--;
	pthread_mutex_unlock(&server->lock);
	if (server->app.departed)
		server->app.departed(server->app.ctx, &conn->guest);
	free(conn);
}

void connection_changed(void *ctx, struct MHD_Connection *connection, void **slot,
	enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = ctx;
	struct connection *conn = *slot;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		start(server, connection, (struct connection **)slot);
	} else if (conn) {
		*slot = NULL;
		end(server, conn);
	}
}

/*
 * The reaper
 */

/* Whether it has used up its time. `limit` in seconds, less a beat: a promise is kept, not nearly kept. */
static bool is_over(int64_t since_us, unsigned limit_s, int64_t now_us)
{
	return limit_s && now_us - since_us > limit_s * USEC_PER_SEC - HTTP_BEAT_MS * USEC_PER_MS;
}

static bool is_slow_body(const struct connection *conn, unsigned rate, int64_t now_us)
{
	int64_t counted_us = now_us - conn->since_us - BODY_GRACE_US;

	return rate && counted_us > 0 &&
	       conn->body_bytes < (uint64_t)(counted_us / USEC_PER_MS) * rate / 1000;
}

static bool is_too_slow(const struct http_server *server, struct connection *conn, int64_t now_us)
{
	const struct http_pace *pace = &server->pace;

	if (conn->step == STEP_TLS && tls_is_done(conn->session))
		connection_step(conn, STEP_HEAD);
	/* the first bytes of another request */
	if (conn->step == STEP_IDLE && bytes_received(conn->fd) != conn->received)
		connection_step(conn, STEP_HEAD);
	switch ((enum step)conn->step) {
	case STEP_TLS: return is_over(conn->since_us, pace->tls_s, now_us);
	case STEP_HEAD: return is_over(conn->since_us, pace->head_s, now_us);
	case STEP_BODY: return is_slow_body(conn, pace->body_rate, now_us);
	case STEP_IDLE:
		return !conn->guest.known && !conn->has_key &&
		       is_over(conn->since_us, pace->stranger_idle_s, now_us);
	case STEP_BUSY: break;
	}
	return false;
}

void http_server_reap(struct http_server *server)
{
	int64_t now_us = time_monotonic_us();

	pthread_mutex_lock(&server->lock);
	for (struct connection *c = server->connections; c; c = c->next)
		if (!c->closing && is_too_slow(server, c, now_us))
			drop(server, c);
	pthread_mutex_unlock(&server->lock);
}
