/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What may be wrong with a node, each with the remedy. Only the device decides whether it is ready, as on
 * the published surface: what else is wrong does not keep it from serving the peers it has.
 */
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "http/cert.h"
#include "model/node_ready.h"
#include "node/keeper/scrape.h"

enum { MIB = 1024 * 1024, DISK_WARN = 128 * MIB, DISK_FAIL = 8 * MIB, CERT_WARN_DAYS = 14,
	DAY_S = 86400, ENDED_MANY = 1000000,
	READING_LONG_US = 2000000 };

#define say(check_, state_, ...)                                                    \
	do {                                                                        \
		(check_)->state = (state_);                                         \
		snprintf((check_)->detail, sizeof(check_)->detail, __VA_ARGS__);    \
	} while (0)

#define advise(check_, ...) snprintf((check_)->remedy, sizeof(check_)->remedy, __VA_ARGS__)

static void check_ready_device(const struct keeper *k, const char *name, struct ipc_check *check)
{
	int64_t reading_us = time_monotonic_us() - k->dump_began_us;

	if (k->dev && wgdev_is_dumping(k->dev) && reading_us > READING_LONG_US) {
		say(check, NODE_CHECK_WARNING, "a reading of '%s' has been going on for %lld s", name,
			(long long)(reading_us / USEC_PER_SEC));
		advise(check, "if it lasts, WireGuard hangs: look at the kernel's log, or restart "
			      "wireguard-go");
	} else if (k->unknown) {
		say(check, NODE_CHECK_WARNING, "what became of a change is not known; '%s' is read again",
			name);
		advise(check, "wait: changes are refused until it has been read");
	} else {
		say(check, NODE_CHECK_OK, "'%s' answers", name);
	}
}

static void check_device(const struct keeper *k, struct ipc_check *check)
{
	const char *name = k->conf.interface;

	switch (k->state) {
	case DEVICE_READY: check_ready_device(k, name, check); break;
	case DEVICE_READING:
		say(check, NODE_CHECK_FAILED, "'%s' is being read for the first time", name);
		advise(check, "wait; if it lasts, WireGuard hangs: look at the kernel's log");
		break;
	case DEVICE_SETTING:
		say(check, NODE_CHECK_FAILED, "%zu of %zu peers have been put on '%s'", k->todo_at, k->n_todo,
			name);
		advise(check, "wait: peers work as they are put there");
		break;
	case DEVICE_AWAY:
		say(check, NODE_CHECK_FAILED, "%.120s", k->device_err.msg);
		advise(check,
			k->conf.backend == NODE_BACKEND_USERSPACE
				? "systemctl start wgkeeper-wireguard-go@%s"
				: "modprobe wireguard; or systemctl start wgkeeper-wireguard-go@%s",
			name);
		break;
	}
}

static void check_store(const struct keeper *k, struct ipc_check *check)
{
	if (k->commit_failed) {
		say(check, NODE_CHECK_FAILED, "the last change could not be stored");
		advise(check, "free space under %.150s; the next change is tried anew",
			k->conf.state_dir);
	} else if (store_ended(k->store) >= ENDED_MANY) {
		say(check, NODE_CHECK_WARNING, "%lld ended peers are kept",
			(long long)store_ended(k->store));
		advise(check, "issue fewer, longer-lived peers; ended ones are kept so that they never "
			      "come back");
	} else {
		say(check, NODE_CHECK_OK, "revision %lld", (long long)store_revision(k->store));
	}
}

static void check_forwarding(const struct keeper *k, struct ipc_check *check)
{
	switch (k->forwarding.state) {
	case NFT_FORWARD_OK: say(check, NODE_CHECK_OK, "peers are forwarded"); return;
	case NFT_FORWARD_OFF:
		say(check, NODE_CHECK_WARNING, "the kernel does not forward: peers reach this host only");
		break;
	case NFT_FORWARD_BLOCKED:
		say(check, NODE_CHECK_WARNING, "another table drops what peers send on");
		break;
	}
	advise(check, "%s", k->forwarding.remedy);
}

