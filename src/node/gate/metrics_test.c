/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * metrics_test DOCUMENT: the table itself, what is written from it, and whether the document has the same.
 * metrics_test --table prints what belongs into the document.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "node/gate/metrics.h"

static const char *document_path;

static const struct route routes[] = {
	{ HTTP_GET, "/peers/{peerId}" },
	{ HTTP_POST, "/peers" },
};

static void put_row(struct sbuf *out, const struct metric *m)
{
	sbuf_printf(out, "| `%s` | %s | ", m->name, metric_type_word(m->type));
	for (size_t i = 0; i < METRIC_LABELS_MAX && m->label[i].name; i++)
		sbuf_printf(out, "%s`%s`", i ? ", " : "", m->label[i].name);
	sbuf_printf(out, " | %s |\n", m->help);
}

static void put_table(struct sbuf *out)
{
	sbuf_puts(out, "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n");
	for (size_t i = 0; i < n_metrics; i++)
		put_row(out, &metrics[i]);
}

TEST(the_document_has_this_table)
{
	scoped(sbuf_done) struct sbuf table = SBUF_INIT(64 * 1024);
	static char text[256 * 1024];
	FILE *file = fopen(document_path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[n] = '\0';
	put_table(&table);
	if (!strstr(text, table.data))
		fail_msg("%s has another table of metrics; it should be:\n%s", document_path, table.data);
	/* and no row besides */
	assert_null(strstr(strstr(text, table.data) + table.len, "\n| `wgkeeper_"));
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && !strcmp(text + len - end_len, end);
}

TEST(rows_are_sound)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz_";

	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];
		size_t cells = (m->label[0].n ?: 1) * (m->label[1].n ?: 1);
		size_t cell = m->type == METRIC_HISTOGRAM ? sizeof(struct histogram) : sizeof(uint64_t);

		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(m->name, metrics[j].name);
		assert_int_equal(strspn(m->name, allowed), strlen(m->name));
		assert_true(m->help && strlen(m->help) > 5 && !strpbrk(m->help, "|\n"));
		assert_int_equal(m->type == METRIC_COUNTER, ends_in(m->name, "_total"));
		if (m->type == METRIC_HISTOGRAM)
			assert_true(ends_in(m->name, "_seconds"));
		if (m->from == FROM_KEEPER || m->from == FROM_GATE)
			assert_int_equal(m->size, cells * cell);
		for (size_t l = 0; l < METRIC_LABELS_MAX; l++)
			for (size_t w = 0; w < m->label[l].n; w++)
				assert_non_null(m->label[l].words[w]);
	}
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

TEST(each_family_is_written_once)
{
	scoped(http_meters_done) struct http_meters meters = { 0 };
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(1024 * 1024);
	static struct node_metrics node; /* all zero: every gauge is known */
	struct peer_metrics peers[3] = { 0 };
	struct scrape scrape = { .http = &meters, .node = &node, .interface = "wg0", .peers = peers,
		.n_peers = 3 };
	struct http_request req = { .route = &routes[0], .status = 200, .answered_us = 1 };
	struct err err;
	char head[128];

	assert_ok(http_meters_init(&meters, routes, N_ELEMENTS(routes), &err), &err);
	http_meters_add(&meters, &req);
	metrics_write(&out, &scrape);
	while (metrics_write_peers(&out, &scrape, 100))
		;
	assert_false(out.failed);
	for (size_t i = 0; i < n_metrics; i++) {
		snprintf(head, sizeof head, "# HELP %s ", metrics[i].name);
		assert_int_equal(count(out.data, head), 1);
		snprintf(head, sizeof head, "# TYPE %s %s\n", metrics[i].name,
			metric_type_word(metrics[i].type));
		assert_int_equal(count(out.data, head), 1);
		if (metrics[i].from != FROM_PEER)
			continue;
		snprintf(head, sizeof head, "\n%s{", metrics[i].name);
		assert_int_equal(count(out.data, head), 3);
	}
}

