/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "wg/conf_parse.h"

#define SERVER "4P7Nwv8cGwcxqhnUH3fHBRRdIzq5mQLNSfCDN7Ex3mE="
#define ALICE  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define BOB    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
#define CAROL  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="
#define PSK    "//////////////////////////////////////////8="

enum { SEEN_MAX = 8, NOTES_MAX = 64 };

struct seen {
	struct wgconf_peer peers[SEEN_MAX];
	char names[SEEN_MAX][80];
	unsigned n;
	struct {
		unsigned line;
		enum wgconf_note what;
		const char *setting;
	} notes[NOTES_MAX];
	unsigned n_notes;
	struct wgconf_interface interface;
};

static int take_peer(void *ctx, const struct wgconf_peer *peer, struct err *err)
{
	struct seen *seen = ctx;

	(void)err;
	assert_true(seen->n < SEEN_MAX);
	snprintf(seen->names[seen->n], sizeof seen->names[0], "%.*s",
		peer->name_kind ? (int)peer->name.len : 0, peer->name.at ?: "");
	seen->peers[seen->n++] = *peer;
	return 0;
}

static void take_note(void *ctx, unsigned line, enum wgconf_note what, const char *setting)
{
	struct seen *seen = ctx;

	assert_true(seen->n_notes < NOTES_MAX);
	seen->notes[seen->n_notes].line = line;
	seen->notes[seen->n_notes].what = what;
	seen->notes[seen->n_notes++].setting = setting;
}

static const struct wgconf_events events = { take_peer, take_note };

static struct seen read_text(const char *text)
{
	struct seen seen = { .n = 0 };
	struct err err;

	assert_ok(wgconf_parse(span_of(text), &events, &seen, &seen.interface, &err), &err);
	assert_int_equal(seen.n, seen.interface.n_peers);
	return seen;
}

static const char *key_text(const struct wgkey *key)
{
	static char text[WGKEY_TEXT_SIZE];

	return wgkey_format(text, key);
}

static void assert_cidr(const struct cidr *cidr, const char *want)
{
	char text[CIDR_TEXT_SIZE];

	assert_string_equal(cidr_format(text, cidr), want);
}

TEST(reads_interface_and_peers)
{
	struct seen seen = read_text("[Interface]\r\n"
				     "PrivateKey = " SERVER "\r\n"
				     "address = 10.0.0.1/24, fd00::1/64\n"
				     "Address=192.0.2.1\n"
				     "ListenPort = 51820 # the usual one\n"
				     "MTU = 1380\n"
				     "\n"
				     "  [peer]  \n"
				     "PUBLICKEY=" ALICE "\n"
				     "PresharedKey = " PSK "\n"
				     "AllowedIPs = 10.0.0.2/32,, fd00::2 \n"
				     "AllowedIPs = 10.9.8.7/16\n"
				     "PersistentKeepalive = 25\n"
				     "[Peer]\n"
				     "PublicKey = " BOB "\n"
				     "AllowedIPs =\n"
				     "PersistentKeepalive = off");

	assert_string_equal(key_text(&seen.interface.private_key), SERVER);
	assert_int_equal(seen.interface.n_addresses, 3);
	assert_cidr(&seen.interface.addresses[0], "10.0.0.1/24");
	assert_cidr(&seen.interface.addresses[1], "fd00::1/64");
	assert_cidr(&seen.interface.addresses[2], "192.0.2.1/32");
	assert_int_equal(seen.interface.listen_port, 51820);
	assert_int_equal(seen.interface.mtu, 1380);
	assert_int_equal(seen.n_notes, 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.peers[0].line, 8);
	assert_string_equal(key_text(&seen.peers[0].public_key), ALICE);
	assert_string_equal(key_text(&seen.peers[0].preshared_key), PSK);
	assert_int_equal(seen.peers[0].n_allowed, 3);
	assert_cidr(&seen.peers[0].allowed[0], "10.0.0.2/32");
	assert_cidr(&seen.peers[0].allowed[1], "fd00::2/128");
	assert_cidr(&seen.peers[0].allowed[2], "10.9.0.0/16"); /* host bits are cleared */
	assert_int_equal(seen.peers[0].keepalive, 25);
	assert_string_equal(key_text(&seen.peers[1].public_key), BOB);
	assert_true(wgkey_is_zero(&seen.peers[1].preshared_key)); /* nothing of the one before */
	assert_int_equal(seen.peers[1].n_allowed, 0);
	assert_int_equal(seen.peers[1].keepalive, 0);
	assert_int_equal(seen.peers[1].name_kind, WGCONF_NAMELESS);
}

