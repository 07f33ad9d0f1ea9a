/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "base/test.h"
#include "conf/conf.h"

struct conf {
	int64_t port, max;
	const char *interface;
	struct secret key;
	struct cidr subnet;
	struct list allowed;
	bool per_peer;
};

/* clang-format off */
static const struct field fields[] = {
	FIELD(struct conf, port, .conf = "server.port", .env = "PORT", .flags = F_REQUIRED, .min = 1, .max = 65535, .doc = "TCP port."),
	FIELD(struct conf, allowed, .conf = "server.allowed_ips", .of = FIELD_CIDR, .doc = "Who may call."),
	FIELD(struct conf, key, .conf = "auth.api_key", .env = "API_KEY", .min = 8, .max = 64, .doc = "The key."),
	FIELD(struct conf, interface, .conf = "wireguard.interface", .env = "WG_IF", .dflt = "wg0", .doc = "Its name."),
	FIELD(struct conf, subnet, .conf = "wireguard.subnet", .flags = F_NULLABLE, .doc = "Addresses."),
	FIELD(struct conf, per_peer, .conf = "metrics.per_peer", .dflt = "false", .doc = "Many series."),
	FIELD(struct conf, max, .conf = "metrics.per_peer_max", .dflt = "100", .min = 1, .max = 1000, .doc = "How many."),
	{ 0 },
};
/* clang-format on */
static const struct type type = TYPE(struct conf, "conf", fields);

static struct arena *arena;

static int read_as(const char *text, struct conf *conf, struct err *err)
{
	memset(conf, 0, sizeof *conf);
	memset(err, 0, sizeof *err);
	return conf_read_yaml("c.yaml", span_of(text), &type, conf, arena, err);
}

TEST(a_whole_file)
{
	struct conf c;
	struct err err;

	assert_ok(read_as("# comment\nserver:\n  port: \"51821\"\n  allowed_ips: [10.0.0.0/8, \"::1\"]\n"
			  "auth: {api_key: ' 0123456789 '}\nwireguard:\n  subnet: 10.1.0.0/24\n"
			  "metrics:\n  per_peer: true\n",
			  &c, &err),
		&err);
	assert_int_equal(c.port, 51821);
	assert_int_equal(c.allowed.n, 2);
	assert_int_equal(((struct cidr *)c.allowed.at)[1].family, IP_V6);
	assert_int_equal(c.key.len, 10);
	assert_string_equal(c.interface, "wg0");
	assert_int_equal(c.subnet.bits, 24);
	assert_true(c.per_peer);
	assert_int_equal(c.max, 100);
}

TEST(empty_values_count_as_not_given)
{
	struct conf c;
	struct err err;

	assert_ok(read_as("server: {port: 1}\nwireguard:\n  subnet: \"\"\n  interface:\nmetrics:\n",
			  &c, &err),
		&err);
	assert_int_equal(c.subnet.family, IP_NONE);
	assert_string_equal(c.interface, "wg0");
}

TEST(errors_say_where_and_what)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "server:\n  port: 1\nwireguard:\n  subnets: x\n",
			"c.yaml:4: unknown key 'wireguard.subnets'; did you mean 'wireguard.subnet'?" },
		{ "completely: different\n", "c.yaml:1: unknown key 'completely'" },
		{ "server:\n  port: 80a80\n", "c.yaml:2: 'server.port' must be a whole number" },
		{ "server:\n  port: 8080.5\n", "c.yaml:2: 'server.port' must be a whole number" },
		{ "server:\n  port: 70000\n", "c.yaml:2: 'server.port' must be between 1 and 65535" },
		{ "server:\n  port: 1\n  port: 2\n",
			"c.yaml:3: 'server.port' is given twice (first on line 2)" },
		{ "server:\n  port: 1\n  allowed_ips: [\"\"]\n",
			"c.yaml:3: 'server.allowed_ips[0]' is empty; remove the element or the list" },
		{ "server:\n  port: 1\n  allowed_ips: [10.0.0.0/33]\n",
			"c.yaml:3: 'server.allowed_ips[0]' must be an address or a prefix" },
		{ "server:\n  port: 1\n  allowed_ips: 10.0.0.0/8\n",
			"c.yaml:3: 'server.allowed_ips' must be a list" },
		{ "server: &a {port: 1}\nwireguard: *a\n", "c.yaml:1: aliases are not taken" },
		{ "server: 5\n", "c.yaml:1: 'server' must be a section of keys" },
		{ "- a\n- b\n", "c.yaml: not a section of keys" },
		{ "wireguard:\n", "c.yaml: server.port is required (TCP port.)" },
		{ "", "c.yaml: server.port is required (TCP port.)" },
		{ "server:\n  port: 1\nauth:\n  api_key: short\n",
			"c.yaml:4: 'auth.api_key' must have at least 8 bytes" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct conf c;
		struct err err;

		assert_fails(read_as(cases[i].text, &c, &err), &err, REASON_CONFIG);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

TEST(broken_yaml_has_a_line)
{
	struct conf c;
	struct err err;

	assert_fails(read_as("server:\n  port: [1\n", &c, &err), &err, REASON_CONFIG);
	assert_non_null(strstr(err.msg, "c.yaml:3: not YAML"));
}

TEST(the_environment)
{
	struct conf c = { 0 };
	struct err err;

	unsetenv("PORT");
	assert_fails(conf_read_env(&type, &c, arena, &err), &err, REASON_CONFIG);
	assert_string_equal(err.field, "PORT");
	setenv("PORT", "80a80", 1);
	assert_fails(conf_read_env(&type, &c, arena, &err), &err, REASON_CONFIG);
	assert_string_equal(err.msg, "'PORT' must be a whole number");
	setenv("PORT", "8080", 1);
	setenv("API_KEY", "0123456789", 1);
	assert_ok(conf_read_env(&type, &c, arena, &err), &err);
	assert_int_equal(c.port, 8080);
	assert_string_equal(c.interface, "wg0");
	assert_int_equal(c.key.len, 10);
}

TEST(secrets_are_not_printed)
{
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(4096);
	struct conf c;
	struct err err;

	assert_ok(read_as("server: {port: 1}\nauth: {api_key: 0123456789}\n", &c, &err), &err);
	conf_print(&out, &type, &c);
	assert_non_null(strstr(out.data, "auth.api_key: ***\n"));
	assert_non_null(strstr(out.data, "server.port: 1\n"));
	assert_null(strstr(out.data, "0123456789"));
}

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return arena ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file),
		cmocka_unit_test(empty_values_count_as_not_given),
		cmocka_unit_test(errors_say_where_and_what),
		cmocka_unit_test(broken_yaml_has_a_line),
		cmocka_unit_test(the_environment),
		cmocka_unit_test(secrets_are_not_printed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