/* However many there are, and however small the pieces, the text is the same. */
TEST(pieces_make_one_text)
{
	static struct node_metrics node;
	struct peer_metrics peers[7] = { 0 };
	scoped(sbuf_done) struct sbuf whole = SBUF_INIT(1024 * 1024);
	static const size_t sizes[] = { 1, 90, 200, 333, 5000 };

	for (unsigned i = 0; i < 7; i++) {
		peers[i].id.bytes[15] = (uint8_t)i;
		(void)cidr_parse(span_of("10.0.0.2/32"), &peers[i].address[0]);
		(void)cidr_parse(span_of("fd00::2/128"), &peers[i].address[1]);
		peers[i].handshake_us = i * 1000000;
	}
	for (size_t s = 0; s <= N_ELEMENTS(sizes); s++) {
		struct scrape scrape = { .node = &node, .interface = "wg0", .peers = peers, .n_peers = 7,
			.now_us = 3500000 };
		scoped(sbuf_done) struct sbuf out = SBUF_INIT(1024 * 1024);
		size_t size = s < N_ELEMENTS(sizes) ? sizes[s] : SIZE_MAX;

		while (metrics_write_peers(&out, &scrape, size))
			;
		if (!whole.len)
			sbuf_add(&whole, out.data, out.len);
		assert_string_equal(out.data, whole.data);
	}
	assert_non_null(strstr(whole.data,
		"\nwireguard_latest_handshake_seconds{interface=\"wg0\","
		"public_key=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
		"allowed_ips=\"10.0.0.2/32,fd00::2/128\"} 2\n"));
	assert_non_null(strstr(whole.data,
		"\nwgkeeper_peer_last_handshake_seconds{peer_id=\"00000000-0000-0000-0000-000000000000\","
		"allowed_ip=\"10.0.0.2/32\"} +Inf\n"));
	assert_non_null(strstr(whole.data, "-000000000003\",allowed_ip=\"10.0.0.2/32\"} 0.5\n"));
	assert_non_null(strstr(whole.data, "-000000000006\",allowed_ip=\"10.0.0.2/32\"} 0\n"));
}

TEST(without_the_keeper_its_numbers_are_missing_and_not_wrong)
{
	scoped(http_meters_done) struct http_meters meters = { 0 };
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(1024 * 1024);
	struct scrape scrape = { .http = &meters, .interface = "wg0" };
	struct err err;

	memset(&scrape.gate.processes, 0xff, sizeof scrape.gate.processes);
	assert_ok(http_meters_init(&meters, routes, N_ELEMENTS(routes), &err), &err);
	metrics_write(&out, &scrape);
	assert_false(metrics_write_peers(&out, &scrape, 100));
	assert_non_null(strstr(out.data, "\nwgkeeper_keeper_up 0\n"));
	assert_null(strstr(out.data, "wgkeeper_peers"));
	assert_null(strstr(out.data, "process_"));
}

TEST(requests_are_counted_in_bounded_series)
{
	scoped(http_meters_done) struct http_meters meters = { 0 };
	scoped(sbuf_done) struct sbuf out = SBUF_INIT(1024 * 1024);
	static struct node_metrics node;
	struct scrape scrape = { .http = &meters, .node = &node, .interface = "wg0" };
	struct http_request reqs[] = {
		{ .route = &routes[0], .status = 200, .answered_us = 1 },
		{ .route = &routes[1], .status = 413, .answered_us = 1 },
		{ .method = HTTP_OTHER, .method_name = "X-HOSTILE", .status = 404, .answered_us = 1 },
		{ .method = HTTP_GET, .status = 429, .answered_us = 1 },
		{ .method = HTTP_GET, .status = 301, .answered_us = 1 },
		{ .method = HTTP_GET, .status = 200 }, /* never answered */
	};
	struct err err;

	assert_ok(http_meters_init(&meters, routes, N_ELEMENTS(routes), &err), &err);
	for (size_t i = 0; i < N_ELEMENTS(reqs); i++)
		http_meters_add(&meters, &reqs[i]);
	metrics_write(&out, &scrape);
	assert_non_null(strstr(out.data,
		"wgkeeper_http_requests_total{method=\"GET\",path=\"/peers/:peerId\",status_class=\"2xx\"} 1\n"
		"wgkeeper_http_requests_total{method=\"POST\",path=\"/peers\",status_class=\"4xx\"} 1\n"
		"wgkeeper_http_requests_total{method=\"GET\",path=\"unmatched\",status_class=\"3xx\"} 1\n"
		"wgkeeper_http_requests_total{method=\"GET\",path=\"unmatched\",status_class=\"4xx\"} 1\n"
		"wgkeeper_http_requests_total{method=\"GET\",path=\"unmatched\",status_class=\"unknown\"} 1\n"
		"wgkeeper_http_requests_total{method=\"other\",path=\"unmatched\",status_class=\"4xx\"} 1\n"
		"# HELP"));
	assert_null(strstr(out.data, "HOSTILE"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_has_this_table),
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(each_family_is_written_once),
		cmocka_unit_test(pieces_make_one_text),
		cmocka_unit_test(without_the_keeper_its_numbers_are_missing_and_not_wrong),
		cmocka_unit_test(requests_are_counted_in_bounded_series),
	};
	scoped(sbuf_done) struct sbuf table = SBUF_INIT(64 * 1024);

	if (argc != 2)
		return EXIT_FAILURE;
	if (!strcmp(argv[1], "--table")) {
		put_table(&table);
		fputs(table.data, stdout);
		return EXIT_SUCCESS;
	}
	document_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
