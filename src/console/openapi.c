/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/openapi.h"

#include <ctype.h>
#include <inttypes.h>

#include "console/auth/permission.h"
#include "json/write.h"

enum { TYPES_MAX = 96 };

/* Types that were met; each becomes one schema. */
struct types {
	const struct type *at[TYPES_MAX];
	bool is_input[TYPES_MAX];
	size_t n;
};

static void meet(struct types *types, const struct type *type, bool is_input)
{
	for (size_t i = 0; i < types->n; i++)
		if (types->at[i] == type)
			return;
	if (types->n == TYPES_MAX)
		return; /* openapi_test counts them */
	types->is_input[types->n] = is_input;
	types->at[types->n++] = type;
	for (const struct field *f = type->fields; f->name; f++)
		if (f->type)
			meet(types, f->type, is_input);
}

static void put_ref(struct sbuf *out, const struct type *type)
{
	sbuf_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}", type->name);
}

/* JSON's type of a kind, and its format where there is one. */
static const struct {
	const char *type, *format;
} kinds[] = {
	[FIELD_BOOL] = { "boolean", NULL },
	[FIELD_INT] = { "integer", "int64" },
	[FIELD_TEXT] = { "string", NULL },
	[FIELD_KEY] = { "string", "wireguard-key" },
	[FIELD_UUID] = { "string", "uuid" },
	[FIELD_TIME] = { "string", "date-time" },
	[FIELD_CIDR] = { "string", "cidr" },
	[FIELD_WORD] = { "string", NULL },
	[FIELD_SECRET] = { "string", "password" },
	[FIELD_BLOB] = { "string", "byte" },
	[FIELD_JSON] = { NULL, NULL },
	[FIELD_LIST] = { "array", NULL },
	[FIELD_OBJECT] = { "object", NULL },
};

static void put_words(struct sbuf *out, const struct field *f)
{
	sbuf_puts(out, ",\"enum\":[");
	for (const struct word *w = f->words; w->word; w++) {
		sbuf_puts(out, w == f->words ? "" : ",");
		json_string(out, w->word);
	}
	sbuf_puts(out, (f->flags & F_NULLABLE) ? ",null]" : "]");
}

static void put_bounds(struct sbuf *out, const struct field *f, enum field_kind kind)
{
	const char *low = kind == FIELD_INT ? "minimum" : "minLength";
	const char *high = kind == FIELD_INT ? "maximum" : "maxLength";

	if (f->min == 0 && f->max == 0)
		return;
	if (kind != FIELD_INT && kind != FIELD_TEXT && kind != FIELD_SECRET)
		return;
	if (f->min)
		sbuf_printf(out, ",\"%s\":%" PRId64, low, f->min);
	if (f->max && f->max != INT64_MAX)
		sbuf_printf(out, ",\"%s\":%" PRId64, high, f->max);
}

static void put_schema(struct sbuf *out, const struct field *f, enum field_kind kind, bool nullable)
{
	if (kind == FIELD_OBJECT) {
		put_ref(out, f->type);
		return;
	}
	sbuf_putc(out, '{');
	if (kinds[kind].type && nullable)
		sbuf_printf(out, "\"type\":[\"%s\",\"null\"]", kinds[kind].type);
	else if (kinds[kind].type)
		sbuf_printf(out, "\"type\":\"%s\"", kinds[kind].type);
	else
		sbuf_puts(out, "\"description\":\"A document.\"");
	if (kinds[kind].format)
		sbuf_printf(out, ",\"format\":\"%s\"", kinds[kind].format);
	if (f->words)
		put_words(out, f);
	put_bounds(out, f, kind);
	if (kind == FIELD_LIST) {
		sbuf_puts(out, ",\"items\":");
		put_schema(out, f, f->of, false);
	}
	sbuf_putc(out, '}');
}

static bool is_shown(const struct field *f, bool is_input)
{
	return is_input ? !(f->flags & F_READONLY) : !(f->flags & F_SECRET);
}

