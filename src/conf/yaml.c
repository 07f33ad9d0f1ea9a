/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yaml.h>

#include "conf/conf.h"

enum { KEY_SIZE = 128, NODES_MAX = 20000 };

struct walk {
	const char *name;
	const struct type *type;
	void *object;
	struct arena *arena;
	struct err *err;
	yaml_document_t *doc;
	uint64_t seen; /* a bit per row */
	uint8_t *visited; /* per node: an alias would come back to one */
};

/* "config.yaml:12: …", whatever went wrong. */
static int at_line(const struct walk *w, const yaml_node_t *node)
{
	if (w->err)
		w->err->reason = REASON_CONFIG;
	return err_context(w->err, -ERR_INVALID, "%s:%zu", w->name, node->start_mark.line + 1);
}

static struct span text_of(const yaml_node_t *node)
{
	return (struct span){ (const char *)node->data.scalar.value, node->data.scalar.length };
}

static bool is_blank(const yaml_node_t *node)
{
	struct span text;

	if (node->type != YAML_SCALAR_NODE)
		return false;
	text = span_trim(text_of(node));
	return text.len == 0 || (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
					(span_is(text, "~") || span_is(text, "null")));
}

static const struct field *row_of(const struct walk *w, const char *key)
{
	for (const struct field *f = w->type->fields; f->name; f++)
		if (f->conf && !strcmp(f->conf, key))
			return f;
	return NULL;
}

static int unknown_key(const struct walk *w, const yaml_node_t *node, const char *key)
{
	const char *near = conf_suggest(key, w->type->fields);

	(void)err_set(w->err, REASON_CONFIG, key, "unknown key '%s'%s%s%s", key,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return at_line(w, node);
}

static int visit(struct walk *w, int id, const yaml_node_t **ret_node)
{
	*ret_node = yaml_document_get_node(w->doc, id);
	if (w->visited[id]++) {
		(void)err_set(w->err, REASON_CONFIG, NULL, "aliases are not taken");
		return at_line(w, *ret_node);
	}
	return 0;
}

static int read_element(struct walk *w, const struct field *element, const char *key, size_t i,
	const yaml_node_t *node, void *at)
{
	char name[KEY_SIZE + 24];
	int r;

	snprintf(name, sizeof name, "%s[%zu]", key, i);
	if (node->type != YAML_SCALAR_NODE || is_blank(node))
		r = err_set(w->err, REASON_CONFIG, name,
			"'%s' is empty; remove the element or the list", name);
	else
		r = field_from_text(
			span_trim(text_of(node)), element, name, at, w->arena, w->err);
	return r < 0 ? at_line(w, node) : 0;
}

static int read_list(struct walk *w, const struct field *f, const yaml_node_t *node)
{
	struct field element = { .name = f->name, .kind = f->of, .flags = f->flags & F_HOST,
		.words = f->words, .check = f->check };
	size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	size_t size = field_element_size(f);
	char *at = arena_alloc(w->arena, n * size + 1);

	if (!at)
		return arena_full(w->arena, w->err);
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *item;
		int r = visit(w, node->data.sequence.items.start[i], &item);

		if (r >= 0)
			r = read_element(w, &element, f->conf, i, item, at + i * size);
		if (r < 0)
			return r;
	}
	*(struct list *)field_at(f, w->object) = (struct list){ at, n };
	return 0;
}

static int read_value(struct walk *w, const struct field *f, const yaml_node_t *node)
{
	struct field plain = *f;
	int r;

	if (is_blank(node))
		return 0;
	w->seen |= UINT64_C(1) << (f - w->type->fields);
	if (f->kind == FIELD_LIST && node->type == YAML_SEQUENCE_NODE)
		return read_list(w, f, node);
	plain.flags &= ~(unsigned)F_NULLABLE; /* for the message: no "or null" here */
	if (node->type != YAML_SCALAR_NODE || f->kind == FIELD_LIST)
		r = field_wrong_kind(w->err, &plain, f->conf);
	else
		r = field_from_text(span_trim(text_of(node)), &plain, f->conf,
			field_at(f, w->object), w->arena, w->err);
	return r < 0 ? at_line(w, node) : 0;
}

/* A key that other keys begin with is a section. */
static bool is_section(const struct walk *w, const char *key)
{
	size_t len = strlen(key);

	for (const struct field *f = w->type->fields; f->name; f++)
		if (f->conf && !strncmp(f->conf, key, len) && f->conf[len] == '.')
			return true;
	return false;
}

static int join_key(struct walk *w, const char *prefix, const yaml_node_t *node, char out[KEY_SIZE])
{
	struct span text = node->type == YAML_SCALAR_NODE ? text_of(node) : (struct span){ 0 };
	int n = snprintf(out, KEY_SIZE, "%s%s%.*s", prefix, *prefix ? "." : "", (int)text.len,
		text.at ? text.at : "");

	if (text.len == 0 || n >= KEY_SIZE || strlen(out) != (size_t)n) {
		(void)err_set(w->err, REASON_CONFIG, NULL, "not a key");
		return at_line(w, node);
	}
	return 0;
}

