/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "log/log.h"
#include "node/keeper/scrape.h"
#include "wg/link.h"

enum {
	MESSAGES_A_TURN = 512,
	LEFT_OVER_MAX = 65536,
	GREETINGS_MAX = 10,
	EVENTS = 8,
	GRACE_US = 5000000,
	HURRY_MS = 500,
};

static int watch(struct keeper *k, int fd, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "epoll: %s", strerror(errno));
	return 0;
}

void keeper_watch_device(struct keeper *k)
{
	struct err err;

	if (k->dev_watched)
		return;
	if (watch(k, wgdev_fd(k->dev), &err) < 0)
		log_error("the device cannot be watched", LOG_ERR(&err));
	k->dev_watched = true;
}

void keeper_unwatch_device(struct keeper *k)
{
	if (k->dev_watched)
		(void)epoll_ctl(k->epoll_fd, EPOLL_CTL_DEL, wgdev_fd(k->dev), NULL);
	k->dev_watched = false;
}

/*
 * The gate
 */

static void fill_keys(const struct keeper *k, struct ipc_keys *keys)
{
	memset(keys, 0, sizeof *keys);
	for (; keys->n < k->keys.n; keys->n++) {
		const struct api_key *key = &k->keys.at[keys->n];

		keys->at[keys->n].digest = key->digest;
		keys->at[keys->n].source = key->source;
		keys->at[keys->n].expires_us = key->expires_at.us;
	}
}

void keeper_tell_keys(struct keeper *k)
{
	struct ipc_keys keys;

	fill_keys(k, &keys);
	answer_unasked(k, IPC_KEYS, &keys, sizeof keys);
}

static void copy_list(struct cidr *to, uint32_t *ret_n, const struct list *from)
{
	const struct cidr *at = from->at;

	for (; *ret_n < from->n; ++*ret_n)
		to[*ret_n] = at[*ret_n];
}

static void copy_pem(struct ipc_setup *setup, size_t *at, uint32_t *ret_len, const char *pem)
{
	*ret_len = pem ? (uint32_t)strlen(pem) : 0;
	memcpy((char *)(setup + 1) + *at, pem ?: "", *ret_len);
	*at += *ret_len;
}

bool keeper_send_setup(struct keeper *k, bool with_socket)
{
	struct ipc_head head = { .version = IPC_VERSION, .type = IPC_SETUP };
	struct ipc_setup *setup = calloc(1, IPC_MAX);
	size_t pem_len = 0;
	int r;

	if (!setup)
		return false;
	fill_keys(k, &setup->keys);
	setup->tls = k->cert_pem ? (uint32_t)k->conf.tls : 0;
	setup->started_us = k->started_at.us;
	setup->log_level = (uint8_t)k->conf.log_level;
	setup->log_format = (uint8_t)k->conf.log_format;
	copy_list(setup->allowed, &setup->n_allowed, &k->conf.allowed_ips);
	copy_list(setup->trusted, &setup->n_trusted, &k->conf.trusted_proxies);
	copy_pem(setup, &pem_len, &setup->cert_len, k->cert_pem);
	copy_pem(setup, &pem_len, &setup->key_len, k->key_pem);
	copy_pem(setup, &pem_len, &setup->client_ca_len, k->client_ca_pem);
	r = ipc_send_fd(k->ipc_fd, &head, setup, sizeof *setup + pem_len,
		with_socket ? k->listen_fd : -1);
	if (r <= 0)
		log_warn("the gate could not be set up");
	explicit_bzero(setup, IPC_MAX);
	free(setup);
	return r > 0;
}

/* It keeps a socket it has. One that greets without end is answered ten times a second; it repeats itself
 * while it is not served. */
static void greet(struct keeper *k, const struct ipc_message *hello)
{
	int64_t now = time_monotonic_us();

	if (now - k->greeted_us >= USEC_PER_SEC) {
		k->greeted_us = now;
		k->n_greeted = 0;
	}
	if (++k->n_greeted > GREETINGS_MAX)
		return;
	bulk_forget(k); /* of a gate that is gone */
	(void)keeper_send_setup(k, !(hello->head.flags & IPC_SERVING));
	scrape_setup(k, (hello->head.flags & IPC_METERING) != 0);
}

