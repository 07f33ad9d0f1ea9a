/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/endpoint.h"

#include "base/cidr.h"
#include "base/parse.h"

/* RFC 1123 section 2.1, and '_', which real names have. A last label of digits is an IPv4 address. */
static bool is_name(struct span host)
{
	struct span rest = host;
	bool digits = false;

	if (host.len == 0 || host.len > ENDPOINT_HOST_MAX)
		return false;
	while (rest.at) {
		struct span label = span_cut(&rest, '.');

		if (label.len == 0 && !rest.at && host.at[host.len - 1] == '.')
			return true; /* fully qualified */
		if (label.len == 0 || label.len > 63 || label.at[0] == '-' ||
			label.at[label.len - 1] == '-')
			return false;
		digits = true;
		for (size_t i = 0; i < label.len; i++) {
			char c = label.at[i];

			if (c < '0' || c > '9')
				digits = false;
			if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				    (c >= '0' && c <= '9') || c == '-' || c == '_'))
				return false;
		}
	}
	return !digits;
}

static bool is_host(struct span host)
{
	struct cidr address;

	if (host.len > 2 && host.at[0] == '[')
		return host.at[host.len - 1] == ']' &&
		       cidr_parse_address((struct span){ host.at + 1, host.len - 2 }, &address) &&
		       address.family == IP_V6;
	return is_name(host) || (cidr_parse_address(host, &address) && address.family == IP_V4);
}

bool endpoint_parse(struct span text, struct endpoint *ret_endpoint)
{
	size_t end = text.len;
	uint64_t port = 0;

	if (text.len && text.at[0] == '[') {
		const char *close = memchr(text.at, ']', text.len);

		end = close ? (size_t)(close - text.at) + 1 : 0;
	} else if (memchr(text.at, ':', text.len)) {
		end = (size_t)((const char *)memchr(text.at, ':', text.len) - text.at);
	}
	if (end < text.len) {
		struct span rest = { text.at + end, text.len - end };

		if (rest.at[0] != ':' || rest.len > 6 ||
			!parse_u64((struct span){ rest.at + 1, rest.len - 1 }, 65535, &port) ||
			port == 0)
			return false;
	}
	*ret_endpoint = (struct endpoint){ { text.at, end }, (unsigned)port };
	return is_host(ret_endpoint->host);
}

int check_endpoint(const void *value, struct err *err)
{
	struct endpoint endpoint;

	if (!endpoint_parse(span_of(*(const char *const *)value), &endpoint))
		return err_set(err, REASON_INVALID_FIELD, NULL,
			"write host or host:port: vpn.example.org:51820, 192.0.2.1, [2001:db8::1]:51820");
	return 0;
}
