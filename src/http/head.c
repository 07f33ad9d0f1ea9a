/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <strings.h>

#include "http/internal.h"

enum { HEAD_BYTES_MAX = 8192, HEAD_LINES_MAX = 64 };

struct count {
	unsigned lines, lengths, encodings;
	size_t bytes;
};

static enum MHD_Result count_header(
	void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct count *count = ctx;

	(void)kind;
	count->lines++;
	count->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
	count->lengths += !strcasecmp(name, "Content-Length");
	count->encodings += !strcasecmp(name, "Transfer-Encoding");
	return MHD_YES;
}

int head_check(struct http_request *req, struct err *err)
{
	struct count count = { 0 };

	MHD_get_connection_values(req->connection, MHD_HEADER_KIND, count_header, &count);
	if (count.lines > HEAD_LINES_MAX || count.bytes > HEAD_BYTES_MAX)
		return err_set(err, REASON_TOO_LARGE, NULL, "the request's head is too large");
	if (count.lengths + count.encodings > 1)
		return err_set(err, REASON_INVALID_FIELD, "Content-Length",
			"the request says twice how long its body is");
	return 0;
}

static bool is_trusted(const struct cidr *address, const struct list *trusted)
{
	const struct cidr *cidrs = trusted ? trusted->at : NULL;

	for (size_t i = 0; trusted && i < trusted->n; i++)
		if (cidr_contains(&cidrs[i], address))
			return true;
	return false;
}

static struct span cut_last(struct span *list)
{
	const char *comma = list->len ? memrchr(list->at, ',', list->len) : NULL;
	struct span last = *list;

	if (!comma) {
		*list = (struct span){ 0 };
		return last;
	}
	list->len = (size_t)(comma - list->at);
	last.at = comma + 1;
	last.len -= list->len + 1;
	return last;
}

/* From the right, over trusted proxies, to the first address that is none; the leftmost when all are.
 * False where the header is absent or malformed. */
static bool forwarded_for(const char *header, const struct list *trusted, struct cidr *ret_source)
{
	struct span rest = header ? span_of(header) : (struct span){ 0 };
	struct cidr source;

	if (!rest.len)
		return false;
	while (rest.at) {
		if (!cidr_parse_address(span_trim(cut_last(&rest)), &source))
			return false;
		if (!is_trusted(&source, trusted))
			break;
	}
	*ret_source = source;
	return true;
}

void source_find(struct http_request *req, const struct list *trusted)
{
	const char *real;

	req->source = req->peer;
	if (!is_trusted(&req->peer, trusted))
		return;
	if (forwarded_for(http_header(req, "X-Forwarded-For"), trusted, &req->source))
		return;
	real = http_header(req, "X-Real-IP");
	if (real)
		(void)cidr_parse_address(span_trim(span_of(real)), &req->source);
}