/* YAML lets a key stand twice; the second would silently win. */
static int check_twice(struct walk *w, const yaml_node_t *map, const yaml_node_pair_t *pair,
	const char *key)
{
	const yaml_node_t *node = yaml_document_get_node(w->doc, pair->key);

	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *earlier = yaml_document_get_node(w->doc, p->key);

		if (earlier->type != YAML_SCALAR_NODE ||
			earlier->data.scalar.length != node->data.scalar.length ||
			memcmp(earlier->data.scalar.value, node->data.scalar.value,
				node->data.scalar.length) != 0)
			continue;
		(void)err_set(w->err, REASON_CONFIG, key, "'%s' is given twice (first on line %zu)",
			key, earlier->start_mark.line + 1);
		return at_line(w, node);
	}
	return 0;
}

static int read_map(struct walk *w, const char *prefix, const yaml_node_t *map);

static int read_pair(struct walk *w, const char *prefix, const yaml_node_t *map,
	const yaml_node_pair_t *pair)
{
	const yaml_node_t *name, *value;
	const struct field *f;
	char key[KEY_SIZE];
	int r = visit(w, pair->key, &name);

	if (r >= 0)
		r = visit(w, pair->value, &value);
	if (r >= 0)
		r = join_key(w, prefix, name, key);
	if (r >= 0)
		r = check_twice(w, map, pair, key);
	if (r < 0)
		return r;
	f = row_of(w, key);
	if (f)
		return read_value(w, f, value);
	if (!is_section(w, key))
		return unknown_key(w, name, key);
	if (is_blank(value))
		return 0;
	if (value->type == YAML_MAPPING_NODE)
		return read_map(w, key, value);
	(void)err_set(w->err, REASON_CONFIG, key, "'%s' must be a section of keys", key);
	return at_line(w, value);
}

static int read_map(struct walk *w, const char *prefix, const yaml_node_t *map)
{
	int r = 0;

	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
		r >= 0 && pair < map->data.mapping.pairs.top; pair++)
		r = read_pair(w, prefix, map, pair);
	return r;
}

static int fill_absent(struct walk *w)
{
	unsigned i = 0;

	for (const struct field *f = w->type->fields; f->name; f++, i++) {
		int r = 0;

		if (w->seen >> i & 1 || !f->conf)
			continue;
		if (f->flags & F_REQUIRED)
			return err_set(w->err, REASON_CONFIG, f->conf, "%s: %s is required (%s)",
				w->name, f->conf, f->doc);
		if (f->dflt)
			r = field_from_text(span_of(f->dflt), f, f->conf, field_at(f, w->object),
				w->arena, w->err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void parser_done(yaml_parser_t *parser)
{
	yaml_parser_delete(parser);
}

static int walk_document(struct walk *w)
{
	const yaml_node_t *root = yaml_document_get_root_node(w->doc);
	size_t n = (size_t)(w->doc->nodes.top - w->doc->nodes.start);
	int r = 0;

	if (n > NODES_MAX)
		return err_set(w->err, REASON_CONFIG, NULL, "%s: too large", w->name);
	w->visited = arena_alloc(w->arena, n + 2);
	if (!w->visited)
		return arena_full(w->arena, w->err);
	if (root && root->type == YAML_MAPPING_NODE)
		r = read_map(w, "", root);
	else if (root && !is_blank(root))
		r = err_set(w->err, REASON_CONFIG, NULL, "%s: not a section of keys", w->name);
	return r < 0 ? r : fill_absent(w);
}

int conf_read_yaml(const char *name, struct span text, const struct type *type, void *object,
	struct arena *arena, struct err *err)
{
	scoped(parser_done) yaml_parser_t parser;
	yaml_document_t doc;
	struct walk w = { name, type, object, arena, err, &doc, 0, NULL };
	int r;

	if (!yaml_parser_initialize(&parser))
		return err_nomem(err);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
	if (!yaml_parser_load(&parser, &doc))
		return err_set(err, REASON_CONFIG, NULL, "%s:%zu: not YAML: %s", name,
			parser.problem_mark.line + 1, parser.problem ? parser.problem : "?");
	r = walk_document(&w);
	yaml_document_delete(&doc);
	return r;
}

int conf_read_file(const char *path, const struct type *type, void *object, struct arena *arena,
	struct err *err)
{
	struct span text = { 0 };
	struct stat st;
	int r;

	if (stat(path, &st) < 0 && errno == ENOENT)
		return err_set(err, REASON_CONFIG, NULL, "config file not found: %s", path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, REASON_CONFIG, NULL, "config path is a directory: %s", path);
	r = conf_slurp(path, CONF_FILE_MAX, &text, arena, err);
	if (r >= 0)
		r = conf_read_yaml(path, text, type, object, arena, err);
	/* it held the secrets too; what is needed has been copied */
	if (text.at)
		explicit_bzero((char *)(uintptr_t)text.at, text.len);
	return r;
}
