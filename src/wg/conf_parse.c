/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wg/conf_parse.h"

#include "base/parse.h"
#include "wg/conf_name.h"

/* PiVPN takes a peer out by putting this before each of its lines. */
static const char disabled_mark[] = "#[disabled]";

enum section { SECTION_NONE, SECTION_INTERFACE, SECTION_PEER };

/* The section that lines belong to. There are two at a time: WireGuard's, and that of disabled lines. */
struct part {
	enum section section;
	bool malformed;
	unsigned n_settings;
	struct wgconf_peer peer;
};

struct parser {
	const struct wgconf_events *events;
	void *ctx;
	struct wgconf_interface interface;
	struct part parts[2]; /* [1]: disabled */
	struct part *latest;  /* whose [Peer] came last */
	unsigned line;
	/* the name for the next [Peer] */
	struct span name;
	enum wgconf_name name_kind;
	bool in_block;
};

static void note_at(struct parser *p, unsigned line, enum wgconf_note what, const char *setting)
{
	if (p->events->note)
		p->events->note(p->ctx, line, what, setting);
}

static void note(struct parser *p, enum wgconf_note what, const char *setting)
{
	note_at(p, p->line, what, setting);
}

/*
 * Settings: each says whether the value was understood
 */

static bool read_private_key(struct parser *p, struct part *part, struct span value)
{
	(void)part;
	return wgkey_parse(value, &p->interface.private_key);
}

static bool read_port(struct parser *p, struct part *part, struct span value)
{
	uint64_t n;

	(void)part;
	if (!parse_u64(value, UINT16_MAX, &n))
		return false;
	p->interface.listen_port = (uint16_t)n;
	return true;
}

static bool read_mtu(struct parser *p, struct part *part, struct span value)
{
	uint64_t n;

	(void)part;
	if (!parse_u64(value, UINT16_MAX, &n))
		return false;
	p->interface.mtu = (uint16_t)n;
	return true;
}

/* "10.0.0.2/32, fd00::2": an address without a prefix is a host. `room` counts what fits. */
static bool read_cidrs(
	struct span value, struct cidr *cidrs, unsigned room, unsigned *n, bool masked)
{
	while (value.at) {
		struct span piece = span_trim(span_cut(&value, ','));
		struct cidr cidr;

		if (piece.len == 0)
			continue;
		if (!cidr_parse_any(piece, &cidr))
			return false;
		if (*n < room)
			cidrs[*n] = masked ? cidr_network(&cidr) : cidr;
		++*n;
	}
	return true;
}

static bool read_address(struct parser *p, struct part *part, struct span value)
{
	(void)part;
	return read_cidrs(value, p->interface.addresses, WGCONF_ADDRESSES_MAX,
		&p->interface.n_addresses, false);
}

static bool read_public_key(struct parser *p, struct part *part, struct span value)
{
	(void)p;
	return wgkey_parse(value, &part->peer.public_key) && !wgkey_is_zero(&part->peer.public_key);
}

static bool read_preshared_key(struct parser *p, struct part *part, struct span value)
{
	(void)p;
	return wgkey_parse(value, &part->peer.preshared_key);
}

static bool read_allowed(struct parser *p, struct part *part, struct span value)
{
	(void)p;
	return read_cidrs(
		value, part->peer.allowed, WGCONF_ALLOWED_MAX, &part->peer.n_allowed, true);
}

static bool read_keepalive(struct parser *p, struct part *part, struct span value)
{
	uint64_t n = 0;

	(void)p;
	if (!span_is_nocase(value, "off") && !parse_u64(value, UINT16_MAX, &n))
		return false;
	part->peer.keepalive = (uint16_t)n;
	return true;
}