/* What each tool writes for two peers. */
static const struct {
	const char *what, *text, *first, *second;
	enum wgconf_name kind;
} tools[] = {
	{ "wg-easy",
		"[Interface]\nPrivateKey = " SERVER "\nPostUp = iptables -t nat -A x\n\n\n"
		"# Client: Alice (work) (b3b9a38e-8a4a-4f34-a7e2-3ea4b6d4b1c8)\n[Peer]\nPublicKey = " ALICE
		"\nPresharedKey = " PSK "\nAllowedIPs = 10.8.0.2/32\n\n\n"
		"# Client: Bob (home)\n[Peer]\nPublicKey = " BOB "\nAllowedIPs = 10.8.0.3/32\n",
		"Alice (work)", "Bob (home)", WGCONF_NAME_MARK },
	{ "angristan",
		"[Interface]\nPrivateKey = " SERVER
		"\n\n### Client alice\n[Peer]\nPublicKey = " ALICE
		"\nAllowedIPs = 10.66.66.2/32,fd42:42:42::2/128\n\n### Client bob\n[Peer]\nPublicKey = " BOB
		"\nAllowedIPs = 10.66.66.3/32\n",
		"alice", "bob", WGCONF_NAME_MARK },
	{ "Nyr",
		"# Do not alter the commented lines\n# They are used by wireguard-install\n"
		"# ENDPOINT 192.0.2.1\n\n[Interface]\nAddress = 10.7.0.1/24\nPrivateKey = " SERVER
		"\n\n"
		"# BEGIN_PEER alice\n[Peer]\nPublicKey = " ALICE
		"\nAllowedIPs = 10.7.0.2/32\n# END_PEER alice\n# BEGIN_PEER bob\n[Peer]\nPublicKey = " BOB
		"\nAllowedIPs = 10.7.0.3/32\n# END_PEER bob\n",
		"alice", "bob", WGCONF_NAME_MARK },
	{ "PiVPN",
		"[Interface]\nPrivateKey = " SERVER
		"\n### begin alice ###\n[Peer]\nPublicKey = " ALICE
		"\nAllowedIPs = 10.6.0.2/32\n### end alice ###\n### begin bob-phone ###\n[Peer]\nPublicKey = " BOB
		"\nAllowedIPs = 10.6.0.3/32\n### end bob-phone ###\n",
		"alice", "bob-phone", WGCONF_NAME_MARK },
	{ "WGDashboard",
		"[Interface]\nPrivateKey = " SERVER
		"\n\n[Peer]\n#Name# = Alice's laptop\nPublicKey = " ALICE
		"\nAllowedIPs = 10.0.0.2/32\n\n[Peer]\n#Name# = = odd =\nPublicKey = " BOB
		"\nAllowedIPs = 10.0.0.3/32\n",
		"Alice's laptop", "= odd =", WGCONF_NAME_MARK },
	{ "exporter, names",
		"[Peer]\n# friendly_name=Alice\nPublicKey = " ALICE "\nAllowedIPs = 10.0.0.2/32\n\n"
		"[Peer]\nPublicKey = " BOB "\nAllowedIPs = 10.0.0.3/32\n# friendly_name = Bob\n",
		"Alice", "Bob", WGCONF_NAME_MARK },
	{ "exporter, JSON",
		"[Peer]\n# friendly_json={\"name\":\"a=b\", \"id\":3}\nPublicKey = " ALICE "\n"
		"[Peer]\n# friendly_json={}\nPublicKey = " BOB "\n",
		"{\"name\":\"a=b\", \"id\":3}", "{}", WGCONF_NAME_JSON },
	{ "free comments above",
		"# the VPN of the office\n\n[Interface]\nPrivateKey = " SERVER "\n"
		"# employees\n# alice\n[Peer]\nPublicKey = " ALICE
		"\n# contractors\n\n# bob\n[Peer]\nPublicKey = " BOB "\n",
		"alice", "bob", WGCONF_NAME_COMMENT },
	{ "free comments inside",
		"# clients\n\n[Peer]\n# alice\n# a second line\nPublicKey = " ALICE
		"\n\n[Peer] # bob\nPublicKey = " BOB "\n",
		"alice", "bob", WGCONF_NAME_COMMENT },
};

