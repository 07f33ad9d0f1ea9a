/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* The web UI, as files inside the program: made by tools/embed.py from web/dist. */

#include "http/http.h"

struct ui_file {
	const char *path, *type;
	const unsigned char *plain;
	size_t plain_len;
	const unsigned char *gzip; /* NULL: not worth it */
	size_t gzip_len;
	const char *etag;
	bool hashed; /* its content is in its name: it never changes */
};

extern const struct ui_file ui_files[]; /* ends without a path */

/** For every answer of the Console: nothing from elsewhere runs, frames or learns of a page. */
extern const struct http_header ui_headers[];

/** Answers what no route does: a file, the one page for the UI's own addresses, or 404. */
void ui_no_route(struct http_request *req);
