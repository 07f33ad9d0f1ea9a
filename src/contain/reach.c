/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contain/contain.h"

/*
 * Landlock's rules are about folders as they are when the rules are made. Certificates are renewed by
 * pointing links to other folders, so the way is followed here, link by link.
 */

enum { TARGET_SIZE = 4096, LINKS_MAX = 16 };

static struct span folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return (struct span){ ".", 1 };
	return (struct span){ path, slash == path ? 1 : (size_t)(slash - path) };
}

static int allow_folder(struct contain_places *places, const char *path, unsigned rights,
	struct arena *arena, struct err *err)
{
	char *folder = arena_strndup(arena, folder_of(path));

	if (!folder)
		return arena_full(arena, err);
	if (places->n_paths == CONTAIN_PATHS_MAX)
		return err_set(err, REASON_CONFIG, NULL,
			"'%s' is behind too many symbolic links; give a shorter way to it", path);
	places->paths[places->n_paths++] = (struct contain_path){ folder, rights };
	return 0;
}

/* The path with its first link replaced by where that points to; `*ret_link`: that place alone. NULL: there is
 * no link in it any more (or nothing at all). */
static const char *follow(const char *path, const char **ret_link, struct arena *arena)
{
	char target[TARGET_SIZE];
	const char *end = path;

	while ((end = strchr(end + 1, '/')) || true) {
		size_t len = end ? (size_t)(end - path) : strlen(path);
		char *part = arena_strndup(arena, (struct span){ path, len });
		ssize_t n = part ? readlink(part, target, sizeof target - 1) : -1;

		if (n > 0) {
			struct span folder = folder_of(part);

			target[n] = '\0';
			*ret_link = target[0] == '/' ? arena_strdup(arena, target)
						     : arena_printf(arena, "%.*s/%s",
							       (int)folder.len, folder.at, target);
			return *ret_link ? arena_printf(arena, "%s%s", *ret_link, end ?: "") : NULL;
		}
		if (!end)
			return NULL;
	}
	return NULL;
}

int contain_allow_file(struct contain_places *places, const char *file, unsigned rights,
	struct arena *arena, struct err *err)
{
	int r = allow_folder(places, file, rights, arena, err);
	const char *link;

	for (int i = 0; i < LINKS_MAX && r >= 0 && (file = follow(file, &link, arena)); i++)
		r = allow_folder(places, link, rights, arena, err);
	return r;
}
