/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "wg/backend.h"
#include "wg/link.h"

/*
 * Two channels: one for changes, in order, and one for readings, so that a change does
 * not wait for a reading to end. Only a reading that a change has interrupted keeps
 * changes waiting while it is taken again, or it might never end.
 */

enum { AGAIN_MAX = 3 };

/* Queued work of the first channel. */
struct job {
	uint64_t ticket;
	bool is_config;
	struct wgdev_config config;
	size_t n, done; /* changes; those before `done` are over */
	bool one_by_one; /* a message was refused: find out which of its changes it was */
	bool some_refused;
	struct err refusal;
	STAILQ_ENTRY(job) link;
	struct wgdev_change changes[];
};

/* A channel and what it is at. */
struct lane {
	struct channel *channel;
	bool busy;
	int64_t deadline_us;
	int watched_fd;
	bool watched_write;
};

struct wgdev {
	char name[LINK_NAME_SIZE];
	const struct wgdev_ops *ops;
	const struct wgdev_events *events;
	void *ctx;
	int epoll_fd, event_fd;
	STAILQ_HEAD(, job) jobs;
	size_t taken; /* changes of the first job that are in the present message */
	struct lane set, dump;
	bool dump_wanted, alone; /* `alone`: no change while the reading is taken again */
	unsigned again;
	struct wgdev_sink sink;
};

static const struct wgdev_ops *const backends[] = {
	[WGDEV_KERNEL] = &netlink_ops,
	[WGDEV_USERSPACE] = &uapi_ops,
};

bool wgdev_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= LINK_NAME_SIZE || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789_=+.-") == len;
}

int wgdev_detect(const char *name, enum wgdev_backend *ret_backend, struct err *err)
{
	struct link_info link;
	struct channel *channel;
	int r = link_get(name, &link, err);

	if (r < 0)
		return r;
	if (!strcmp(link.kind, "wireguard")) {
		*ret_backend = WGDEV_KERNEL;
		return 0;
	}
	/* a socket may be left over from one that was killed; only an answer counts */
	r = uapi_ops.open(name, &channel, err);
	if (r < 0)
		return r;
	r = uapi_ops.dump(channel, err);
	uapi_ops.close(channel);
	*ret_backend = WGDEV_USERSPACE;
	return r;
}

/*
 * Watching
 */

static void kick(struct wgdev *dev)
{
	uint64_t one = 1;

	/* it can only be full, and then it is readable, which is all we want */
	if (write(dev->event_fd, &one, sizeof one) < 0)
		return;
}

