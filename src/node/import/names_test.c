/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "node/import/names.h"
#include "wg/conf_parse.h"

#define SERVER "4P7Nwv8cGwcxqhnUH3fHBRRdIzq5mQLNSfCDN7Ex3mE="
#define ALICE  "QzsaH5bJlk64tNh2kC5hBFDRwx3tQsxnl48hapTfZXE="
#define BOB    "AoniHmLQ24J/OnYQAMo35UsGYW2hprwYI7I630GRElQ="
#define CAROL  "8Q/hL+3Z7xMjKz+spS/7n/4GwqyZVw2PE21VmBXyQCM="
#define ONE    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" /* a point of low order */
#define PSK    "HLvb+4KszRliFe/TVZXaHmPAdwfAfJA/FgTzAJubAVs="

static struct import_names *read_names(const char *text)
{
	struct import_names *names;
	struct err err;

	assert_ok(import_names_read(span_of(text), &names, &err), &err);
	return names;
}

static struct wgkey key_of(const char *text)
{
	struct wgkey key;

	assert_true(wgkey_parse(span_of(text), &key));
	return key;
}

static const char *name_of(const struct import_names *names, const char *key)
{
	struct wgkey bytes = key_of(key);

	return import_name(names, &bytes) ?: "none";
}

TEST(peers_are_found_by_key_with_what_the_file_says)
{
	scoped(import_names_freep) struct import_names *names = read_names(
		"[Interface]\nPrivateKey = " SERVER "\nListenPort = 51820\n"
		"### begin alice ###\n[Peer]\nPublicKey = " ALICE "\nPresharedKey = " PSK
		"\nAllowedIPs = 10.0.0.2/32, fd00::2/128, 10.9.0.0/16\nPersistentKeepalive = 25\n### end alice ###\n"
		"#[disabled] ### begin bob ###\n#[disabled] [Peer]\n#[disabled] PublicKey = " BOB
		"\n#[disabled] AllowedIPs = 10.0.0.3/32\n#[disabled] ### end bob ###\n"
		"# carol, perhaps\n[Peer]\nPublicKey = " CAROL "\n[Peer]\nPublicKey = " ONE "\n");
	struct wgkey alice = key_of(ALICE), bob = key_of(BOB), psk = key_of(PSK), one = key_of(ONE);
	const struct import_peer *peer = import_peer_of(names, &alice);

	assert_int_equal(import_names_state(names), IMPORT_NAMES_READ);
	assert_int_equal(import_names_interface(names)->listen_port, 51820);
	assert_non_null(peer);
	assert_string_equal(peer->name, "alice");
	assert_false(peer->guessed);
	assert_true(wgkey_equal(&peer->preshared_key, &psk));
	assert_int_equal(peer->n_allowed, 3);
	assert_int_equal(peer->allowed[1].family, IP_V6);
	assert_int_equal(peer->keepalive, 25);
	assert_int_equal(peer->line, 5);
	peer = import_peer_of(names, &bob);
	assert_true(peer->disabled);
	assert_string_equal(peer->name, "bob");
	assert_string_equal(name_of(names, CAROL), "carol, perhaps");
	assert_null(import_peer_of(names, &one)); /* nobody can use it */
	assert_null(import_name(NULL, &alice));
}

