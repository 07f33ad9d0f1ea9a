/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who may call, as far as the gate can tell: it knows the digests of the keys in force, and what the keeper
 * told it about each. The keeper looks for itself at every request.
 */
#include "log/log.h"
#include "node/gate/gate.h"

/* A key that turns up where it may not be used may have been stolen. */
static void note_elsewhere(struct gate *gate, const struct http_request *req)
{
	int64_t now = time_monotonic_us();
	char source[CIDR_TEXT_SIZE];

	if (gate->elsewhere_us && now - gate->elsewhere_us < GATE_ELSEWHERE_US)
		return;
	gate->elsewhere_us = now;
	log_warn("an API key was used from an address it is not for",
		LOG_STR("ip", cidr_format_address(source, &req->source)));
}

static const struct digest *copy(struct http_request *req, const struct digest *digest)
{
	struct digest *mine = arena_alloc(req->arena, sizeof *mine);

	if (mine)
		*mine = *digest;
	return mine; /* without memory nobody has shown a key */
}

const struct digest *gate_find_key(struct gate *gate, struct http_request *req, const char *key)
{
	const struct ipc_keys *keys = &gate->setup->keys;
	struct digest shown = digest_of(span_of(key));
	const struct ipc_live_key *found = NULL;
	static const struct ipc_live_key none;

	/* as many comparisons for a key that is none as for one that is */
	for (unsigned i = 0; i < N_ELEMENTS(keys->at); i++) {
		const struct ipc_live_key *at = i < keys->n ? &keys->at[i] : &none;

		if (digest_equal(&shown, &at->digest) && at != &none)
			found = at;
	}
	if (!found || (found->expires_us && found->expires_us <= time_now().us))
		return NULL;
	if (found->source.family && !cidr_contains(&found->source, &req->source)) {
		note_elsewhere(gate, req);
		return NULL;
	}
	return copy(req, &found->digest);
}
