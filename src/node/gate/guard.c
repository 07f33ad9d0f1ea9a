/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sources, as OpenSSH's PerSourcePenalties treat them: what costs us something without a key adds up to
 * being refused for a while, before anything is read. A source that has shown a valid key within a day is
 * never refused, so a Console behind the same address as a scanner is not locked out.
 */
#include "node/gate/gate.h"

enum {
	SLOTS = 65536,
	WRONG_KEY_US = 5 * USEC_PER_SEC,
	NO_KEY_US = 1 * USEC_PER_SEC,
	CRASH_US = 90 * USEC_PER_SEC,
};

static const double rate = 20, burst = 30; /* as published */

size_t gate_sources_size(void)
{
	return limiter_size(SLOTS);
}

struct limiter *guard_new(void *sources)
{
	return limiter_attach(sources, SLOTS, rate, burst, CRASH_US, time_monotonic_us());
}

/* It speaks for many: who they are is told by its headers, and judged by request. */
static bool is_proxy(const struct gate *gate, const struct cidr *peer)
{
	const struct cidr *trusted = gate->trusted.at;

	for (size_t i = 0; i < gate->trusted.n; i++)
		if (cidr_contains(&trusted[i], peer))
			return true;
	return false;
}

enum http_welcome guard_greet(void *ctx, const struct cidr *peer)
{
	struct gate *gate = ctx;
	int64_t now_us = time_monotonic_us();

	if (is_proxy(gate, peer))
		return HTTP_TRUSTED;
	if (limiter_is_known(gate->limiter, peer, now_us))
		return HTTP_KNOWN;
	return limiter_is_punished(gate->limiter, peer, now_us) ? HTTP_REFUSED : HTTP_STRANGER;
}

void guard_arrived(void *ctx, struct http_guest *guest)
{
	struct gate *gate = ctx;

	guest->number = guest->known ? LIMIT_NOBODY : limiter_enter(gate->limiter, &guest->peer);
}

void guard_departed(void *ctx, const struct http_guest *guest)
{
	struct gate *gate = ctx;

	limiter_leave(gate->limiter, guest->number);
	if (!guest->judged && !guest->known)
		limiter_punish(gate->limiter, &guest->peer, NO_KEY_US, time_monotonic_us());
}

void guard_knows(struct gate *gate, const struct http_request *req)
{
	limiter_know(gate->limiter, &req->source, time_monotonic_us());
}

int guard_admit(struct gate *gate, struct http_request *req, struct err *err)
{
	int64_t now_us = time_monotonic_us();

	if (limiter_is_punished(gate->limiter, &req->source, now_us)) {
		req->close = true;
		return err_set(err, REASON_RATE_LIMITED, NULL,
			"too many requests without a valid key; wait some minutes");
	}
	if (limiter_take(gate->limiter, &req->source, now_us))
		return 0;
	return err_set(err, REASON_RATE_LIMITED, NULL, "too many requests");
}

void guard_refused(struct gate *gate, const struct http_request *req)
{
	/* without any key the connection's end is what counts */
	if (!http_header(req, "X-API-Key"))
		return;
	limiter_punish(gate->limiter, &req->source, WRONG_KEY_US, time_monotonic_us());
	req->guest->judged = true;
}
