/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "node/import/file.h"
#include "node/import/published.h"

enum { PEERS_MAX = 200 };

struct seen {
	struct peer *peers[PEERS_MAX];
	unsigned n, n_faults;
	struct err fault; /* the last */
	char record[64];
};

static void seen_done(struct seen *seen)
{
	for (unsigned i = 0; i < seen->n; i++)
		peer_free(seen->peers[i]);
}

static int take_peer(void *ctx, struct span record, struct peer *peer, struct err *err)
{
	struct seen *seen = ctx;

	(void)record;
	(void)err;
	assert_true(seen->n < PEERS_MAX);
	seen->peers[seen->n++] = peer;
	return 0;
}

static void take_fault(void *ctx, struct span record, const struct err *fault)
{
	struct seen *seen = ctx;

	seen->n_faults++;
	seen->fault = *fault;
	snprintf(seen->record, sizeof seen->record, "%.*s", (int)record.len, record.at);
}

static const struct published_events events = { take_peer, take_fault };

static struct import_file golden(const char *name)
{
	struct import_file file;
	char path[512];
	struct err err;

	snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
	assert_ok(import_file_read(path, PUBLISHED_BYTES_MAX, IMPORT_LOCKED, &file, &err), &err);
	return file;
}

static struct digest digest_number(const char *what, unsigned i)
{
	char text[32];

	snprintf(text, sizeof text, "%s %u", what, i);
	return digest_of(span_of(text));
}

static const struct peer *peer_number(const struct seen *seen, unsigned i)
{
	struct digest digest = digest_number("public", i);
	struct wgkey key;

	memcpy(key.bytes, digest.bytes, sizeof key.bytes);
	key.bytes[31] &= 0x7f;
	for (unsigned n = 0; n < seen->n; n++)
		if (wgkey_equal(&seen->peers[n]->public_key, &key))
			return seen->peers[n];
	fail_msg("peer %u is not there", i);
	return NULL;
}

/* As tests/lib/published.py made it: see sample() there. */
static void check_sample(const struct seen *seen, unsigned i)
{
	const struct peer *peer = peer_number(seen, i);
	struct digest id = digest_number("id", i), preshared = digest_number("preshared", i);
	char text[CIDR_TEXT_SIZE], want[CIDR_TEXT_SIZE], time[TIME_TEXT_SIZE];

	id.bytes[6] = (id.bytes[6] & 0x0f) | 0x40;
	id.bytes[8] = (id.bytes[8] & 0x3f) | 0x80;
	assert_memory_equal(peer->id.bytes, id.bytes, sizeof peer->id.bytes);
	assert_memory_equal(peer->preshared_key.bytes, preshared.bytes, sizeof preshared.bytes);
	snprintf(want, sizeof want, "10.61.%u.%u/32", (i + 2) / 256, (i + 2) % 256);
	assert_string_equal(cidr_format(text, &peer->address[0]), want);
	snprintf(want, sizeof want, "fd61::%x/128", i + 2);
	assert_string_equal(cidr_format(text, &peer->address[1]), want);
	snprintf(want, sizeof want, "2026-05-01T10:00:%02u", i % 60);
	assert_memory_equal(time_format(time, peer->created_at, TIME_FRACTION), want, strlen(want));
	assert_int_equal(peer->created_at.us % USEC_PER_SEC, (123456789 + i) / 1000);
	if (i % 3 == 0)
		assert_string_equal(time_format(time, peer->expires_at, TIME_FRACTION),
			"2099-12-31T23:59:59.5Z");
	else
		assert_int_equal(peer->expires_at.us, 0);
}

TEST(keys_addresses_and_times_come_as_they_are)
{
	static const struct {
		const char *name;
		unsigned n;
	} files[] = { { "published-small.db", 3 }, { "published-pages.db", 120 } };

	for (size_t f = 0; f < N_ELEMENTS(files); f++) {
		scoped(import_file_done) struct import_file file = golden(files[f].name);
		scoped(seen_done) struct seen seen = { .n = 0 };
		struct err err;

		assert_ok(published_read(file.text, &events, &seen, &err), &err);
		assert_int_equal(seen.n, files[f].n);
		assert_int_equal(seen.n_faults, 0);
		for (unsigned i = 0; i < files[f].n; i++)
			check_sample(&seen, i);
	}
}