static void put_required(struct sbuf *out, const struct type *type, bool is_input)
{
	char name[FIELD_NAME_SIZE];
	bool any = false;

	for (const struct field *f = type->fields; f->name; f++) {
		bool required = is_input ? (f->flags & F_REQUIRED) != 0 : !(f->flags & F_OMIT);

		if (!required || !is_shown(f, is_input))
			continue;
		sbuf_puts(out, any ? "," : ",\"required\":[");
		json_string(out, field_json_name(f, name));
		any = true;
	}
	sbuf_puts(out, any ? "]" : "");
}

static void put_type(struct sbuf *out, const struct type *type, bool is_input)
{
	char name[FIELD_NAME_SIZE];
	bool any = false;

	json_string(out, type->name);
	sbuf_puts(out, ":{\"type\":\"object\",\"properties\":{");
	for (const struct field *f = type->fields; f->name; f++) {
		if (!is_shown(f, is_input))
			continue;
		json_name(out, field_json_name(f, name), any);
		put_schema(out, f, f->kind, (f->flags & F_NULLABLE) != 0);
		any = true;
	}
	sbuf_putc(out, '}');
	put_required(out, type, is_input);
	sbuf_puts(out, is_input ? ",\"additionalProperties\":false}" : "}");
}

/*
 * Routes
 */

static const char *const methods[] = { "get", "post", "put", "patch", "delete" };

static void put_parameters(struct sbuf *out, const struct route *row)
{
	struct span rest = span_of(row->path);
	char name[FIELD_NAME_SIZE];
	bool any = false;

	sbuf_puts(out, ",\"parameters\":[");
	while (rest.at) {
		struct span piece = span_cut(&rest, '/');

		if (piece.len < 3 || piece.at[0] != '{')
			continue;
		sbuf_printf(out, "%s{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":{"
				 "\"type\":\"string\"}}", any ? "," : "", (int)piece.len - 2, piece.at + 1);
		any = true;
	}
	if (row->method != HTTP_GET && row->perm != HTTP_PERM_ANYONE) {
		sbuf_puts(out, any ? "," : "");
		sbuf_puts(out, "{\"$ref\":\"#/components/parameters/IdempotencyKey\"}");
		any = true;
	}
	if (row->method == HTTP_PATCH) {
		sbuf_puts(out, ",{\"$ref\":\"#/components/parameters/IfMatch\"}");
		any = true;
	}
	for (const struct field *f = row->query ? row->query->fields : NULL; f && f->name; f++) {
		sbuf_puts(out, any ? ",{\"name\":" : "{\"name\":");
		json_string(out, field_json_name(f, name));
		sbuf_puts(out, ",\"in\":\"query\",\"description\":");
		json_string(out, f->doc);
		sbuf_puts(out, ",\"schema\":");
		put_schema(out, f, f->kind, false);
		sbuf_putc(out, '}');
		any = true;
	}
	sbuf_putc(out, ']');
}

static void put_body(struct sbuf *out, const struct type *type)
{
	sbuf_puts(out, "\"content\":{\"application/json\":{\"schema\":");
	put_ref(out, type);
	sbuf_puts(out, "}}");
}

/* Who may: what the tables say, for programs that are to know before they ask. */
static void put_access(struct sbuf *out, const struct route *row)
{
	const char *word = permission_word(row->perm);

	if (!word) {
		sbuf_puts(out, ",\"security\":[]");
		return;
	}
	sbuf_puts(out, (row->flags & ROUTE_SESSION) ? ",\"security\":[{\"session\":[]}]"
						     : ",\"security\":[{\"session\":[]},{\"token\":[]}]");
	sbuf_printf(out, ",\"x-permission\":\"%s\",\"x-roles\":[\"", word);
	permission_put_roles(out, row->perm, "\",\"");
	sbuf_printf(out, "\"],\"x-reauth\":%s", (row->flags & ROUTE_REAUTH) ? "true" : "false");
}

static void put_route(struct sbuf *out, const struct route *row)
{
	unsigned status = row->status ? row->status : row->out ? 200 : 204;

	sbuf_printf(out, "\"%s\":{\"summary\":", methods[row->method]);
	json_string(out, row->summary);
	put_parameters(out, row);
	if (row->in) {
		sbuf_puts(out, ",\"requestBody\":{\"required\":true,");
		put_body(out, row->in);
		sbuf_putc(out, '}');
	}
	sbuf_printf(out, ",\"responses\":{\"%u\":{\"description\":\"Success\"%s", status,
		row->out ? "," : "");
	if (row->out)
		put_body(out, row->out);
	sbuf_puts(out, "},\"default\":{\"$ref\":\"#/components/responses/Problem\"}}");
	put_access(out, row);
	sbuf_putc(out, '}');
}

static bool is_first_of_path(const struct route *routes, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(routes[j].path, routes[i].path))
			return false;
	return !(routes[i].flags & ROUTE_HIDDEN);
}