static const struct setting {
	const char *name;
	enum section section;
	bool hook;
	bool (*read)(struct parser *p, struct part *part, struct span value); /* NULL: dropped */
} settings[] = {
	{ "PrivateKey", SECTION_INTERFACE, false, read_private_key },
	{ "Address", SECTION_INTERFACE, false, read_address },
	{ "ListenPort", SECTION_INTERFACE, false, read_port },
	{ "MTU", SECTION_INTERFACE, false, read_mtu },
	{ "FwMark", SECTION_INTERFACE, false, NULL },
	{ "DNS", SECTION_INTERFACE, false, NULL },
	{ "Table", SECTION_INTERFACE, false, NULL },
	{ "SaveConfig", SECTION_INTERFACE, false, NULL },
	{ "PreUp", SECTION_INTERFACE, true, NULL },
	{ "PostUp", SECTION_INTERFACE, true, NULL },
	{ "PreDown", SECTION_INTERFACE, true, NULL },
	{ "PostDown", SECTION_INTERFACE, true, NULL },
	/* AmneziaWG's */
	{ "Jc", SECTION_INTERFACE, false, NULL },
	{ "Jmin", SECTION_INTERFACE, false, NULL },
	{ "Jmax", SECTION_INTERFACE, false, NULL },
	{ "S1", SECTION_INTERFACE, false, NULL },
	{ "S2", SECTION_INTERFACE, false, NULL },
	{ "S3", SECTION_INTERFACE, false, NULL },
	{ "S4", SECTION_INTERFACE, false, NULL },
	{ "H1", SECTION_INTERFACE, false, NULL },
	{ "H2", SECTION_INTERFACE, false, NULL },
	{ "H3", SECTION_INTERFACE, false, NULL },
	{ "H4", SECTION_INTERFACE, false, NULL },
	{ "I1", SECTION_INTERFACE, false, NULL },
	{ "I2", SECTION_INTERFACE, false, NULL },
	{ "I3", SECTION_INTERFACE, false, NULL },
	{ "I4", SECTION_INTERFACE, false, NULL },
	{ "I5", SECTION_INTERFACE, false, NULL },

	{ "PublicKey", SECTION_PEER, false, read_public_key },
	{ "PresharedKey", SECTION_PEER, false, read_preshared_key },
	{ "AllowedIPs", SECTION_PEER, false, read_allowed },
	{ "PersistentKeepalive", SECTION_PEER, false, read_keepalive },
	{ "Endpoint", SECTION_PEER, false, NULL },
	{ "AdvancedSecurity", SECTION_PEER, false, NULL },
};

static const struct setting *setting_of(enum section section, struct span name)
{
	for (size_t i = 0; i < N_ELEMENTS(settings); i++)
		if (settings[i].section == section && span_is_nocase(name, settings[i].name))
			return &settings[i];
	return NULL;
}

static void read_setting(struct parser *p, struct part *part, struct span line)
{
	struct span value = line, name = span_trim(span_cut(&value, '='));
	const struct setting *setting = setting_of(part->section, name);

	if (!setting || !value.at) {
		note(p, WGCONF_UNKNOWN, NULL);
		return;
	}
	part->n_settings++;
	if (setting->hook)
		p->interface.n_hooks++;
	if (!setting->read) {
		note(p, setting->hook ? WGCONF_HOOK : WGCONF_DROPPED, setting->name);
	} else if (!setting->read(p, part, span_trim(value))) {
		part->malformed = true;
		note(p, WGCONF_MALFORMED, setting->name);
	}
}

/*
 * Sections
 */

static int end_peer(struct parser *p, struct part *part, struct err *err)
{
	int r = 0;

	if (wgkey_is_zero(&part->peer.public_key)) {
		if (!part->malformed)
			note_at(p, part->peer.line, WGCONF_KEYLESS, NULL);
	} else if (!part->malformed) {
		if (p->interface.n_peers == WGCONF_PEERS_MAX)
			return err_set(err, REASON_TOO_LARGE, NULL, "line %u: more than %d peers",
				p->line, WGCONF_PEERS_MAX);
		p->interface.n_peers++;
		r = p->events->peer(p->ctx, &part->peer, err);
	}
	explicit_bzero(&part->peer, sizeof part->peer);
	return r;
}

static int end_part(struct parser *p, struct part *part, struct err *err)
{
	int r = part->section == SECTION_PEER ? end_peer(p, part, err) : 0;

	if (p->latest == part)
		p->latest = NULL;
	part->section = SECTION_NONE;
	part->malformed = false;
	part->n_settings = 0;
	return r;
}

static void forget_name(struct parser *p)
{
	p->name_kind = WGCONF_NAMELESS;
	p->in_block = false;
}

static void begin_peer(struct parser *p, struct part *part)
{
	part->section = SECTION_PEER;
	part->peer.line = p->line;
	part->peer.disabled = part == &p->parts[1];
	part->peer.name_kind = p->name_kind;
	part->peer.name = p->name;
	p->latest = part;
	forget_name(p);
}

