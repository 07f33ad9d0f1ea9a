/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/ui.h"

#include <string.h>

/* clang-format off */
const struct http_header ui_headers[] = {
	{ "Cache-Control", "no-store", NULL },
	{ "Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
		"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
		"frame-ancestors 'none'; object-src 'none'", NULL },
	{ "X-Content-Type-Options", "nosniff", NULL },
	{ "X-Frame-Options", "DENY", NULL },
	{ "Referrer-Policy", "no-referrer", NULL },
	{ "Cross-Origin-Opener-Policy", "same-origin", NULL },
	{ "Cross-Origin-Resource-Policy", "same-origin", NULL },
	{ "Permissions-Policy", "camera=(), microphone=(), geolocation=()", NULL },
	{ 0 },
};
/* clang-format on */

static const char not_built[] =
	"<!doctype html><title>WGKeeper</title><p>This program was built without its web UI. "
	"Build it with <code>make</code> in a tree that has Node.js, or use the API.";

static const struct ui_file *find(const char *path)
{
	for (const struct ui_file *file = ui_files; file->path; file++)
		if (!strcmp(file->path, path))
			return file;
	return NULL;
}

/* An address of the UI's own: not the API's, and no file's name. */
static bool is_page(const char *path)
{
	const char *last = strrchr(path, '/');

	return strncmp(path, "/api/", 5) != 0 && last && !strchr(last, '.');
}

static bool takes_gzip(const struct http_request *req)
{
	const char *accepts = http_header(req, "Accept-Encoding");

	return accepts && strstr(accepts, "gzip");
}

static void not_found(struct http_request *req)
{
	struct err err;

	(void)err_set(&err, REASON_NOT_FOUND, NULL, "there is nothing at this address");
	req->status = 404;
	req->err = err;
	http_problem(req, &err);
}

static void serve(struct http_request *req, const struct ui_file *file)
{
	const char *known = http_header(req, "If-None-Match");

	http_set_header(req, "Cache-Control",
		file->hashed ? "public, max-age=31536000, immutable" : "no-cache");
	http_set_header(req, "ETag", file->etag);
	http_set_header(req, "Vary", "Accept-Encoding");
	if (known && !strcmp(known, file->etag)) {
		req->status = 304;
		return;
	}
	req->status = 200;
	if (file->gzip && takes_gzip(req)) {
		http_set_header(req, "Content-Encoding", "gzip");
		http_static(req, file->type, file->gzip, file->gzip_len);
	} else {
		http_static(req, file->type, file->plain, file->plain_len);
	}
}

void ui_no_route(struct http_request *req)
{
	const struct ui_file *file = find(req->path);

	if (strcmp(req->method_name, "GET") != 0 && strcmp(req->method_name, "HEAD") != 0) {
		not_found(req);
		return;
	}
	if (!file && is_page(req->path))
		file = find("/index.html");
	if (file) {
		serve(req, file);
	} else if (is_page(req->path)) {
		req->status = 200;
		http_static(req, "text/html; charset=utf-8", not_built, strlen(not_built));
	} else {
		not_found(req);
	}
}