/* Replaces the first such text of the file, byte for byte. */
static void replace(struct import_file *file, const char *from, const char *to)
{
	char *at = memmem(file->text.at, file->text.len, from, strlen(from));

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

TEST(a_faulty_record_is_named_and_the_others_are_read)
{
	static const struct {
		const char *from, *to;
		enum err_reason reason;
		const char *says;
	} cases[] = {
		{ "{\"peer_id", "[\"peer_id", REASON_INVALID_JSON, "not JSON" },
		{ "\"peer_id\":", "\"peer_iD\":", REASON_UNKNOWN_FIELD, "peer_iD" },
		{ "{\"peer_id\":\"", "{\"peer_id\":5", REASON_INVALID_JSON, "" },
		{ "\"peer_id\":\"3", "\"peer_id\":\"4", REASON_INVALID_FIELD, "differ" },
		{ "\"public_key\":\"", "\"public_kez\":\"", REASON_UNKNOWN_FIELD, "public_kez" },
		{ "=\",\"preshared_key", "A\",\"preshared_key", REASON_INVALID_FIELD,
			"public_key" },
		{ "\",\"preshared_key\":\"", "\",\"preshared_kez\":\"", REASON_UNKNOWN_FIELD, "" },
		{ "=\",\"allowed_ips", "A\",\"allowed_ips", REASON_INVALID_FIELD, "preshared_key" },
		{ "[\"10.61.0.2/32\"", "[\"10.61.0.2/24\"", REASON_INVALID_FIELD,
			"single addresses" },
		{ "[\"10.61.0.2/32\"", "[\"10.61.0.256\" ", REASON_INVALID_FIELD, "allowed_ips" },
		{ ",\"fd61::2/128\"]", ",\"10.61.0.3/32\"", REASON_INVALID_JSON, "" },
		{ ",\"fd61::2/128\"]", ",\"10.61.0.33\" ]", REASON_INVALID_FIELD, "two addresses" },
		{ "\"created_at\":\"2026-05", "\"created_at\":\"2026-15", REASON_INVALID_FIELD,
			"created_at" },
		{ "\"expires_at\":\"", "\"expired_at\":\"", REASON_UNKNOWN_FIELD, "expired_at" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		scoped(import_file_done) struct import_file file = golden("published-small.db");
		scoped(seen_done) struct seen seen = { .n = 0 };
		struct err err;

		replace(&file, cases[i].from, cases[i].to);
		assert_ok(published_read(file.text, &events, &seen, &err), &err);
		if (seen.n != 2 || seen.n_faults != 1 || seen.fault.reason != cases[i].reason ||
			!strstr(seen.fault.msg, cases[i].says))
			fail_msg("'%s' for '%s': %u peers, %u faults, %s: %s", cases[i].to,
				cases[i].from, seen.n, seen.n_faults, err_slug(seen.fault.reason),
				seen.fault.msg);
		assert_int_equal(strlen(seen.record), 36);
	}
}

TEST(an_empty_file_has_no_peers)
{
	struct seen seen = { .n = 0 };
	struct err err;

	assert_ok(published_read(span_of(""), &events, &seen, &err), &err);
	assert_fails(published_read(span_of("x"), &events, &seen, &err), &err, REASON_FOREIGN);
	assert_int_equal(seen.n + seen.n_faults, 0);
}

TEST(files_that_cannot_be_read_are_named)
{
	struct import_file file;
	struct err err;

	assert_fails(import_file_read(GOLDEN_DIR "/none", 1000, IMPORT_LOCKED, &file, &err), &err,
		REASON_NOT_FOUND);
	assert_fails(import_file_read(GOLDEN_DIR, 1000, IMPORT_LOCKED, &file, &err), &err,
		REASON_CONFIG);
	assert_fails(import_file_read("/dev/null", 1000, IMPORT_ANYHOW, &file, &err), &err,
		REASON_CONFIG);
	assert_fails(import_file_read(
			     GOLDEN_DIR "/published-small.db", 1000, IMPORT_ANYHOW, &file, &err),
		&err, REASON_CONFIG);
	assert_non_null(strstr(err.msg, "larger than 1000 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_addresses_and_times_come_as_they_are),
		cmocka_unit_test(a_faulty_record_is_named_and_the_others_are_read),
		cmocka_unit_test(an_empty_file_has_no_peers),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
