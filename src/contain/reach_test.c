/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "contain/contain.h"

static char root[] = "/tmp/wgk-reach-XXXXXX";

static const char *in(const char *name)
{
	static char paths[8][128];
	static unsigned n;

	snprintf(paths[++n % 8], sizeof *paths, "%s/%s", root, name);
	return paths[n % 8];
}

static int set_up(void **state)
{
	static const char *const folders[] = { "archive", "archive/one", "live", "flat" };
	int fd;

	(void)state;
	if (!mkdtemp(root))
		return -1;
	for (unsigned i = 0; i < N_ELEMENTS(folders); i++)
		if (mkdir(in(folders[i]), 0700) < 0)
			return -1;
	fd = open(in("archive/one/cert1.pem"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) < 0)
		return -1;
	/* as certbot, as a folder that is switched, as a mounted volume, and in a circle */
	if (symlink("../archive/one/cert1.pem", in("live/cert.pem")) < 0 ||
		symlink(in("archive/one"), in("now")) < 0 || symlink("..data/c", in("flat/c")) < 0 ||
		symlink("..1", in("flat/..data")) < 0 || symlink("b", in("flat/a")) < 0 ||
		symlink("a", in("flat/b")) < 0)
		return -1;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "flat/a", "flat/b", "flat/c", "flat/..data", "now",
		"live/cert.pem", "archive/one/cert1.pem", "archive/one", "archive", "live", "flat", "" };

	(void)state;
	for (unsigned i = 0; i < N_ELEMENTS(names); i++)
		if (remove(in(names[i])) < 0)
			return -1;
	return 0;
}

static bool has(const struct contain_places *places, const char *folder)
{
	struct stat want, have;

	if (stat(folder, &want) < 0)
		return false;
	for (size_t i = 0; i < places->n_paths; i++)
		if (stat(places->paths[i].path, &have) == 0 && have.st_ino == want.st_ino &&
			have.st_dev == want.st_dev)
			return true;
	return false;
}

static const struct {
	const char *file, *folders[3];
} ways[] = {
	{ "archive/one/cert1.pem", { "archive/one" } },
	{ "live/cert.pem", { "live", "archive/one" } },
	{ "now/cert1.pem", { "archive/one", "archive" } },
	{ "flat/c", { "flat" } },
	{ "flat/nothing", { "flat" } },
};

TEST(the_way_to_a_file_link_by_link)
{
	for (size_t i = 0; i < N_ELEMENTS(ways); i++) {
		scoped(arena_freep) struct arena *arena = arena_new(1 << 20);
		struct contain_places places = { .n_paths = 0 };
		struct err err;

		assert_ok(contain_allow_file(&places, in(ways[i].file), CONTAIN_READ, arena, &err), &err);
		for (unsigned f = 0; f < 3 && ways[i].folders[f]; f++)
			if (!has(&places, in(ways[i].folders[f])))
				fail_msg("%s: not %s", ways[i].file, ways[i].folders[f]);
		assert_false(has(&places, root));
	}
}

TEST(a_circle_of_links_ends)
{
	scoped(arena_freep) struct arena *arena = arena_new(1 << 20);
	struct contain_places places = { .n_paths = 0 };
	struct err err;

	assert_ok(contain_allow_file(&places, in("flat/a"), CONTAIN_READ, arena, &err), &err);
	assert_fails(contain_allow_file(&places, in("flat/a"), CONTAIN_READ, arena, &err), &err, REASON_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_to_a_file_link_by_link),
		cmocka_unit_test(a_circle_of_links_ends),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