static void refuse(struct keeper *k, uint64_t id, enum err_reason reason, const char *text)
{
	struct err err;

	(void)err_set(&err, reason, NULL, "%s", text);
	answer_error(k, id, &err);
}

static void take_request(struct keeper *k, const struct ipc_message *message)
{
	bool open = (message->head.flags & IPC_ANYONE) && ipc_is_open(message->head.type);
	const struct api_key *key = open ? NULL : keyring_use(k, &message->head);
	struct author author = keyring_author(key, &message->head);

	if (!key && !open) {
		refuse(k, message->head.id, REASON_UNAUTHORIZED, "unauthorized");
		return;
	}
	if (ipc_is_change(message->head.type) && keeper_only_looks(k)) {
		refuse(k, message->head.id, REASON_INVENTORY,
			"this node changes nothing: its configuration says `mode: inventory`; set "
			"`mode: manage` and restart it");
		return;
	}
	switch (message->head.type) {
	case IPC_BATCH: bulk_take(k, message, &author); break;
	case IPC_DRIFT:
	case IPC_DRIFT_ACT: drift_ask(k, message, &author); break;
	default:
		if (ipc_is_change(message->head.type))
			keeper_change(k, message, &author);
		else
			keeper_read(k, message, &author);
	}
}

static void take_message(struct keeper *k, const struct ipc_message *message)
{
	if (message->fd >= 0)
		close(message->fd);
	if (message->head.type == IPC_HELLO) {
		greet(k, message);
		return;
	}
	k->n_asked += message->head.id != 0; /* until its answer() */
	if (!ipc_request_ok(message))
		refuse(k, message->head.id, REASON_INVALID_FIELD, "a malformed request");
	else if (k->n_asked > KEEPER_ASKED_MAX)
		refuse(k, message->head.id, REASON_BUSY,
			"too many requests are waiting; try again");
	else
		take_request(k, message);
}

/* All that waits, so that one commit serves many; an answer that does not fit stops the intake. */
static void take_messages(struct keeper *k)
{
	static _Alignas(max_align_t) char body[IPC_MAX];
	struct ipc_message message;

	for (int i = 0; i < MESSAGES_A_TURN && k->n_outbox == 0 && !k->stopping; i++) {
		int r = ipc_receive(k->ipc_fd, body, &message);

		if (r == 0)
			return;
		if (r < 0) {
			k->stopping = true; /* main is gone */
			return;
		}
		take_message(k, &message);
		explicit_bzero(body, message.len);
	}
}

static int hello(struct keeper *k, struct err *err)
{
	struct ipc_head head = { .version = IPC_VERSION, .type = IPC_HELLO };
	static _Alignas(max_align_t) char body[IPC_MAX];
	struct ipc_message message;

	/* what a predecessor left unread has been given up by the gate */
	for (int i = 0; i < LEFT_OVER_MAX && ipc_receive(k->ipc_fd, body, &message) > 0; i++) {
		if (message.fd >= 0)
			close(message.fd);
		if (message.head.type == IPC_HELLO)
			greet(k, &message);
	}
	if (ipc_send(k->ipc_fd, &head, NULL, 0, NULL, 0) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "no socket to the gate");
	return 0;
}

/*
 * Time
 */

static void expire_due(struct keeper *k)
{
	int64_t now = time_now().us;
	struct peer *peer;

	if (keeper_only_looks(k))
		return;
	while ((peer = peers_next_due(&k->peers)) && peer->expires_at.us <= now && !k->stopping) {
		size_t n = k->peers.n;

		keeper_expire(k, peer);
		if (k->peers.n == n)
			return; /* it did not work; the timer comes back */
	}
}

