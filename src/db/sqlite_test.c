/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/testdata/things.h"
#include "db_test_sql.h"

/* What is SQLite's alone: the file, and its locks. */

TEST(foreign_files_are_left_alone)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db_conf conf = things_conf(testdb.url);
	struct db *db = NULL;
	struct stat before, after;
	struct err err;
	int fd = open(testdb.url + 5, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "this is a diary, not a database", 31), 31);
	assert_int_equal(fstat(fd, &before), 0);
	close(fd);
	assert_fails(db_open(&conf, &db, &err), &err, REASON_FOREIGN);
	assert_int_equal(stat(testdb.url + 5, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

/* Nothing of what was committed need be in the file itself yet. */
TEST(a_new_database_is_ours_after_a_kill)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db_conf conf = things_conf(testdb.url);
	struct db *db = NULL;
	struct err err;
	pid_t pid;

	conf.exclusive = true;
	pid = fork();
	if (pid == 0) {
		if (db_open(&conf, &db, &err) < 0 || db_migrate(db, &err) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(db_open(&conf, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	db_close(db);
}

/* Another process, forked before this one has SQLite open: with each byte sent it opens the database,
 * counts, and closes it. */
struct other {
	pid_t pid;
	int ask, answer;
};

static int count_things(const struct db_conf *conf)
{
	scoped(db_closep) struct db *db = NULL;
	struct list all;

	if (db_open(conf, &db, NULL) < 0 ||
		db_all(db, TEST_THING_ALL, DB_NONE, &thing_type, &all, things_arena, NULL) < 0)
		return 99;
	return (int)all.n;
}

static struct other start_other(const struct db_conf *conf)
{
	int ask[2], answer[2];
	struct other other;
	char byte;

	assert_int_equal(pipe(ask) + pipe(answer), 0);
	other = (struct other){ fork(), ask[1], answer[0] };
	if (other.pid == 0) {
		close(ask[1]);
		while (read(ask[0], &byte, 1) == 1) {
			byte = (char)count_things(conf);
			if (write(answer[1], &byte, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	return other;
}

static int counted_by(const struct other *other)
{
	char n = 0;

	assert_int_equal(write(other->ask, &n, 1), 1);
	assert_int_equal(read(other->answer, &n, 1), 1);
	return n;
}

static void end_other(struct other *other)
{
	close(other->ask);
	close(other->answer);
	waitpid(other->pid, NULL, 0);
}

/* The second handle of a process must not cost the first one its locks: another process that closes
 * the database would then take the WAL away under both, with what is committed after it. */
TEST(another_process_that_closes_takes_nothing_away)
{
	scoped(testdb_drop) struct testdb testdb = testdb_make();
	struct db_conf conf = things_conf(testdb.url);
	struct thing in = { .id = { { 1 } }, .name = "a", .color = 1 };
	struct err err;

	scoped(end_other) struct other other = start_other(&conf);
	scoped(db_closep) struct db *first = things_open(&testdb), *second = NULL;
	assert_ok(db_open(&conf, &second, &err), &err);
	assert_int_equal(counted_by(&other), 0);
	assert_ok(things_insert(first, &in, &err), &err);
	assert_int_equal(counted_by(&other), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_files_are_left_alone),
		cmocka_unit_test(a_new_database_is_ours_after_a_kill),
		cmocka_unit_test(another_process_that_closes_takes_nothing_away),
	};
	return cmocka_run_group_tests(tests, things_set_up, things_tear_down);
}