static void put_paths(struct sbuf *out, const struct route *routes, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		bool inner = false;

		if (!is_first_of_path(routes, i))
			continue;
		json_name(out, routes[i].path, any);
		sbuf_putc(out, '{');
		for (size_t j = i; j < n; j++) {
			if (strcmp(routes[j].path, routes[i].path) != 0)
				continue;
			sbuf_puts(out, inner ? "," : "");
			put_route(out, &routes[j]);
			inner = true;
		}
		sbuf_putc(out, '}');
		any = true;
	}
}

static void put_codes(struct sbuf *out)
{
	for (int reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
		sbuf_puts(out, reason == REASON_NONE + 1 ? "" : ",");
		json_string(out, err_slug((enum err_reason)reason));
	}
}

static const char security[] =
	"\"security\":[{\"session\":[]},{\"token\":[]}],\"components\":{\"securitySchemes\":{"
	"\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"wgkeeper_session\"},"
	"\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"" API_TOKEN_PREFIX "...\"}},";

static const char parameters[] =
	"\"parameters\":{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
	"\"description\":\"Text of one's own, new for each request: sent again with it, the request is done "
	"once and answered alike, for a day.\",\"schema\":{\"type\":\"string\",\"maxLength\":128}},"
	"\"IfMatch\":{\"name\":\"If-Match\",\"in\":\"header\",\"required\":true,"
	"\"description\":\"The object's etag in double quotes.\",\"schema\":{\"type\":\"string\"}}},";

static const char problem[] =
	"\"responses\":{\"Problem\":{\"description\":\"RFC 9457\",\"content\":{"
	"\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}},"
	"\"schemas\":{\"Problem\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},"
	"\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"field\":{\"type\":["
	"\"string\",\"null\"]},\"detail\":{\"type\":\"string\"},\"requestId\":{\"type\":\"string\"},"
	"\"code\":{\"type\":\"string\",\"enum\":[";

void openapi_write(struct sbuf *out, const struct route *routes, size_t n_routes)
{
	struct types types = { .n = 0 };

	for (size_t i = 0; i < n_routes; i++) {
		if (routes[i].in)
			meet(&types, routes[i].in, true);
		if (routes[i].out)
			meet(&types, routes[i].out, false);
	}
	sbuf_puts(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"WGKeeper Console\",\"version\":\""
		       WGKEEPER_VERSION "\",\"description\":\"Changes need the session's csrfToken as "
		       "X-CSRF, unless an API token is sent; PATCH needs the object's etag as If-Match. "
		       "x-roles may do it; with x-reauth a session must have given its password within "
		       "15 minutes, and a token be elevated.\"},\"paths\":{");
	put_paths(out, routes, n_routes);
	sbuf_puts(out, "},");
	sbuf_puts(out, security);
	sbuf_puts(out, parameters);
	sbuf_puts(out, problem);
	put_codes(out);
	sbuf_puts(out, "]}}}");
	for (size_t i = 0; i < types.n; i++) {
		sbuf_putc(out, ',');
		put_type(out, types.at[i], types.is_input[i]);
	}
	sbuf_puts(out, "}}}");
}