/* Fires when the next peer is due, and when somebody sets the clock. */
static void arm_timer(struct keeper *k)
{
	const struct peer *peer = keeper_only_looks(k) ? NULL : peers_next_due(&k->peers);
	int64_t at = peer ? peer->expires_at.us : INT64_MAX;
	struct itimerspec spec = { 0 };

	if (at == k->timer_us)
		return;
	k->timer_us = at;
	if (peer) {
		int64_t soonest = time_now().us + USEC_PER_MS;

		at = at > soonest ? at : soonest;
		spec.it_value.tv_sec = at / USEC_PER_SEC;
		spec.it_value.tv_nsec = at % USEC_PER_SEC * 1000;
	}
	(void)timerfd_settime(k->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
}

static void timer_fired(struct keeper *k)
{
	uint64_t count;

	/* ECANCELED: the clock was set; due is what is due by the new one */
	if (read(k->timer_fd, &count, sizeof count) < 0 && errno == EAGAIN)
		return;
	k->timer_us = 0;
}

/*
 * The loop
 */

static void watch_ipc(struct keeper *k)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = k->ipc_fd };

	if (!STAILQ_EMPTY(&k->outbox))
		event.events = EPOLLOUT;
	(void)epoll_ctl(k->epoll_fd, EPOLL_CTL_MOD, k->ipc_fd, &event);
}

/* `at_us` 0: never. */
static int sooner(int wait, int64_t at_us, int64_t now_us)
{
	int until = at_us > now_us ? (int)((at_us - now_us) / USEC_PER_MS) + 1 : 0;

	return at_us && (wait < 0 || until < wait) ? until : wait;
}

static int wait_ms(const struct keeper *k)
{
	int wait = k->dev ? wgdev_wait_ms(k->dev) : -1;
	int64_t now = time_monotonic_us();

	if ((!STAILQ_EMPTY(&k->listers) && k->ipc_writable) || !TAILQ_EMPTY(&k->decisions))
		return 0;
	wait = sooner(wait, k->retry_us, now);
	wait = sooner(wait, k->renewal.next_us, now);
	if (!TAILQ_EMPTY(&k->waiters) && (wait < 0 || wait > HURRY_MS))
		wait = HURRY_MS;
	return wait < 0 ? 60000 : wait;
}

static void take_signal(struct keeper *k)
{
	struct signalfd_siginfo info;

	if (read(k->signal_fd, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGHUP)
		renew_check(k, true);
	else
		k->stopping = true;
}

static void link_changed(struct keeper *k)
{
	struct link_info link;
	struct err err;

	if (!link_watch_read(k->link_fd, k->conf.interface))
		return;
	if (link_get(k->conf.interface, &link, &err) == -ERR_UNAVAILABLE)
		device_lost(k, &err);
}

static void handle_event(struct keeper *k, int fd)
{
	if (fd == k->ipc_fd)
		answer_flush(k);
	else if (fd == k->timer_fd)
		timer_fired(k);
	else if (fd == k->signal_fd)
		take_signal(k);
	else if (fd == k->link_fd)
		link_changed(k);
}

static void process_device(struct keeper *k)
{
	if (k->dev)
		wgdev_process(k->dev);
	wgdev_free(TAKE(k->dead_dev));
}

static void turn(struct keeper *k)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(k->epoll_fd, events, EVENTS, wait_ms(k));

	for (int i = 0; i < n; i++)
		handle_event(k, events[i].data.fd);
	process_device(k);
	take_messages(k);
	expire_due(k);
	drift_decide(k);
	keyring_write_uses(k, false);
	batch_commit(k);
	keeper_read_deferred(k);
	scrape_hurry(k);
	process_device(k); /* the kernel has answered already */
	if (k->dev)
		dump_start(k);
	if (!k->dev && k->retry_us <= time_monotonic_us() && !k->stopping)
		device_try(k);
	renew_check(k, false);
	keeper_pump(k);
	arm_timer(k);
	watch_ipc(k);
}

/* What is at the device when the order to stop comes is still answered. */
static void finish(struct keeper *k)
{
	int64_t until = time_monotonic_us() + GRACE_US;

	while (k->dev &&
		(!TAILQ_EMPTY(&k->batches) || !TAILQ_EMPTY(&k->waiters) ||
			!TAILQ_EMPTY(&k->decisions)) &&
		time_monotonic_us() < until && k->exit_status == 0)
		turn(k);
}

