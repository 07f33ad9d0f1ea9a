/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/parse.h"
#include "http/internal.h"

static const char *const method_names[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

bool url_decode(struct arena *arena, struct span text, bool plus, const char **ret_text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t n = 0;

	if (!out)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.at[i];

		if (c == '%') {
			if (text.len - i < 3 || !parse_hex((struct span){ text.at + i + 1, 2 }, &c, 1))
				return false;
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == 0)
			return false;
		out[n++] = (char)c;
	}
	*ret_text = out;
	return true;
}

/* Whether the path has the pattern's shape; pieces that stand for {…} are put into `found`. */
static bool matches(const char *pattern, const char *path, struct span found[HTTP_PARAMS_MAX])
{
	struct span want = span_of(pattern + 1), have;
	unsigned n = 0;

	if (path[0] != '/')
		return false;
	have = span_of(path + 1);
	while (want.at && have.at) {
		struct span w = span_cut(&want, '/'), h = span_cut(&have, '/');

		if (w.len && w.at[0] == '{') {
			if (h.len == 0 || n == HTTP_PARAMS_MAX)
				return false;
			found[n++] = h;
		} else if (w.len != h.len || (w.len && memcmp(w.at, h.at, w.len) != 0)) {
			return false;
		}
	}
	return !want.at && !have.at;
}

static int not_allowed(struct http_request *req, unsigned methods, struct err *err)
{
	char allow[64] = "";
	size_t n = 0;

	for (unsigned m = 0; m < N_ELEMENTS(method_names); m++)
		if (methods >> m & 1)
			n += (size_t)snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "",
				method_names[m]);
	http_set_header(req, "Allow", allow);
	return err_set(err, REASON_METHOD_NOT_ALLOWED, NULL, "this address takes: %s", allow);
}

int route_find(struct http_request *req, const struct http_app *app, struct err *err)
{
	struct span found[HTTP_PARAMS_MAX];
	unsigned methods = 0;

	for (size_t i = 0; i < app->n_routes; i++) {
		const struct route *row = &app->routes[i];

		memset(found, 0, sizeof found);
		if (!matches(row->path, req->path, found))
			continue;
		if (row->method != req->method) {
			methods |= 1u << row->method;
			continue;
		}
		for (unsigned p = 0; p < HTTP_PARAMS_MAX && found[p].at; p++)
			if (!url_decode(req->arena, found[p], false, &req->param[p]))
				return err_set(err, REASON_NOT_FOUND, NULL, "a malformed path");
		req->route = row;
		return 0;
	}
	if (methods && !app->no_405)
		return not_allowed(req, methods, err);
	return err_set(err, REASON_NOT_FOUND, NULL, "there is nothing at this address");
}