static void watch(struct wgdev *dev, struct lane *lane)
{
	int fd = lane->busy ? dev->ops->fd(lane->channel) : -1;
	bool writes = fd >= 0 && dev->ops->wants_write(lane->channel);
	struct epoll_event event = { .events = writes ? EPOLLOUT : EPOLLIN };

	if (fd == lane->watched_fd && writes == lane->watched_write)
		return;
	if (lane->watched_fd >= 0 && lane->watched_fd != fd)
		(void)epoll_ctl(dev->epoll_fd, EPOLL_CTL_DEL, lane->watched_fd, NULL);
	if (fd >= 0 && epoll_ctl(dev->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		(void)epoll_ctl(dev->epoll_fd, EPOLL_CTL_MOD, fd, &event);
	lane->watched_fd = fd;
	lane->watched_write = writes;
}

/* A descriptor that is closed leaves the epoll set by itself; its number may come again. */
static void forget_fd(struct wgdev *dev, struct lane *lane)
{
	if (lane->watched_fd >= 0)
		(void)epoll_ctl(dev->epoll_fd, EPOLL_CTL_DEL, lane->watched_fd, NULL);
	lane->watched_fd = -1;
}

static void begin_lane(struct lane *lane)
{
	lane->busy = true;
	lane->deadline_us = time_monotonic_us() + WGDEV_TIMEOUT_MS * USEC_PER_MS;
}

static int open_lane(struct wgdev *dev, struct lane *lane, struct err *err)
{
	return lane->channel ? 0 : dev->ops->open(dev->name, &lane->channel, err);
}

static int step_lane(struct wgdev *dev, struct lane *lane, struct err *err)
{
	int r = dev->ops->step(lane->channel, &dev->sink, err);

	if (r == STEP_WAIT && time_monotonic_us() >= lane->deadline_us) {
		forget_fd(dev, lane);
		dev->ops->cancel(lane->channel);
		r = lane == &dev->set
			? err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
				  "WireGuard did not answer within %d s", WGDEV_TIMEOUT_MS / 1000)
			: err_set(err, REASON_DEVICE, NULL,
				  "WireGuard could not be read within %d s", WGDEV_TIMEOUT_MS / 1000);
	}
	if (r != STEP_WAIT) {
		forget_fd(dev, lane);
		lane->busy = false;
	}
	return r;
}

/*
 * Changes
 */

static void free_job(struct job *job)
{
	explicit_bzero(&job->config, sizeof job->config);
	explicit_bzero(job->changes, job->n * sizeof *job->changes);
	free(job);
}

static void end_job(struct wgdev *dev, int r, const struct err *err)
{
	struct job *job = STAILQ_FIRST(&dev->jobs);

	STAILQ_REMOVE_HEAD(&dev->jobs, link);
	if (r >= 0 && job->some_refused) {
		r = -(int)err_class(job->refusal.reason);
		err = &job->refusal;
	}
	dev->events->applied(dev->ctx, job->ticket, r, err);
	free_job(job);
}

static int send_job(struct wgdev *dev, struct job *job, struct err *err)
{
	size_t n = job->one_by_one ? 1 : job->n - job->done;
	int r = open_lane(dev, &dev->set, err);

	if (r >= 0)
		r = dev->ops->set(dev->set.channel, job->is_config ? &job->config : NULL,
			job->changes + job->done, n, &dev->taken, err);
	if (r >= 0)
		begin_lane(&dev->set);
	return r;
}

/* A message of several changes says only that one of them was refused. */
static void note_refusal(struct wgdev *dev, struct job *job, const struct err *err)
{
	if (dev->taken > 1) {
		job->one_by_one = true;
		return;
	}
	dev->events->refused(dev->ctx, job->ticket, job->done, err);
	job->some_refused = true;
	job->refusal = *err;
	job->done++;
}

static void answered(struct wgdev *dev, int r, const struct err *err)
{
	struct job *job = STAILQ_FIRST(&dev->jobs);

	if (r < 0 && (job->is_config || err->reason != REASON_DEVICE)) {
		end_job(dev, r, err);
		return;
	}
	if (r < 0)
		note_refusal(dev, job, err);
	else
		job->done += dev->taken;
	if (job->is_config || job->done == job->n)
		end_job(dev, 0, NULL);
}

static void process_set(struct wgdev *dev)
{
	struct job *job = STAILQ_FIRST(&dev->jobs);
	struct err err;
	int r;

	if (dev->set.busy) {
		r = step_lane(dev, &dev->set, &err);
		if (r == STEP_WAIT)
			return;
		answered(dev, r, &err);
		kick(dev);
		return;
	}
	if (!job || dev->alone)
		return;
	if (!job->is_config && job->n == 0)
		end_job(dev, 0, NULL);
	else if (send_job(dev, job, &err) < 0)
		end_job(dev, -(int)err_class(err.reason), &err);
	kick(dev); /* the kernel has answered already, or there is the next one */
}

/*
 * Readings
 */

static void sink_peer(void *ctx, const struct wgdev_peer *peer)
{
	struct wgdev *dev = ctx;

	dev->events->peer(dev->ctx, peer);
}

static void end_dump(struct wgdev *dev, int r, const struct err *err)
{
	struct wgdev_interface interface = dev->sink.interface;

	explicit_bzero(&dev->sink.interface, sizeof dev->sink.interface);
	dev->alone = false;
	dev->dump_wanted = false;
	dev->again = 0;
	dev->events->dumped(dev->ctx, &interface, r, err);
	explicit_bzero(&interface, sizeof interface);
}

static void begin_dump(struct wgdev *dev)
{
	struct err err;
	int r = open_lane(dev, &dev->dump, &err);

	if (r >= 0)
		r = dev->ops->dump(dev->dump.channel, &err);
	if (r < 0)
		end_dump(dev, r, &err);
	else
		begin_lane(&dev->dump);
}

static void interrupted(struct wgdev *dev)
{
	struct err err;

	if (++dev->again > AGAIN_MAX) {
		int r = err_set(&err, REASON_DEVICE, NULL,
			"the interface is changed by others faster than it can be read");

		end_dump(dev, r, &err);
		return;
	}
	dev->alone = true;
	dev->events->again(dev->ctx);
}

static void process_dump(struct wgdev *dev)
{
	struct err err;
	int r;

	if (!dev->dump.busy && dev->dump_wanted && !(dev->alone && dev->set.busy)) {
		begin_dump(dev);
		kick(dev);
		return;
	}
	if (!dev->dump.busy)
		return;
	r = step_lane(dev, &dev->dump, &err);
	if (r == STEP_WAIT)
		return;
	if (r == STEP_AGAIN)
		interrupted(dev);
	else
		end_dump(dev, r < 0 ? r : 0, &err);
	kick(dev);
}

/*
 * The owner's side
 */

static int make_fds(struct wgdev *dev, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN };

	dev->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	dev->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (dev->epoll_fd < 0 || dev->event_fd < 0 ||
		epoll_ctl(dev->epoll_fd, EPOLL_CTL_ADD, dev->event_fd, &event) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "epoll: %s", strerror(errno));
	return 0;
}

