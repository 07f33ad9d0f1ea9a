/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wg/uapi_parse.h"

#include "base/parse.h"

enum { ERRNO_MAX = 4096 };

static void end_peer(struct uapi_parser *p, struct wgdev_sink *sink)
{
	if (p->in_peer)
		sink->peer(sink->ctx, &p->peer);
	explicit_bzero(&p->peer, sizeof p->peer);
	p->in_peer = false;
}

/*
 * One function a key. Each says whether the value was understood.
 */

static bool on_private_key(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	(void)p;
	return wgkey_parse_hex(value, &sink->interface.private_key);
}

static bool read_number(struct span value, uint64_t max, uint64_t *ret)
{
	return parse_u64(value, max, ret);
}

static bool on_listen_port(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	uint64_t n;

	(void)p;
	if (!read_number(value, UINT16_MAX, &n))
		return false;
	sink->interface.listen_port = (uint16_t)n;
	return true;
}

static bool on_fwmark(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	uint64_t n;

	(void)p;
	if (!read_number(value, UINT32_MAX, &n))
		return false;
	sink->interface.fwmark = (uint32_t)n;
	return true;
}

static bool on_public_key(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	end_peer(p, sink);
	p->in_peer = true;
	return wgkey_parse_hex(value, &p->peer.public_key);
}

static bool on_preshared_key(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	(void)sink;
	return wgkey_parse_hex(value, &p->peer.preshared_key);
}

static bool on_endpoint(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	size_t colon = value.len;
	struct span host;
	uint64_t port;

	(void)sink;
	while (colon > 0 && value.at[colon - 1] != ':')
		colon--;
	if (colon == 0 || !read_number((struct span){ value.at + colon, value.len - colon },
				  UINT16_MAX, &port))
		return false;
	host = (struct span){ value.at, colon - 1 };
	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
		struct span zone = { host.at + 1, host.len - 2 };

		host = span_cut(&zone, '%'); /* of a link-local address */
	}
	p->peer.endpoint_port = (uint16_t)port;
	return cidr_parse_address(host, &p->peer.endpoint);
}

static bool on_keepalive(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	uint64_t n;

	(void)sink;
	if (!read_number(value, UINT16_MAX, &n))
		return false;
	p->peer.keepalive = (uint16_t)n;
	return true;
}

static bool on_allowed_ip(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	struct cidr cidr;

	(void)sink;
	if (!cidr_parse(value, &cidr))
		return false;
	if (p->peer.n_allowed < WGDEV_ALLOWED_MAX)
		p->peer.allowed[p->peer.n_allowed] = cidr_network(&cidr);
	p->peer.n_allowed++;
	return true;
}

static bool on_handshake_sec(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	uint64_t n;

	(void)sink;
	if (!read_number(value, INT64_MAX / 2000000, &n))
		return false;
	p->peer.last_handshake.us += (int64_t)n * USEC_PER_SEC;
	return true;
}

static bool on_handshake_nsec(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	uint64_t n;

	(void)sink;
	if (!read_number(value, 999999999, &n))
		return false;
	p->peer.last_handshake.us += (int64_t)n / 1000;
	return true;
}

static bool on_rx_bytes(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	(void)sink;
	return read_number(value, UINT64_MAX, &p->peer.rx_bytes);
}

static bool on_tx_bytes(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	(void)sink;
	return read_number(value, UINT64_MAX, &p->peer.tx_bytes);
}

static bool on_errno(struct uapi_parser *p, struct span value, struct wgdev_sink *sink)
{
	(void)sink;
	return parse_i64(value, -ERRNO_MAX, ERRNO_MAX, &p->error);
}

static const struct {
	const char *name;
	bool of_peer;
	bool (*read)(struct uapi_parser *p, struct span value, struct wgdev_sink *sink);
} keys[] = {
	{ "private_key", false, on_private_key },
	{ "listen_port", false, on_listen_port },
	{ "fwmark", false, on_fwmark },
	{ "public_key", false, on_public_key },
	{ "preshared_key", true, on_preshared_key },
	{ "endpoint", true, on_endpoint },
	{ "persistent_keepalive_interval", true, on_keepalive },
	{ "allowed_ip", true, on_allowed_ip },
	{ "last_handshake_time_sec", true, on_handshake_sec },
	{ "last_handshake_time_nsec", true, on_handshake_nsec },
	{ "rx_bytes", true, on_rx_bytes },
	{ "tx_bytes", true, on_tx_bytes },
	{ "errno", false, on_errno },
};

int uapi_parse_line(struct uapi_parser *p, struct span line, struct wgdev_sink *sink, struct err *err)
{
	struct span value = line, name;

	if (line.len == 0) {
		end_peer(p, sink);
		p->done = true;
		return 0;
	}
	name = span_cut(&value, '=');
	for (size_t i = 0; i < N_ELEMENTS(keys); i++) {
		if (!span_is(name, keys[i].name))
			continue;
		/* a value is never put into the message: it may be a key */
		if (!value.at || (keys[i].of_peer && !p->in_peer) || !keys[i].read(p, value, sink))
			return err_set(err, REASON_DEVICE, NULL,
				"WireGuard's answer has a malformed '%s'", keys[i].name);
		return 0;
	}
	return 0;
}

void uapi_put_config(struct sbuf *out, const struct wgdev_config *config)
{
	char hex[65];

	sbuf_printf(out, "private_key=%s\nlisten_port=%u\n",
		wgkey_format_hex(hex, &config->private_key), config->listen_port);
	explicit_bzero(hex, sizeof hex);
}

void uapi_put_change(struct sbuf *out, const struct wgdev_change *change)
{
	char hex[65], text[CIDR_TEXT_SIZE];

	sbuf_printf(out, "public_key=%s\n", wgkey_format_hex(hex, &change->public_key));
	if (change->remove) {
		/* without update_only an unknown key would be made first */
		sbuf_puts(out, "update_only=true\nremove=true\n");
		return;
	}
	sbuf_printf(out, "preshared_key=%s\n", wgkey_format_hex(hex, &change->preshared_key));
	sbuf_printf(out, "persistent_keepalive_interval=%u\nreplace_allowed_ips=true\n",
		change->keepalive);
	for (unsigned i = 0; i < change->n_allowed; i++)
		sbuf_printf(out, "allowed_ip=%s\n", cidr_format(text, &change->allowed[i]));
	explicit_bzero(hex, sizeof hex);
}