TEST(finds_the_names_that_tools_leave)
{
	for (size_t i = 0; i < N_ELEMENTS(tools); i++) {
		struct seen seen = read_text(tools[i].text);

		if (seen.n != 2 || strcmp(seen.names[0], tools[i].first) != 0 ||
			strcmp(seen.names[1], tools[i].second) != 0 ||
			seen.peers[0].name_kind != tools[i].kind ||
			seen.peers[1].name_kind != tools[i].kind)
			fail_msg("%s: %u peers, '%s', '%s'", tools[i].what, seen.n, seen.names[0],
				seen.names[1]);
	}
}

TEST(a_comment_that_is_no_name_names_nobody)
{
	static const char *const comments[] = { "# -----------", "#", "# [Peer]",
		("#PublicKey = " CAROL), "# AllowedIPs = 10.0.0.9/32", "# Endpoint=192.0.2.1:51820",
		"# clients\n", "### end alice ###", "# END_PEER alice", "# alice\n[Interface]",
		"# BEGIN_PEER x\n[Interface]" };

	for (size_t i = 0; i < N_ELEMENTS(comments); i++) {
		scoped(sbuf_done) struct sbuf text = SBUF_INIT(4096);
		struct seen seen;

		sbuf_printf(&text, "%s\n[Peer]\nPublicKey = " ALICE "\n", comments[i]);
		seen = read_text(text.data);
		if (seen.n != 1 || seen.peers[0].name_kind != WGCONF_NAMELESS)
			fail_msg("'%s' named '%s'", comments[i], seen.names[0]);
	}
}

TEST(a_mark_is_surer_than_a_comment)
{
	struct seen seen =
		read_text("### begin alice ###\n# a note\n\n[Peer]\n# another\nPublicKey = " ALICE
			  "\n### end alice ###\n"
			  "# a guess\n[Peer]\nPublicKey = " BOB
			  "\n# friendly_name=bob\n# carol\n[Peer]\nPublicKey = " CAROL "\n");

	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.names[0], "alice");
	assert_string_equal(seen.names[1], "bob");
	assert_string_equal(seen.names[2], "carol");
}

TEST(reads_the_peers_that_pivpn_disabled)
{
	struct seen seen = read_text(
		"[Interface]\nPrivateKey = " SERVER "\n"
		"### begin alice ###\n[Peer]\nPublicKey = " ALICE
		"\nAllowedIPs = 10.6.0.2/32\n### end alice ###\n"
		"#[disabled] ### begin bob ###\n#[disabled] [Peer]\n#[disabled] PublicKey = " BOB
		"\n"
		"#[disabled] PresharedKey = " PSK
		"\n#[disabled] AllowedIPs = 10.6.0.3/32\n#[disabled] ### end bob ###\n"
		"### begin carol ###\n#[disabled] [Peer]\n#[disabled] PublicKey = " CAROL
		"\n### end carol ###\n"
		"AllowedIPs = 10.6.0.9/32\n"
		"#[disabled] [Interface]\n#[disabled] ListenPort = 1\n");

	assert_int_equal(seen.n, 3);
	assert_string_equal(key_text(&seen.peers[0].public_key), BOB);
	assert_string_equal(seen.names[0], "bob");
	assert_true(seen.peers[0].disabled);
	assert_string_equal(key_text(&seen.peers[0].preshared_key), PSK);
	assert_int_equal(seen.peers[0].n_allowed, 1);
	assert_string_equal(seen.names[1], "carol");
	assert_true(seen.peers[1].disabled);
	/* to WireGuard the last line belongs to alice: it sees no other peer */
	assert_false(seen.peers[2].disabled);
	assert_string_equal(seen.names[2], "alice");
	assert_int_equal(seen.peers[2].n_allowed, 2);
	assert_int_equal(seen.interface.listen_port, 0);
}