TEST(names_are_fit_for_a_label)
{
	static const struct {
		const char *comment, *want;
	} cases[] = {
		{ "# friendly_name=  Zo\xc3\xab  ", "Zo\xc3\xab" },
		{ "# friendly_name=a\x1b[31mb\x7f\xff", "a[31mb" },
		{ "# friendly_name=\x01\x02", "none" },
		{ "# friendly_name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xab"
		  "b",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "# friendly_json={\"id\": 3, \"username\": \"alice\"}", "alice" },
		{ "# friendly_json={\"mail\": \"a@b.c\", \"name\": \"Alice \\u00cb\"}",
			"Alice \xc3\x8b" },
		{ "# friendly_json={\"name\": 7}", "none" },
		{ "# friendly_json={\"name\": \"\", \"user\": \"al\"}", "al" },
		{ "# friendly_json={\"id\": 3}", "none" },
		{ "# friendly_json={", "none" },
		{ "# friendly_json=", "none" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(sbuf_done) struct sbuf text = SBUF_INIT(4096);
		scoped(import_names_freep) struct import_names *names = NULL;

		sbuf_printf(&text, "[Peer]\n%s\nPublicKey = " ALICE "\n", cases[i].comment);
		names = read_names(text.data);
		if (strcmp(name_of(names, ALICE), cases[i].want) != 0)
			fail_msg("'%s' gives '%s'", cases[i].comment, name_of(names, ALICE));
	}
}

TEST(a_key_that_is_there_twice_is_one_peer)
{
	scoped(import_names_freep) struct import_names *names = read_names(
		"# friendly_name=first\n[Peer]\nPublicKey = " ALICE "\nAllowedIPs = 10.0.0.2/32\n"
		"[Peer]\nPublicKey = " BOB "\nAllowedIPs = 10.0.0.3/32\n"
		"[Peer]\nPublicKey = " ALICE "\nAllowedIPs = 10.0.0.9/32\n"
		"#[disabled] [Peer]\n#[disabled] PublicKey = " BOB
		"\n#[disabled] # friendly_name=bob\n"
		"#[disabled] AllowedIPs = 10.0.0.8/32\n");
	struct wgkey alice = key_of(ALICE), bob = key_of(BOB);
	size_t i = 0, n = 0;

	while (import_peer_next(names, &i))
		n++;
	assert_int_equal(n, 2);
	assert_string_equal(name_of(names, ALICE), "first");
	assert_int_equal(
		import_peer_of(names, &alice)->allowed[0].addr[3], 9); /* the later counts */
	assert_string_equal(name_of(names, BOB), "bob");
	assert_int_equal(
		import_peer_of(names, &bob)->allowed[0].addr[3], 3); /* … unless disabled */
	assert_false(import_peer_of(names, &bob)->disabled);
}

TEST(what_the_device_has_is_marked)
{
	scoped(import_names_freep) struct import_names *names =
		read_names("[Peer]\nPublicKey = " ALICE "\n[Peer]\nPublicKey = " BOB "\n");
	struct wgkey alice = key_of(ALICE), bob = key_of(BOB), carol = key_of(CAROL);

	import_peer_seen(names, &bob, 7);
	import_peer_seen(names, &carol, 7);
	import_peer_seen(NULL, &carol, 7);
	assert_int_equal(import_peer_of(names, &alice)->seen_dump, 0);
	assert_int_equal(import_peer_of(names, &bob)->seen_dump, 7);
}

TEST(many_peers_are_read)
{
	scoped(sbuf_done) struct sbuf text = SBUF_INIT(WGCONF_BYTES_MAX);
	scoped(import_names_freep) struct import_names *names = NULL;
	const struct import_peer *peer;
	size_t i = 0, n = 0;

	for (unsigned k = 0; k < 5000; k++) {
		struct wgkey key = { .bytes = { (uint8_t)k, (uint8_t)(k >> 8), 9, 9 } };
		char key_text[WGKEY_TEXT_SIZE];

		sbuf_printf(&text,
			"# client %u\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.1.%u.%u/32\n\n", k,
			wgkey_format(key_text, &key), k >> 8, k & 255);
	}
	names = read_names(text.data);
	for (; (peer = import_peer_next(names, &i)); n++)
		assert_int_equal(peer->allowed[0].addr[3], n & 255);
	assert_int_equal(n, 5000);
}

TEST(a_file_that_is_not_there_is_no_failure)
{
	struct import_names *names;
	struct err err;

	assert_ok(import_names_load(GOLDEN_DIR "/none.conf", &names, &err), &err);
	assert_int_equal(import_names_state(names), IMPORT_NAMES_NONE);
	import_names_free(names);
	assert_ok(import_names_load(GOLDEN_DIR, &names, &err), &err);
	assert_int_equal(import_names_state(names), IMPORT_NAMES_FAILED);
	assert_non_null(strstr(import_names_failure(names)->msg, "is a directory"));
	import_names_free(names);
	/* a bbolt file has NULs */
	assert_ok(import_names_load(GOLDEN_DIR "/published-small.db", &names, &err), &err);
	assert_int_equal(import_names_state(names), IMPORT_NAMES_FAILED);
	import_names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_are_found_by_key_with_what_the_file_says),
		cmocka_unit_test(names_are_fit_for_a_label),
		cmocka_unit_test(a_key_that_is_there_twice_is_one_peer),
		cmocka_unit_test(what_the_device_has_is_marked),
		cmocka_unit_test(many_peers_are_read),
		cmocka_unit_test(a_file_that_is_not_there_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
