/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "http/cert.h"
#include "node/commands.h"
#include "node/keeper/keeper.h"

enum { CONFIG_ARENA = 8 * 1024 * 1024, EXIT_CONFIG = 78 };

static const char usage[] =
	"usage: wgkeeper-node [--config FILE] [COMMAND]\n"
	"\n"
	"Serves a WireGuard interface: owns its peers, its addresses and its keys, and lets a\n"
	"Console manage them over HTTPS. Without a command it runs in the foreground.\n"
	"\n"
	"Commands:\n"
	"  init                write a configuration with a fresh API key, and print the enrol\n"
	"                      string that the Console's 'Add node' takes in one paste\n"
	"                      (wgkeeper-node init --help for its options)\n"
	"  init --print-path   print where wg-quick's file for the interface would be\n"
	"  fingerprint         print the fingerprint of the API's TLS key\n"
	"\n"
	"Options:\n"
	"  --config FILE       the configuration (default: $NODE_CONFIG, else ./config.yaml)\n"
	"  --accept-subnet-change\n"
	"                      keep peers that a changed subnet or server address leaves no place\n"
	"                      for: suspended, until it is changed back; without it they keep the\n"
	"                      node from starting\n"
	"  --check-config      check it and end\n"
	"  --print-config      print it as understood, secrets as ***\n"
	"  --health            ask the local API whether it is ready; exit status 0 if so\n"
	"  --version           print the version\n"
	"  --help              print this\n";

struct loaded {
	struct arena *arena;
	struct node_conf conf;
};

static void loaded_done(struct loaded *loaded)
{
	arena_free(loaded->arena);
}

static int load(const char *path, struct loaded *loaded)
{
	struct err err;

	loaded->arena = arena_new(CONFIG_ARENA);
	if (!loaded->arena)
		return EXIT_FAILURE;
	if (node_conf_load(node_conf_path(path), &loaded->conf, loaded->arena, &err) < 0) {
		fprintf(stderr, "wgkeeper-node: %s\n", err.msg);
		return EXIT_CONFIG;
	}
	return 0;
}

static int check_config(const char *path)
{
	scoped(loaded_done) struct loaded loaded = { 0 };
	int status = load(path, &loaded);

	if (status == 0)
		printf("%s: ok\n", node_conf_path(path));
	return status;
}

static int print_config(const char *path)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(64 * 1024);
	scoped(loaded_done) struct loaded loaded = { 0 };
	int status = load(path, &loaded);

	if (status != 0)
		return status;
	conf_print(&out, &node_conf_type, &loaded.conf);
	fputs(out.data, stdout);
	return 0;
}

static int fingerprint(const char *path)
{
	scoped(loaded_done) struct loaded loaded = { 0 };
	char host[IPC_NAME_SIZE] = "wgkeeper-node", text[PIN_TEXT_SIZE], hex[PIN_HEX_SIZE];
	const char *cert, *key;
	struct digest pin;
	struct err err = { 0 };
	int status = load(path, &loaded), r;

	if (status != 0)
		return status;
	(void)gethostname(host, sizeof host - 1);
	r = identity_state_dir(&loaded.conf, &err);
	if (r >= 0)
		r = identity_tls(&loaded.conf, host, &cert, &key, loaded.arena, &err);
	if (r >= 0 && !cert)
		r = err_set(&err, REASON_CONFIG, "server.tls",
			"server.tls is off: there is no fingerprint");
	if (r >= 0)
		r = cert_pin(cert, &pin, &err);
	if (r < 0) {
		fprintf(stderr, "wgkeeper-node: %s\n", err.msg);
		return EXIT_CONFIG;
	}
	printf("%s\n%s\n", pin_format(text, &pin), pin_format_hex(hex, &pin));
	return 0;
}

static int bad_usage(const char *word)
{
	if (word)
		fprintf(stderr, "wgkeeper-node: unknown command: %s\n\n", word);
	fputs(usage, stderr);
	return EXIT_FAILURE;
}

static int run_command(int argc, char **argv, const char *config)
{
	if (!strcmp(argv[0], "init"))
		return command_init(argc, argv, config);
	if (!strcmp(argv[0], "fingerprint") && argc == 1)
		return fingerprint(config);
	return bad_usage(argv[0]);
}

int command_line_read(int argc, char **argv, struct command_line *ret_line)
{
	enum { CONFIG = 1, CHECK, PRINT, HEALTH, VERSION, HELP, ACCEPT };
	static const struct option options[] = { { "config", required_argument, NULL, CONFIG },
		{ "accept-subnet-change", no_argument, NULL, ACCEPT },
		{ "check-config", no_argument, NULL, CHECK },
		{ "print-config", no_argument, NULL, PRINT }, { "health", no_argument, NULL, HEALTH },
		{ "version", no_argument, NULL, VERSION }, { "help", no_argument, NULL, HELP }, { 0 } };
	int what = 0, c;

	*ret_line = (struct command_line){ 0 };
	/* "+": what follows a command is the command's */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == CONFIG)
			ret_line->config = optarg;
		else if (c == ACCEPT)
			ret_line->accept_subnet_change = true;
		else if (c == '?')
			return bad_usage(NULL);
		else
			what = c;
	}
	switch (what) {
	case CHECK: return check_config(ret_line->config);
	case PRINT: return print_config(ret_line->config);
	case HEALTH: return command_health(ret_line->config);
	case VERSION: puts("wgkeeper-node " WGKEEPER_VERSION); return 0;
	case HELP: fputs(usage, stdout); return 0;
	default: break;
	}
	return optind < argc ? run_command(argc - optind, argv + optind, ret_line->config) : -1;
}