static bool has_note(
	const struct seen *seen, unsigned line, enum wgconf_note what, const char *setting)
{
	for (unsigned i = 0; i < seen->n_notes; i++)
		if (seen->notes[i].line == line && seen->notes[i].what == what &&
			!strcmp(seen->notes[i].setting ?: "", setting ?: ""))
			return true;
	return false;
}

TEST(hooks_and_what_does_not_come_along_are_told)
{
	struct seen seen = read_text(
		"Address = 10.0.0.1/24\n[Interface]\nPostUp = iptables -A FORWARD; reboot\npredown = x\nPreUp = y\n"
		"SaveConfig = true\nTable = off\nDNS = 1.1.1.1, lan\nJc = 4\nFwMark = 0xca6c\nNonsense = 1\n"
		"PublicKey = " ALICE "\n" SERVER "\n[Peer]\nPublicKey = " ALICE
		"\nEndpoint = [2001:db8::1]:51820\n"
		"PostUp = z\n[Server]\nListenPort = 9\n[Peer]\nAllowedIPs = 10.0.0.3/32\n");

	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.interface.n_hooks, 3);
	assert_true(has_note(&seen, 1, WGCONF_UNKNOWN, NULL));
	assert_true(has_note(&seen, 3, WGCONF_HOOK, "PostUp"));
	assert_true(has_note(&seen, 4, WGCONF_HOOK, "PreDown"));
	assert_true(has_note(&seen, 6, WGCONF_DROPPED, "SaveConfig"));
	assert_true(has_note(&seen, 9, WGCONF_DROPPED, "Jc"));
	assert_true(has_note(&seen, 12, WGCONF_UNKNOWN, NULL)); /* a setting of peers only */
	assert_true(has_note(&seen, 13, WGCONF_UNKNOWN, NULL));
	assert_true(has_note(&seen, 16, WGCONF_DROPPED, "Endpoint"));
	assert_true(has_note(&seen, 17, WGCONF_UNKNOWN, NULL));
	assert_true(has_note(&seen, 18, WGCONF_UNKNOWN, NULL));
	assert_true(has_note(&seen, 19, WGCONF_UNKNOWN, NULL));
	assert_true(has_note(&seen, 20, WGCONF_KEYLESS, NULL));
	assert_int_equal(seen.interface.listen_port, 0);
}

TEST(malformed_values_leave_their_peer_out)
{
	static const char *const wrong[] = { "PublicKey = short",
		"PublicKey = ", "AllowedIPs = 10.0.0.2/33", "AllowedIPs = 10.0.0.2/32, x",
		("PresharedKey = " ALICE ALICE), "PersistentKeepalive = 65536",
		"PersistentKeepalive = -1",
		"PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" };

	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		scoped(sbuf_done) struct sbuf text = SBUF_INIT(4096);
		struct seen seen;

		sbuf_printf(&text,
			"[Peer]\nPublicKey = " ALICE "\n%s\n[Peer]\nPublicKey = " BOB "\n",
			wrong[i]);
		seen = read_text(text.data);
		if (seen.n != 1 || strcmp(key_text(&seen.peers[0].public_key), BOB) != 0 ||
			seen.n_notes != 1 || seen.notes[0].what != WGCONF_MALFORMED ||
			seen.notes[0].line != 3)
			fail_msg("'%s': %u peers, %u notes", wrong[i], seen.n, seen.n_notes);
	}
}

TEST(a_malformed_private_key_is_none)
{
	struct seen seen = read_text("[Interface]\nPrivateKey = " SERVER "x\nListenPort = 70000\n");

	assert_true(wgkey_is_zero(&seen.interface.private_key));
	assert_int_equal(seen.interface.listen_port, 0);
	assert_true(has_note(&seen, 2, WGCONF_MALFORMED, "PrivateKey"));
	assert_true(has_note(&seen, 3, WGCONF_MALFORMED, "ListenPort"));
}

