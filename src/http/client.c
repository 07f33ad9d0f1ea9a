/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/cert.h"

enum { CONNECT_MS = 3000, HEADER_SIZE = 600 };

int http_client_init(struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, REASON_INTERNAL, NULL, "libcurl does not start");
	return 0;
}

/*
 * Which addresses may be called: docs/architecture.md, "Outbound guard". Private networks are where nodes
 * live; what is refused serves only somebody who wants to reach what he cannot reach himself.
 */

struct refused {
	const char *network;
};

static const struct refused refused[] = {
	{ "0.0.0.0/8" },       /* this host: RFC 1122 section 3.2.1.3 */
	{ "169.254.0.0/16" },  /* link-local, cloud metadata: RFC 3927 */
	{ "224.0.0.0/4" },     /* multicast: RFC 5771 */
	{ "240.0.0.0/4" },     /* reserved, and broadcast: RFC 1112 section 4 */
	{ "100.100.100.200/32" }, /* a metadata service that is not link-local */
	{ "::/128" },
	{ "fe80::/10" },       /* link-local: RFC 4291 section 2.5.6 */
	{ "ff00::/8" },        /* multicast */
	{ "fd00:ec2::/32" },   /* a metadata service */
	{ "64:ff9b::/96" },    /* translations hide an IPv4 address: RFC 6052 */
	{ "2002::/16" },       /* 6to4: RFC 3056 */
	{ "2001::/32" },       /* Teredo: RFC 4380 */
};

static bool may_call(const struct cidr *address)
{
	for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
		struct cidr network;

		if (!cidr_parse(span_of(refused[i].network), &network) ||
			cidr_contains(&network, address))
			return false;
	}
	return true;
}

/* What one transfer needs beside curl's handle. */
struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct sbuf body;
	char api_key[HEADER_SIZE];
	bool guarded; /* an address was refused */
};

static void end_transfer(struct transfer *t)
{
	if (t->curl)
		curl_easy_cleanup(t->curl);
	for (struct curl_slist *h = t->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	explicit_bzero(t->api_key, sizeof t->api_key);
	sbuf_wipe(&t->body);
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = ctx;
	struct cidr address;

	(void)purpose;
	if (!cidr_from_sockaddr(&to->addr, &address) || !may_call(&address)) {
		t->guarded = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	sbuf_add(&t->body, data, size * n);
	return t->body.failed ? 0 : size * n;
}

static void add_header(struct transfer *t, const char *text)
{
	struct curl_slist *more = curl_slist_append(t->headers, text);

	if (more)
		t->headers = more;
}

/* Options that no caller may change. */
static void secure(struct transfer *t, const char *url, unsigned timeout_ms)
{
	CURL *curl = t->curl;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* the pin is the trust; a chain or a name would say nothing about a self-made key */
	curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS));
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, t);
}

static bool is_tls(const char *url)
{
	return span_starts(span_of(url), "https://");
}

static int prepare(struct transfer *t, const struct http_call *call, struct err *err)
{
	CURL *curl = t->curl;

	secure(t, call->url, call->timeout_ms);
	if (is_tls(call->url)) {
		if (!call->pin)
			return err_set(err, REASON_NODE_PIN, "fingerprint",
				"there is no fingerprint to check the node by");
		curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, call->pin);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
	if (call->body.at) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.at);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)call->body.len);
		add_header(t, "Content-Type: application/json");
	}
	add_header(t, "Expect:");
	add_header(t, "Accept: application/json");
	if (call->api_key.len) {
		if (call->api_key.len > HEADER_SIZE - 16 ||
			memchr(call->api_key.at, '\n', call->api_key.len) ||
			memchr(call->api_key.at, '\r', call->api_key.len))
			return err_set(err, REASON_INVALID_FIELD, "apiKey",
				"an API key is one line of printable characters");
		snprintf(t->api_key, sizeof t->api_key, "X-API-Key: %.*s",
			(int)call->api_key.len, call->api_key.at);
		add_header(t, t->api_key);
	}
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	return 0;
}

static int failed(struct transfer *t, CURLcode code, struct err *err)
{
	long sent = 0;

	if (t->guarded)
		return err_set(err, REASON_GUARD, "address",
			"this address may not be called; see the list in docs/architecture.md");
	if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return err_set(err, REASON_NODE_PIN, "fingerprint",
			"the node shows another key than the one that was saved; nothing was sent");
	if (code == CURLE_WRITE_ERROR)
		return err_set(err, REASON_NODE_ANSWER, NULL, "the node's answer is too large");
	curl_easy_getinfo(t->curl, CURLINFO_REQUEST_SIZE, &sent);
	if (sent > 0)
		return err_set(err, REASON_OUTCOME_UNKNOWN, NULL,
			"the node took the request and did not answer: %s", curl_easy_strerror(code));
	return err_set(err, REASON_NODE_UNREACHABLE, NULL, "the node cannot be reached: %s",
		curl_easy_strerror(code));
}

int http_call(const struct http_call *call, struct http_reply *ret_reply, struct arena *arena,
	struct err *err)
{
	scoped(end_transfer) struct transfer t = { .curl = curl_easy_init(),
		.body = SBUF_INIT(call->max_answer) };
	long status = 0;
	CURLcode code;
	int r;

	if (!t.curl)
		return err_nomem(err);
	r = prepare(&t, call, err);
	if (r < 0)
		return r;
	code = curl_easy_perform(t.curl);
	if (code != CURLE_OK)
		return failed(&t, code, err);
	curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
	ret_reply->status = (unsigned)status;
	ret_reply->body = (struct span){ arena_strndup(arena, (struct span){ t.body.data, t.body.len }),
		t.body.len };
	return ret_reply->body.at ? 0 : arena_full(arena, err);
}

int http_probe_pin(const char *url, unsigned timeout_ms, struct digest *ret_pin, struct err *err)
{
	scoped(end_transfer) struct transfer t = { .curl = curl_easy_init(), .body = SBUF_INIT(1) };
	struct curl_certinfo *chain = NULL;
	CURLcode code;

	if (!t.curl)
		return err_nomem(err);
	secure(&t, url, timeout_ms);
	curl_easy_setopt(t.curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(t.curl, CURLOPT_CERTINFO, 1L);
	code = curl_easy_perform(t.curl);
	if (code != CURLE_OK)
		return failed(&t, code, err);
	curl_easy_getinfo(t.curl, CURLINFO_CERTINFO, &chain);
	if (chain && chain->num_of_certs > 0)
		for (struct curl_slist *line = chain->certinfo[0]; line; line = line->next)
			if (!strncmp(line->data, "Cert:", 5))
				return cert_pin(line->data + 5, ret_pin, err);
	return err_set(err, REASON_NODE_ANSWER, NULL, "the node shows no certificate");
}