int wgdev_open(const char *name, enum wgdev_backend backend, const struct wgdev_events *events,
	void *ctx, struct wgdev **ret_dev, struct err *err)
{
	scoped(wgdev_freep) struct wgdev *dev = calloc(1, sizeof *dev);
	int r;

	if (!dev)
		return err_nomem(err);
	STAILQ_INIT(&dev->jobs);
	dev->epoll_fd = dev->event_fd = dev->set.watched_fd = dev->dump.watched_fd = -1;
	dev->ops = backends[backend];
	dev->events = events;
	dev->ctx = ctx;
	dev->sink = (struct wgdev_sink){ .peer = sink_peer, .ctx = dev };
	if (!wgdev_name_ok(name))
		return err_set(err, REASON_INVALID_FIELD, "interface",
			"an interface's name has 1 to 15 characters of A-Z a-z 0-9 _ = + . -");
	memcpy(dev->name, name, strlen(name) + 1);
	r = make_fds(dev, err);
	if (r < 0)
		return r;
	*ret_dev = TAKE(dev);
	return 0;
}

int wgdev_fd(const struct wgdev *dev)
{
	return dev->epoll_fd;
}

int wgdev_wait_ms(const struct wgdev *dev)
{
	int64_t deadline = INT64_MAX, now = time_monotonic_us();

	if (dev->set.busy)
		deadline = dev->set.deadline_us;
	if (dev->dump.busy && dev->dump.deadline_us < deadline)
		deadline = dev->dump.deadline_us;
	if (deadline == INT64_MAX)
		return -1;
	return deadline <= now ? 0 : (int)((deadline - now) / USEC_PER_MS) + 1;
}

void wgdev_process(struct wgdev *dev)
{
	uint64_t kicks;

	/* nothing there is fine: this is a turn for a time limit, or a socket's */
	if (read(dev->event_fd, &kicks, sizeof kicks) < 0 && errno != EAGAIN)
		return;
	process_set(dev);
	process_dump(dev);
	watch(dev, &dev->set);
	watch(dev, &dev->dump);
}

static int add_job(struct wgdev *dev, size_t n, uint64_t ticket, struct job **ret_job,
	struct err *err)
{
	struct job *job = calloc(1, sizeof *job + n * sizeof *job->changes);

	if (!job)
		return err_nomem(err);
	job->ticket = ticket;
	job->n = n;
	STAILQ_INSERT_TAIL(&dev->jobs, job, link);
	kick(dev);
	*ret_job = job;
	return 0;
}

int wgdev_apply(struct wgdev *dev, const struct wgdev_change *changes, size_t n_changes,
	uint64_t ticket, struct err *err)
{
	struct job *job = NULL;
	int r = add_job(dev, n_changes, ticket, &job, err);

	if (r >= 0 && n_changes)
		memcpy(job->changes, changes, n_changes * sizeof *changes);
	return r;
}

int wgdev_configure(struct wgdev *dev, const struct wgkey *private_key, uint16_t listen_port,
	uint64_t ticket, struct err *err)
{
	struct job *job = NULL;
	int r = add_job(dev, 0, ticket, &job, err);

	if (r < 0)
		return r;
	job->is_config = true;
	job->config = (struct wgdev_config){ *private_key, listen_port };
	return 0;
}

int wgdev_dump(struct wgdev *dev, struct err *err)
{
	if (dev->dump_wanted)
		return err_set(err, REASON_BUSY, NULL, "a reading is running");
	dev->dump_wanted = true;
	kick(dev);
	return 0;
}

bool wgdev_is_dumping(const struct wgdev *dev)
{
	return dev->dump_wanted;
}

void wgdev_free(struct wgdev *dev)
{
	if (!dev)
		return;
	while (!STAILQ_EMPTY(&dev->jobs)) {
		struct job *job = STAILQ_FIRST(&dev->jobs);

		STAILQ_REMOVE_HEAD(&dev->jobs, link);
		free_job(job);
	}
	if (dev->set.channel)
		dev->ops->close(dev->set.channel);
	if (dev->dump.channel)
		dev->ops->close(dev->dump.channel);
	if (dev->epoll_fd >= 0)
		close(dev->epoll_fd);
	if (dev->event_fd >= 0)
		close(dev->event_fd);
	explicit_bzero(&dev->sink, sizeof dev->sink);
	free(dev);
}