static int open_fds(struct keeper *k, struct err *err)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	k->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	k->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	k->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (k->epoll_fd < 0 || k->timer_fd < 0 || k->signal_fd < 0)
		return err_set(err, REASON_INTERNAL, NULL, "no descriptors: %s", strerror(errno));
	r = link_watch(&k->link_fd, err);
	if (r >= 0)
		r = watch(k, k->ipc_fd, err);
	if (r >= 0)
		r = watch(k, k->timer_fd, err);
	if (r >= 0)
		r = watch(k, k->signal_fd, err);
	return r < 0 ? r : watch(k, k->link_fd, err);
}

static void init(struct keeper *k, int ipc_fd)
{
	*k = (struct keeper){ .ipc_fd = ipc_fd, .listen_fd = -1, .epoll_fd = -1, .timer_fd = -1,
		.signal_fd = -1, .link_fd = -1, .ipc_writable = true, .tickets = TICKET_FIRST,
		.counted_revision = -1, .metrics_fd = -1 };
	usage_open(&k->usage); /* while there are files to be seen */
	peers_init(&k->peers);
	map_init(&k->watched, struct waiter, key);
	traffic_init(&k->traffic);
	STAILQ_INIT(&k->staged);
	STAILQ_INIT(&k->undo);
	STAILQ_INIT(&k->outbox);
	STAILQ_INIT(&k->listers);
	TAILQ_INIT(&k->batches);
	TAILQ_INIT(&k->waiters);
	TAILQ_INIT(&k->deferred);
	TAILQ_INIT(&k->decisions);
	/* readings are counted from the time of day on, so that a cursor of before a restart is behind */
	k->dumps = (uint64_t)time_now().us;
}

static void forget_waiters(struct keeper *k, struct waiter_list *list, const struct err *err)
{
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, waiter, link);
		answer_error(k, waiter->id, err);
		waiter_free(waiter);
	}
}

static void done(struct keeper *k)
{
	struct err err;
	struct lister *lister;

	(void)err_set(&err, REASON_KEEPER_AWAY, NULL, "the node is restarting; try again");
	batch_fail_all(k, &err);
	dump_fail_all(k, &err);
	forget_waiters(k, &k->deferred, &err);
	forget_waiters(k, &k->decisions, &err);
	bulk_forget(k);
	answer_flush(k);
	while ((lister = STAILQ_FIRST(&k->listers))) {
		STAILQ_REMOVE_HEAD(&k->listers, link);
		free(lister);
	}
	wgdev_free(k->dev);
	wgdev_free(k->dead_dev);
	store_close(k->store);
	peers_done(&k->peers);
	for (unsigned p = 0; p < k->n_pools; p++)
		pool_done(&k->pools[p]);
	map_done(&k->watched);
	traffic_done(&k->traffic);
	usage_close(&k->usage);
	closep(&k->metrics_fd);
	wgkey_wipe(&k->private_key);
	import_names_free(k->names);
	free(k->todo);
	free(k->strangers);
	renew_done(k);
	arena_free(k->arena);
}

static int serve(struct keeper *k, struct err *err)
{
	int r = open_fds(k, err);

	if (r >= 0)
		r = keeper_contain(k, err);
	if (r >= 0)
		r = hello(k, err);
	if (r < 0)
		return r;
	device_try(k);
	while (!k->stopping)
		turn(k);
	finish(k);
	if (k->exit_status == 0)
		keyring_write_uses(k, true);
	return 0;
}

/* 78 says "do not try again": it is the configuration, or the store, and not the moment. */
static int exit_for(const struct err *err)
{
	return err_class(err->reason) == ERR_INVALID || err->reason == REASON_STORE_CORRUPT
		       ? KEEPER_EXIT_CONFIG
		       : KEEPER_EXIT_STORE;
}

int keeper_main(const struct command_line *line, int ipc_fd)
{
	struct keeper *k = malloc(sizeof *k);
	struct err err;
	int r, status;

	if (!k)
		return KEEPER_EXIT_STORE;
	init(k, ipc_fd);
	r = keeper_start(k, line, &err);
	if (r >= 0)
		r = serve(k, &err);
	status = r < 0 ? exit_for(&err) : k->exit_status;
	if (r < 0)
		log_error("wgkeeper-node cannot start", LOG_ERR(&err));
	done(k);
	free(k);
	return status;
}
