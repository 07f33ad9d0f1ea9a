/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "http/cert.h"
#include "node/commands.h"
#include "node/keeper/keeper.h"
#include "wg/link.h"

enum { CONFIG_ARENA = 8 * 1024 * 1024, EXIT_CONFIG = 78, TEXT_MAX = 8192 };

static const char usage[] =
	"usage: wgkeeper-node [--config FILE] init [options]\n"
	"\n"
	"Writes a configuration with a fresh API key (mode 0600), makes the HTTPS key, and prints\n"
	"the enrol string for the Console: address, key fingerprint and API key in one line. Treat\n"
	"it like a password. An existing configuration is left as it is and its string printed.\n"
	"\n"
	"  --host NAME           name or address the Console reaches this server by\n"
	"                        (default: the address of the default route)\n"
	"  --port N              TCP port of the API (default 51821)\n"
	"  --interface NAME      the WireGuard interface (default wg0)\n"
	"  --listen-port N       its UDP port (default 51820)\n"
	"  --subnet CIDR         IPv4 addresses for peers (default 10.66.0.0/16)\n"
	"  --subnet6 CIDR        IPv6 addresses for peers (default none)\n"
	"  --wan-interface NAME  where the tunnel's traffic leaves (default: the default route's)\n"
	"  --state-dir DIR       where store and keys are kept (default /var/lib/wgkeeper)\n"
	"  --print-path          print the path of wg-quick's file for the interface, and end\n";

struct answers {
	const char *host, *port, *interface, *listen_port, *subnet, *subnet6, *wan, *state_dir;
	bool print_path, help;
};

static bool read_options(int argc, char **argv, struct answers *a)
{
	enum { HOST = 1, PORT, INTERFACE, LISTEN, SUBNET, SUBNET6, WAN, STATE, PATH, HELP };
	static const struct option options[] = { { "host", required_argument, NULL, HOST },
		{ "port", required_argument, NULL, PORT },
		{ "interface", required_argument, NULL, INTERFACE },
		{ "listen-port", required_argument, NULL, LISTEN },
		{ "subnet", required_argument, NULL, SUBNET },
		{ "subnet6", required_argument, NULL, SUBNET6 },
		{ "wan-interface", required_argument, NULL, WAN },
		{ "state-dir", required_argument, NULL, STATE },
		{ "print-path", no_argument, NULL, PATH }, { "help", no_argument, NULL, HELP }, { 0 } };
	const char **const texts[] = { NULL, &a->host, &a->port, &a->interface, &a->listen_port,
		&a->subnet, &a->subnet6, &a->wan, &a->state_dir };
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return false;
		if (c == PATH)
			a->print_path = true;
		else if (c == HELP)
			a->help = true;
		else
			*texts[c] = optarg;
	}
	return optind == argc;
}

/* The way out tells where the tunnel's traffic leaves, and by what address others see us. */
static int fill_from_route(struct answers *a, struct link_info *link, char address[CIDR_TEXT_SIZE],
	struct err *err)
{
	struct cidr at;
	int r;

	if (a->host && a->wan)
		return 0;
	r = link_default(IP_V4, link, &at, err);
	if (r < 0)
		r = link_default(IP_V6, link, &at, err);
	if (r < 0)
		return err_set(err, REASON_CONFIG, NULL,
			"there is no default route to tell; give --host and --wan-interface");
	if (!a->wan)
		a->wan = link->name;
	if (!a->host)
		a->host = cidr_format_address(address, &at);
	return 0;
}

static void put_config(struct sbuf *out, const struct answers *a, const char *key)
{
	sbuf_puts(out, "# Written by `wgkeeper-node init`. All keys: docs/node-configuration.md\n");
	sbuf_printf(out, "server:\n  port: %s\n", a->port ?: "51821");
	sbuf_printf(out, "auth:\n  api_key: \"%s\"\n", key);
	sbuf_printf(out, "wireguard:\n  interface: %s\n  listen_port: %s\n", a->interface ?: "wg0",
		a->listen_port ?: "51820");
	if (a->subnet || !a->subnet6)
		sbuf_printf(out, "  subnet: %s\n", a->subnet ?: "10.66.0.0/16");
	if (a->subnet6)
		sbuf_printf(out, "  subnet6: \"%s\"\n", a->subnet6);
	sbuf_printf(out, "  endpoint: \"%s\"\n", a->host);
	sbuf_printf(out, "  routing:\n    wan_interface: %s\n", a->wan);
	if (a->state_dir)
		sbuf_printf(out, "state_dir: %s\n", a->state_dir);
}