static int count_peer(void *ctx, const struct wgconf_peer *peer, struct err *err)
{
	(void)err;
	assert_true(peer->n_allowed <= 1000);
	++*(unsigned *)ctx;
	return 0;
}

static const struct wgconf_events counting = { count_peer, NULL };

static int parse_counted(const struct sbuf *text, unsigned *n, struct err *err)
{
	struct wgconf_interface interface;

	*n = 0;
	return wgconf_parse((struct span){ text->data, text->len }, &counting, n, &interface, err);
}

TEST(limits_are_errors_that_name_the_line)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(WGCONF_BYTES_MAX + 4096);
	struct err err;
	unsigned n;

	sbuf_puts(&text, "[Interface]\n# ");
	for (int i = 0; i < WGCONF_LINE_MAX - 2; i++)
		sbuf_putc(&text, 'x');
	assert_ok(parse_counted(&text, &n, &err), &err);
	sbuf_putc(&text, 'x');
	assert_fails(parse_counted(&text, &n, &err), &err, REASON_TOO_LARGE);
	assert_string_equal(err.msg, "line 2 is longer than 4096 bytes");

	sbuf_clear(&text);
	sbuf_add(&text, "[Peer]\nPublic\0Key", 17);
	assert_fails(parse_counted(&text, &n, &err), &err, REASON_INVALID_FIELD);

	sbuf_clear(&text);
	for (int i = 0; i < WGCONF_PEERS_MAX; i++)
		sbuf_puts(&text, "[Peer]\nPublicKey=" ALICE "\n");
	assert_ok(parse_counted(&text, &n, &err), &err);
	assert_int_equal(n, WGCONF_PEERS_MAX);
	sbuf_puts(&text, "[Peer]\nPublicKey=" ALICE "\n");
	assert_fails(parse_counted(&text, &n, &err), &err, REASON_TOO_LARGE);

	while (text.len <= WGCONF_BYTES_MAX)
		sbuf_puts(&text, "# filling\n");
	assert_fails(parse_counted(&text, &n, &err), &err, REASON_TOO_LARGE);
}

TEST(counts_allowed_ips_beyond_its_array)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(65536);
	struct seen seen;

	sbuf_puts(&text, "[Peer]\nPublicKey=" ALICE "\n");
	for (int i = 0; i < 200; i++)
		sbuf_printf(&text, "AllowedIPs = 10.0.0.%d/32, 10.0.1.%d/32\n", i, i);
	seen = read_text(text.data);
	assert_int_equal(seen.peers[0].n_allowed, 400);
}

static int refuse_peer(void *ctx, const struct wgconf_peer *peer, struct err *err)
{
	(void)ctx;
	(void)peer;
	return err_nomem(err);
}

TEST(an_answer_of_the_caller_ends_the_reading)
{
	static const struct wgconf_events refusing = { refuse_peer, NULL };
	struct wgconf_interface interface;
	struct err err;

	assert_fails(wgconf_parse(span_of("[Peer]\nPublicKey=" ALICE), &refusing, NULL, &interface,
			     &err),
		&err, REASON_NO_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_interface_and_peers),
		cmocka_unit_test(finds_the_names_that_tools_leave),
		cmocka_unit_test(a_comment_that_is_no_name_names_nobody),
		cmocka_unit_test(a_mark_is_surer_than_a_comment),
		cmocka_unit_test(reads_the_peers_that_pivpn_disabled),
		cmocka_unit_test(hooks_and_what_does_not_come_along_are_told),
		cmocka_unit_test(malformed_values_leave_their_peer_out),
		cmocka_unit_test(a_malformed_private_key_is_none),
		cmocka_unit_test(limits_are_errors_that_name_the_line),
		cmocka_unit_test(counts_allowed_ips_beyond_its_array),
		cmocka_unit_test(an_answer_of_the_caller_ends_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
