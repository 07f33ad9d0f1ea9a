/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/api/target.h"

#include "http/cert.h"
#include "model/endpoint.h"
#include "model/enrol.h"

static int make_address(const char *text, int transport, struct node_target *target,
	struct arena *arena, struct err *err)
{
	struct span rest = span_of(text);
	bool plain = transport == TRANSPORT_PLAIN;
	struct endpoint endpoint;

	if (span_starts(rest, "http://"))
		plain = true;
	else if (span_starts(rest, "https://"))
		plain = false;
	if (strstr(text, "://"))
		rest = span_of(strstr(text, "://") + 3);
	if (rest.len && rest.at[rest.len - 1] == '/')
		rest.len--;
	if (!endpoint_parse(rest, &endpoint) || !endpoint.port ||
		(strstr(text, "://") && !span_starts(span_of(text), "http")))
		return err_set(err, REASON_INVALID_FIELD, "address",
			"write the API's address as host:port, for example vpn.example.org:51821");
	target->transport = plain ? TRANSPORT_PLAIN : TRANSPORT_TLS;
	target->address = arena_printf(arena, "%s://%.*s:%u", plain ? "http" : "https",
		(int)endpoint.host.len, endpoint.host.at, endpoint.port);
	return target->address ? 0 : arena_full(arena, err);
}

static int put_pin(const struct digest *pin, struct node_target *target, struct arena *arena,
	struct err *err)
{
	char text[PIN_TEXT_SIZE];

	target->fingerprint = arena_strdup(arena, pin_format(text, pin));
	return target->fingerprint ? 0 : arena_full(arena, err);
}

static int from_enrol(const struct node_check *in, struct node_target *target, struct arena *arena,
	struct err *err)
{
	struct enrol enrol;
	struct digest pin;
	char *key;
	int r = enrol_parse((struct span){ in->enrol.at, in->enrol.len }, &enrol, err);

	if (r < 0)
		return r;
	memcpy(pin.bytes, enrol.pin, sizeof pin.bytes);
	key = arena_secret(arena, enrol.api_key);
	target->api_key = (struct secret){ key, enrol.api_key.len };
	target->transport = TRANSPORT_TLS;
	target->address = arena_printf(arena, "https://%.*s:%.*s", (int)enrol.host.len, enrol.host.at,
		(int)enrol.port.len, enrol.port.at);
	if (!key || !target->address)
		return arena_full(arena, err);
	return put_pin(&pin, target, arena, err);
}

int target_make(const struct node_check *in, struct node_target *ret_target, struct arena *arena,
	struct err *err)
{
	struct digest pin;
	int r;

	*ret_target = (struct node_target){ .api_key = in->api_key, .revision = INT_NONE };
	if (in->enrol.len)
		return from_enrol(in, ret_target, arena, err);
	if (!in->address)
		return err_set(err, REASON_MISSING_FIELD, "address",
			"give the enrol string, or address and API key");
	r = make_address(in->address, in->transport, ret_target, arena, err);
	if (r < 0 || !in->fingerprint)
		return r;
	if (!pin_parse(span_of(in->fingerprint), &pin))
		return err_set(err, REASON_INVALID_FIELD, "fingerprint",
			"give the fingerprint as the node prints it: sha256//… or hexadecimal");
	return put_pin(&pin, ret_target, arena, err);
}