/* A value that would be more than one scalar of YAML is refused before it is written. */
static int check_plain(const struct answers *a, struct err *err)
{
	const struct {
		const char *option, *text;
	} rows[] = { { "--host", a->host }, { "--port", a->port }, { "--interface", a->interface },
		{ "--listen-port", a->listen_port }, { "--subnet", a->subnet },
		{ "--subnet6", a->subnet6 }, { "--wan-interface", a->wan },
		{ "--state-dir", a->state_dir } };

	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		if (rows[i].text &&
			rows[i].text[strspn(rows[i].text,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/[]")])
			return err_set(err, REASON_CONFIG, rows[i].option,
				"%s has a character that does not belong there", rows[i].option);
	return 0;
}

static int write_new(const char *path, const struct sbuf *text, struct err *err)
{
	scoped(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len || fsync(fd) < 0)
		return err_set(err, REASON_CONFIG, NULL, "cannot write '%s': %s", path,
			strerror(errno));
	return 0;
}

static int write_config(const char *path, const struct answers *given, struct err *err)
{
	scoped(sbuf_wipe) struct sbuf text = SBUF_INIT(TEXT_MAX);
	char key[TOKEN_TEXT_SIZE], address[CIDR_TEXT_SIZE];
	struct answers a = *given;
	struct link_info link;
	int r = fill_from_route(&a, &link, address, err);

	if (r >= 0)
		r = check_plain(&a, err);
	if (r < 0)
		return r;
	put_config(&text, &a, token_make(key));
	explicit_bzero(key, sizeof key);
	r = sbuf_finish(&text, err);
	return r < 0 ? r : write_new(path, &text, err);
}

/* wgk1:HOST:PORT:PIN:KEY; an IPv6 host stands in brackets, PIN is base64url. */
static int print_enrol(const struct node_conf *conf, const struct answers *a, struct arena *arena,
	struct err *err)
{
	char address[CIDR_TEXT_SIZE], host[300], pin_text[44];
	const char *cert, *key;
	struct link_info link;
	struct answers from = *a;
	struct digest pin;
	struct cidr six;
	int r;

	if (!conf->api_key.at)
		return err_set(err, REASON_CONFIG, "auth.api_key",
			"there is no auth.api_key to enrol with; set a fresh one");
	if (!from.host && conf->endpoint)
		from.host = conf->endpoint;
	if (!from.wan)
		from.wan = conf->wan_interface;
	r = fill_from_route(&from, &link, address, err);
	if (r >= 0)
		r = identity_state_dir(conf, err);
	if (r >= 0)
		r = identity_tls(conf, from.host, &cert, &key, arena, err);
	if (r >= 0 && !cert)
		r = err_set(err, REASON_CONFIG, "server.tls",
			"server.tls is off: there is no fingerprint to enrol with; add the node by "
			"address and key");
	if (r >= 0)
		r = cert_pin(cert, &pin, err);
	if (r < 0)
		return r;
	snprintf(host, sizeof host, "%s", from.host);
	if (cidr_parse_address(span_of(host), &six) && six.family == IP_V6)
		snprintf(host, sizeof host, "[%s]", from.host);
	else if (host[0] != '[' && strchr(host, ':'))
		*strchr(host, ':') = '\0'; /* the endpoint's own port */
	sodium_bin2base64(pin_text, sizeof pin_text, pin.bytes, sizeof pin.bytes,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	printf("wgk1:%s:%d:%s:%.*s\n", host, (int)conf->port, pin_text, (int)conf->api_key.len,
		conf->api_key.at);
	return 0;
}

static int load_and_print(const char *path, const struct answers *a, struct err *err)
{
	scoped(arena_freep) struct arena *arena = arena_new(CONFIG_ARENA);
	struct node_conf conf;
	char wg_path[64];
	int r;

	if (!arena)
		return err_nomem(err);
	r = node_conf_load(path, &conf, arena, err);
	if (r < 0)
		return r;
	if (!a->print_path)
		return print_enrol(&conf, a, arena, err);
	puts(node_conf_wg_path(&conf, wg_path, sizeof wg_path));
	return 0;
}

int command_init(int argc, char **argv, const char *config)
{
	const char *path = node_conf_path(config);
	struct answers a = { 0 };
	struct err err = { 0 };
	bool there = access(path, F_OK) == 0;
	int r = 0;

	if (!read_options(argc, argv, &a) || a.help) {
		fputs(usage, a.help ? stdout : stderr);
		return a.help ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (!there && !a.print_path)
		r = write_config(path, &a, &err);
	if (r >= 0 && !a.print_path)
		fprintf(stderr, "%s %s. Start the node, then paste this into the Console's Add "
				"node:\n",
			there ? "Kept" : "Wrote", path);
	if (r >= 0)
		r = load_and_print(path, &a, &err);
	if (r < 0) {
		fprintf(stderr, "wgkeeper-node: %s\n", err.msg);
		return EXIT_CONFIG;
	}
	return EXIT_SUCCESS;
}