static int read_section(struct parser *p, struct part *part, struct span line, struct err *err)
{
	int r = end_part(p, part, err);

	if (r < 0)
		return r;
	if (span_is_nocase(line, "[Peer]")) {
		begin_peer(p, part);
		return 0;
	}
	forget_name(p);
	if (!span_is_nocase(line, "[Interface]"))
		note(p, WGCONF_UNKNOWN, NULL);
	else if (part == &p->parts[0])
		part->section = SECTION_INTERFACE;
	return 0;
}

/*
 * Comments
 */

static bool name_latest(struct parser *p, struct span name, enum wgconf_name kind)
{
	struct part *part = p->latest;

	/* a guess names a peer only before its settings: behind them it belongs to the next one */
	if (!part || part->peer.name_kind >= kind ||
		(kind == WGCONF_NAME_COMMENT && part->n_settings > 0))
		return false;
	part->peer.name = name;
	part->peer.name_kind = kind;
	return true;
}

static void name_next(struct parser *p, struct span name, enum wgconf_name kind, bool block)
{
	if (kind < p->name_kind)
		return;
	p->name = name;
	p->name_kind = kind;
	p->in_block = block;
}

static void read_comment(struct parser *p, struct span comment)
{
	enum wgconf_name kind;
	struct span name;

	switch (conf_read_comment(comment, &name, &kind)) {
	case CONF_MARK_NONE: break;
	case CONF_MARK_ABOVE: name_next(p, name, kind, false); break;
	case CONF_MARK_BLOCK: name_next(p, name, kind, true); break;
	case CONF_MARK_END: forget_name(p); break;
	case CONF_MARK_GUESS:
	case CONF_MARK_INSIDE:
		if (!name_latest(p, name, kind))
			name_next(p, name, kind, false);
		break;
	}
}

/*
 * Lines
 */

static int read_line(struct parser *p, struct span line, struct err *err)
{
	struct part *part = &p->parts[0];
	struct span setting, comment;

	if (span_starts(line, disabled_mark)) {
		part = &p->parts[1];
		line.at += sizeof disabled_mark - 1;
		line.len -= sizeof disabled_mark - 1;
	}
	comment = line = span_trim(line);
	if (line.len == 0) {
		/* an empty line parts a comment from what follows it, a block's begin it does not */
		if (!p->in_block)
			forget_name(p);
		return 0;
	}
	setting = span_trim(span_cut(&comment, '#'));
	if (setting.len == 0) {
		read_comment(p, line);
	} else if (setting.at[0] == '[') {
		int r = read_section(p, part, setting, err);

		if (r < 0)
			return r;
		if (comment.at) /* "[Peer] # alice" */
			read_comment(
				p, span_trim((struct span){ comment.at - 1, comment.len + 1 }));
	} else {
		read_setting(p, part, setting);
	}
	return 0;
}

static int read_lines(struct parser *p, struct span text, struct err *err)
{
	int r = 0;

	while (r >= 0 && text.at) {
		struct span line = span_cut(&text, '\n');

		p->line++;
		if (line.len > WGCONF_LINE_MAX)
			return err_set(err, REASON_TOO_LARGE, NULL,
				"line %u is longer than %d bytes", p->line, WGCONF_LINE_MAX);
		if (line.len && memchr(line.at, 0, line.len))
			return err_set(err, REASON_INVALID_FIELD, NULL,
				"line %u is no text: it has a NUL", p->line);
		r = read_line(p, line, err);
	}
	for (unsigned i = 0; i < N_ELEMENTS(p->parts) && r >= 0; i++)
		r = end_part(p, &p->parts[i], err);
	return r;
}

static void wipe(struct parser *p)
{
	explicit_bzero(p, sizeof *p);
}

int wgconf_parse(struct span text, const struct wgconf_events *events, void *ctx,
	struct wgconf_interface *ret_interface, struct err *err)
{
	scoped(wipe) struct parser p = { .events = events, .ctx = ctx };
	int r;

	if (text.len > WGCONF_BYTES_MAX)
		return err_set(err, REASON_TOO_LARGE, NULL, "more than %d bytes", WGCONF_BYTES_MAX);
	r = read_lines(&p, text, err);
	if (r >= 0)
		*ret_interface = p.interface;
	return r;
}
