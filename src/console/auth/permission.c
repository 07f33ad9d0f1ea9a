/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/auth/permission.h"

enum { ROLES = ROLE_AUDITOR, COUNT = PERM_END - PERM_OF_NOBODY - 1 };

/* clang-format off */
static const struct {
	const char *word;
	bool has[ROLES + 1]; /* by enum operator_role; 0 is no role */
} table[COUNT] = {
#define X(permission, word, administrator, operator, auditor, what) \
	{ (word), { false, administrator, operator, auditor } },
	PERMISSIONS(X)
#undef X
};
/* clang-format on */

static bool is_one(unsigned permission)
{
	return permission > PERM_OF_NOBODY && permission < PERM_END;
}

bool permission_of(int role, unsigned permission)
{
	if (!is_one(permission) || role < ROLE_ADMINISTRATOR || role > ROLE_AUDITOR)
		return false;
	return table[permission - PERM_OF_NOBODY - 1].has[role];
}

const char *permission_word(unsigned permission)
{
	return is_one(permission) ? table[permission - PERM_OF_NOBODY - 1].word : NULL;
}

struct list permission_words(int role, struct arena *arena)
{
	const char **words = arena_alloc(arena, COUNT * sizeof *words);
	size_t n = 0;

	for (unsigned p = PERM_OF_NOBODY + 1; words && p < PERM_END; p++)
		if (permission_of(role, p))
			words[n++] = permission_word(p);
	return (struct list){ words, n };
}

void permission_put_roles(struct sbuf *out, unsigned permission, const char *between)
{
	const char *before = "";

	for (const struct word *role = operator_role_words; role->word; role++) {
		if (!permission_of(role->value, permission))
			continue;
		sbuf_printf(out, "%s%s", before, role->word);
		before = between;
	}
}