static void check_clock(const struct keeper *k, struct ipc_check *check)
{
	struct timex now = { 0 };

	(void)k;
	if (adjtimex(&now) < 0) {
		say(check, NODE_CHECK_OK, "the kernel does not tell whether a time service keeps it");
		return;
	}
	if (!(now.status & STA_UNSYNC)) {
		say(check, NODE_CHECK_OK, "synchronised");
		return;
	}
	say(check, NODE_CHECK_WARNING, "no time service keeps the clock right; peers may expire early or late");
	advise(check, "timedatectl set-ntp true");
}

static void check_certificate(const struct keeper *k, struct ipc_check *check)
{
	struct timestamp expires;
	struct err err;
	int64_t left_s;

	if (!k->cert_pem) {
		say(check, NODE_CHECK_OK, "server.tls is off");
		return;
	}
	if (cert_expires(k->cert_pem, &expires, &err) < 0) {
		say(check, NODE_CHECK_FAILED, "%.120s", err.msg);
		advise(check, "restore the certificate from a backup, and restart");
		return;
	}
	left_s = (expires.us - time_now().us) / USEC_PER_SEC;
	say(check, left_s <= 0 ? NODE_CHECK_FAILED : left_s < CERT_WARN_DAYS * DAY_S ? NODE_CHECK_WARNING : NODE_CHECK_OK,
		left_s <= 0 ? "expired %lld days ago" : "%lld days left",
		(long long)(left_s < 0 ? -left_s : left_s) / DAY_S);
	if (check->state == NODE_CHECK_OK)
		return;
	if (k->conf.tls == NODE_TLS_FILES)
		advise(check, "renew %.200s", k->conf.tls_cert);
	else
		advise(check, "move tls.crt and tls.key out of %.100s, restart, and enrol the node again: "
			      "its fingerprint changes", k->conf.state_dir);
}

static uint64_t disk_free(const struct keeper *k)
{
	struct statvfs vfs;

	if (statvfs(k->conf.state_dir, &vfs) < 0)
		return METRIC_NONE;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

static void check_disk(const struct keeper *k, struct ipc_check *check)
{
	uint64_t free_bytes = disk_free(k);

	if (free_bytes == METRIC_NONE) {
		say(check, NODE_CHECK_WARNING, "the free space of state_dir is not known");
		advise(check, "look whether %.150s is there", k->conf.state_dir);
		return;
	}
	say(check, free_bytes < DISK_FAIL ? NODE_CHECK_FAILED : free_bytes < DISK_WARN ? NODE_CHECK_WARNING : NODE_CHECK_OK,
		"%llu MiB free", (unsigned long long)(free_bytes / MIB));
	if (check->state != NODE_CHECK_OK)
		advise(check, "free space under %.150s: without it no change can be stored",
			k->conf.state_dir);
}

/* In the order of enum check. */
static void (*const checks[N_CHECKS])(const struct keeper *k, struct ipc_check *check) = {
	[CHECK_DEVICE] = check_device,
	[CHECK_STORE] = check_store,
	[CHECK_FORWARDING] = check_forwarding,
	[CHECK_CLOCK] = check_clock,
	[CHECK_CERTIFICATE] = check_certificate,
	[CHECK_DISK] = check_disk,
};

void checks_run(struct keeper *k, struct ipc_ready *ret_ready)
{
	memset(ret_ready, 0, sizeof *ret_ready);
	device_check_forwarding(k);
	for (unsigned i = 0; i < N_CHECKS; i++)
		checks[i](k, &ret_ready->checks[i]);
}

void checks_serve(struct keeper *k, uint64_t id)
{
	struct ipc_ready ready;

	checks_run(k, &ready);
	answer_records(k, id, &ready, sizeof ready, 1);
}

void checks_meter(struct keeper *k, struct node_metrics *metrics)
{
	struct timestamp expires;
	struct ipc_ready ready;
	struct err err;

	checks_run(k, &ready);
	for (unsigned i = 0; i < N_CHECKS; i++)
		metrics->checks[i] = ready.checks[i].state == NODE_CHECK_OK;
	metrics->disk_free_bytes = disk_free(k);
	metrics->cert_expires_us = k->cert_pem && cert_expires(k->cert_pem, &expires, &err) >= 0
					   ? (uint64_t)expires.us
					   : METRIC_NONE;
}
