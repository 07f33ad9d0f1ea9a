/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/enrol.h"

#include <sodium.h>

#include "base/parse.h"
#include "model/endpoint.h"

static bool split(struct span text, struct enrol *enrol)
{
	struct span rest = text, pin, host_port;
	struct endpoint endpoint;
	size_t len = 0;
	const char *end;

	if (!span_is(span_cut(&rest, ':'), "wgk1") || !rest.at)
		return false;
	host_port = rest;
	if (rest.len && rest.at[0] == '[') {
		end = memchr(rest.at, ']', rest.len);
		if (!end || (size_t)(end - rest.at) + 1 >= rest.len || end[1] != ':')
			return false;
		enrol->host = (struct span){ rest.at, (size_t)(end - rest.at) + 1 };
		rest = (struct span){ end + 2, rest.len - enrol->host.len - 1 };
	} else {
		enrol->host = span_cut(&rest, ':');
	}
	if (!rest.at)
		return false;
	enrol->port = span_cut(&rest, ':');
	host_port.len = (size_t)(enrol->port.at + enrol->port.len - host_port.at);
	if (!rest.at || !endpoint_parse(host_port, &endpoint) || !endpoint.port)
		return false;
	pin = span_cut(&rest, ':');
	enrol->api_key = rest;
	return rest.at && rest.len >= 32 && rest.len <= 512 &&
	       sodium_base642bin(enrol->pin, ENROL_PIN_SIZE, pin.at, pin.len, NULL, &len, NULL,
		       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       len == ENROL_PIN_SIZE;
}

int enrol_parse(struct span text, struct enrol *ret_enrol, struct err *err)
{
	if (!split(span_trim(text), ret_enrol))
		return err_set(err, REASON_INVALID_FIELD, "enrol",
			"this is not a whole enrol string; copy the line that wgkeeper-node init "
			"prints, beginning with wgk1:");
	return 0;
}
