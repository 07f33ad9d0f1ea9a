/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wg/conf_name.h"

#include "base/uuid.h"

/* "# Client: NAME (UUID)": the id is of no use here. */
static struct span without_id(struct span name)
{
	struct uuid id;
	size_t open = name.len;

	while (open > 0 && name.at[open - 1] != '(')
		open--;
	if (open == 0 || name.at[name.len - 1] != ')' ||
		!uuid_parse((struct span){ name.at + open, name.len - open - 1 }, &id))
		return name;
	return span_trim((struct span){ name.at, open - 1 });
}

/* "### begin NAME ###" */
static struct span without_hashes(struct span name)
{
	while (name.len && name.at[name.len - 1] == '#')
		name.len--;
	return span_trim(name);
}

static const struct {
	const char *begins;
	enum conf_mark mark;
	struct span (*name)(struct span rest);
} marks[] = {
	{ "# Client: ", CONF_MARK_ABOVE, without_id }, /* wg-easy */
	{ "### Client ", CONF_MARK_ABOVE, NULL },      /* angristan */
	{ "# BEGIN_PEER ", CONF_MARK_BLOCK, NULL },    /* Nyr */
	{ "# END_PEER", CONF_MARK_END, NULL },
	{ "### begin ", CONF_MARK_BLOCK, without_hashes }, /* PiVPN */
	{ "### end ", CONF_MARK_END, NULL },
};

static const struct {
	const char *key;
	enum wgconf_name kind;
} members[] = {
	{ "Name", WGCONF_NAME_MARK }, /* "#Name# = NAME": WGDashboard */
	{ "friendly_name", WGCONF_NAME_MARK },
	{ "friendly_json", WGCONF_NAME_JSON },
};

static bool is_blank_or_hash(char c)
{
	return c == '#' || c == ' ' || c == '\t';
}

static struct span without_frame(struct span text)
{
	while (text.len && is_blank_or_hash(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len && is_blank_or_hash(text.at[text.len - 1]))
		text.len--;
	return text;
}

static bool is_word(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
			return false;
	}
	return text.len > 0;
}

/* A line of dashes, "[Peer]" or "PublicKey = …" behind a '#' name nobody. The latter may hold a key, and
 * keys must not be taken for names. */
static bool is_no_name(struct span text)
{
	struct span value = text, key = span_trim(span_cut(&value, '='));

	if (text.len == 0 || text.at[0] == '[' || (value.at && is_word(key)))
		return true;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c >= 0x80 || is_word((struct span){ text.at + i, 1 }))
			return false;
	}
	return true;
}

enum conf_mark conf_read_comment(
	struct span comment, struct span *ret_name, enum wgconf_name *ret_kind)
{
	struct span value = comment, key = without_frame(span_cut(&value, '='));

	*ret_kind = WGCONF_NAME_MARK;
	for (size_t i = 0; i < N_ELEMENTS(marks); i++) {
		size_t len = strlen(marks[i].begins);

		if (!span_starts(comment, marks[i].begins))
			continue;
		*ret_name = span_trim((struct span){ comment.at + len, comment.len - len });
		if (marks[i].name)
			*ret_name = marks[i].name(*ret_name);
		return marks[i].mark;
	}
	for (size_t i = 0; value.at && i < N_ELEMENTS(members); i++) {
		if (!span_is_nocase(key, members[i].key))
			continue;
		*ret_name = span_trim(value);
		*ret_kind = members[i].kind;
		return CONF_MARK_INSIDE;
	}
	*ret_kind = WGCONF_NAME_COMMENT;
	*ret_name = without_frame(comment);
	return is_no_name(*ret_name) ? CONF_MARK_NONE : CONF_MARK_GUESS;
}
