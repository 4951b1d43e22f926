#include "tests/unit/follow_world.h"

#include <sys/resource.h>

/* Section A of the table of scenarios: rotation, deletion, links. */

static struct world *
begun(const char *glob, unsigned n)
{
	struct world *w = world_new(glob);
	append(w, "a.log", 0, n);
	world_start(w);
	world_look(w);
	return w;
}

static void
t01_renamed_file_is_drained_before_the_new_one(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 100);
	append(w, "a.log", 100, 150);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 150, 200);
	world_look(w);
	expect_once(w, 200, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t02_writer_that_keeps_the_old_file_is_followed(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 100);
	int fd = open(path_in(w, "a.log"), O_WRONLY | O_APPEND);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 100, 150);
	world_pass(w, 2);
	char *text = lines(150, 170);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	world_pass(w, 100);
	free(text);
	/* Long after it was quiet: it grows again, also behind a restart. */
	text = lines(170, 180);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	free(text);
	world_pass(w, 2);
	world_restart(w);
	text = lines(180, 190);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	free(text);
	world_pass(w, 2);
	close(fd);
	expect_once(w, 190, false);
	world_free(w);
}

static void
t03_large_rest_is_drained_whole(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	for (unsigned i = 10; i < 3000; i++)
		append(w, "a.log", i, i + 1);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 3000, 3010);
	world_look(w);
	expect_once(w, 3010, true);
	world_free(w);
}

static void
t04_rotated_while_down(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 100);
	world_stop(w);
	append(w, "a.log", 100, 150);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 150, 200);
	world_start(w);
	world_look(w);
	expect_once(w, 200, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t05_several_rotations_between_two_looks(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct world *w = begun("a.log", 50);
		if (down)
			world_stop(w);
		append(w, "a.log", 50, 100);
		shell(w, "mv a.log a.log.1");
		append(w, "a.log", 100, 150);
		shell(w, "mv a.log.1 a.log.2 && mv a.log a.log.1");
		append(w, "a.log", 150, 200);
		shell(w, "mv a.log.2 a.log.3 && mv a.log.1 a.log.2 && mv a.log a.log.1");
		append(w, "a.log", 200, 250);
		if (down)
			world_start(w);
		world_look(w);
		expect_once(w, 250, true);
		world_pass(w, 60);
		world_restart(w);
		expect_once(w, 250, true);
		world_free(w);
	}
}

static void
t06_path_missing_for_a_while(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 50);
	append(w, "a.log", 50, 60);
	shell(w, "mv a.log a.log.1");
	world_pass(w, 3);
	append(w, "a.log.1", 60, 70);
	world_pass(w, 60);
	append(w, "a.log", 70, 80);
	world_pass(w, 2);
	expect_once(w, 80, true);
	world_free(w);
}

static void
t07_rotated_names_that_match_are_the_same_files(void **state)
{
	(void)state;
	struct world *w = begun("a.log*", 50);
	for (unsigned i = 1; i < 5; i++) {
		append(w, "a.log", i * 50, i * 50 + 30);
		shell(w, "for i in 3 2 1; do [ ! -e a.log.$i ] || mv a.log.$i a.log.$((i+1)); "
			 "done; mv a.log a.log.1");
		append(w, "a.log", i * 50 + 30, i * 50 + 50);
		world_pass(w, 2);
		if (i == 2)
			world_restart(w);
	}
	world_pass(w, 60);
	world_restart(w);
	expect_once(w, 250, true);
	world_free(w);
}

static void
t08_moved_to_another_folder(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct world *w = begun("a.log", 50);
		shell(w, "mkdir old");
		if (down)
			world_stop(w);
		append(w, "a.log", 50, 100);
		shell(w, "mv a.log old/a-20261123.log");
		append(w, "a.log", 100, 150);
		if (down)
			world_start(w);
		world_look(w);
		expect_once(w, 150, true);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

static void
t09_deleted_with_bytes_unread(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 50);
	append(w, "a.log", 50, 100);
	shell(w, "rm a.log");
	world_pass(w, 2);
	expect_once(w, 100, true);
	world_pass(w, 70);
	/* Its descriptor is given back. */
	char command[128];
	snprintf(command, sizeof command, "! ls -l /proc/%d/fd | grep -q 'aiwatch-follow.*deleted'",
		(int)getpid());
	assert_int_equal(system(command), 0);
	append(w, "a.log", 100, 150);
	world_pass(w, 2);
	expect_once(w, 150, true);
	world_free(w);
}

static void
t10_deleted_and_created_with_the_same_inode(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct world *w = begun("a.log", 10);
		if (down)
			world_stop(w);
		struct stat was, is;
		stat(path_in(w, "a.log"), &was);
		shell(w, "rm a.log");
		append(w, "a.log", 10, 40);
		stat(path_in(w, "a.log"), &is);
		if (down)
			world_start(w);
		world_pass(w, 2);
		expect_once(w, 40, true);
		world_free(w);
	}
}

static void
t11_symbolic_link_swapped(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "t0", 0, 10);
	shell(w, "ln -s t0 a.log");
	world_start(w);
	world_look(w);
	for (unsigned i = 1; i < 30; i++) {
		char command[128], name[16];
		snprintf(name, sizeof name, "t%u", i);
		snprintf(command, sizeof command, "ln -s t%u x && mv -T x a.log", i);
		append(w, name, i * 10, i * 10 + 5);
		shell(w, command);
		world_look(w);
		append(w, name, i * 10 + 5, i * 10 + 10);
		world_look(w);
	}
	expect_once(w, 300, true);
	world_free(w);
}

static void
t12_two_names_are_one_file(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	append(w, "a.log", 0, 10);
	shell(w, "ln a.log b.log");
	world_start(w);
	world_look(w);
	append(w, "b.log", 10, 20);
	world_pass(w, 6);
	world_restart(w);
	append(w, "a.log", 20, 30);
	world_pass(w, 6);
	expect_once(w, 30, true);
	world_free(w);
}

static void
t13_overwritten_rotated_file_says_nothing(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 50);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 50, 60);
	world_pass(w, 40);
	shell(w, "dd if=/dev/urandom of=a.log.1 bs=1k count=5 conv=notrunc status=none");
	world_pass(w, 40);
	world_restart(w);
	expect_once(w, 60, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t14_half_line_of_a_rotated_file_is_taken_once(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	char *text = lines(10, 11);
	text[strlen(text) - 2] = '\0';
	append_text(w, "a.log", text);
	world_look(w);
	expect_once(w, 10, true);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 11, 20);
	world_pass(w, 20);
	assert_int_equal(w->seen[10], 0);
	world_pass(w, 20);
	expect_once(w, 20, false);
	append_text(w, "a.log.1", "\r\n");
	world_pass(w, 3);
	world_restart(w);
	world_pass(w, 40);
	expect_once(w, 20, false);
	free(text);
	world_free(w);
}

static void
t15_siblings_of_the_first_look_are_taken_as_read(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log.2", 900, 950);
	append(w, "a.log.1", 950, 990);
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	shell(w, "mv a.log.2 a.log.3 && mv a.log.1 a.log.2 && mv a.log a.log.1");
	append(w, "a.log", 10, 20);
	world_pass(w, 2);
	world_restart(w);
	world_pass(w, 40);
	expect_once(w, 20, true);
	world_free(w);
}

static void
t16_rotated_files_are_remembered_for_days(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 1);
	for (unsigned i = 1; i < 300; i++) {
		if (i == 299)
			w->wall += 7 * DAY;
		shell(w, "rm -f a.log.2; [ ! -e a.log.1 ] || mv a.log.1 a.log.2; "
			 "mv a.log a.log.1");
		append(w, "a.log", i, i + 1);
		world_pass(w, 2);
		if (i == 100)
			assert_in_range(w->positions, 99, 101);
		if (i == 298)
			assert_in_range(w->positions, 200, 264);
	}
	expect_once(w, 300, true);
	assert_in_range(w->positions, 2, 16);
	world_free(w);
}

static void
t17_lost_rest_is_a_gap(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	world_stop(w);
	append(w, "a.log", 10, 20);
	shell(w, "rm a.log");
	append(w, "a.log", 20, 30);
	world_start(w);
	world_pass(w, 40);
	assert_int_equal(w->gaps, 1);
	assert_int_equal(w->gap, GAP_LOST);
	world_free(w);
}

static void
t18_compressed_rest_is_read(void **state)
{
	(void)state;
	static const char *const TOOL[] = {"gzip", "xz", "bzip2"};
	for (size_t i = 0; i < COUNT(TOOL) * 2; i++) {
		bool down = i & 1;
		struct world *w = begun("a.log", 100);
		char command[64];
		snprintf(command, sizeof command, "mv a.log a.log.1 && %s a.log.1", TOOL[i / 2]);
		if (down)
			world_stop(w);
		append(w, "a.log", 100, 400);
		shell(w, command);
		append(w, "a.log", 400, 450);
		if (down)
			world_start(w);
		world_pass(w, 3);
		expect_once(w, 450, true);
		shell(w, "for f in a.log.1.*; do mv $f a.log.2.${f##*.}; done");
		world_pass(w, 40);
		world_restart(w);
		append(w, "a.log", 450, 460);
		world_pass(w, 3);
		expect_once(w, 460, true);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

static void
t19_damaged_archive_is_a_gap(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 100);
	world_stop(w);
	append(w, "a.log", 100, 3000);
	shell(w, "mv a.log a.log.1 && gzip a.log.1 && truncate -s 4000 a.log.1.gz");
	append(w, "a.log", 3000, 3010);
	world_start(w);
	world_pass(w, 100);
	assert_int_equal(w->gap, GAP_LOST);
	assert_int_equal(w->seen[3009], 1);
	world_free(w);
}

/* Read up, emptied and deleted, and its writer goes on: only the descriptor shows it. */
static void
t20_writer_that_keeps_an_emptied_and_deleted_file_is_followed(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	int fd = open(path_in(w, "a.log"), O_WRONLY | O_APPEND);
	shell(w, "cp a.log a.log.1; : > a.log; rm a.log");
	world_look(w);
	append(w, "a.log", 20, 30);
	world_look(w);
	char *text = lines(10, 20);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	world_pass(w, 3);
	close(fd);
	world_pass(w, 60);
	expect_once(w, 30, false);
	free(text);
	world_free(w);
}

/* Of the old object nothing is known but half of a line, which a copy has whole. */
static void
t21_half_line_alone_is_known_in_a_copy(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	char *text = lines(10, 11);
	shell(w, "mv a.log a.log.1");
	put_bytes(w, "a.log", O_APPEND, text, strlen(text) - 1);
	world_look(w);
	rewrite(w, ".copy", 10, 20);
	shell(w, "mv .copy a.log; mv a.log.1 a.log.2; cp a.log a.log.1; : > a.log");
	world_pass(w, 60);
	expect_once(w, 20, true);
	free(text);
	world_free(w);
}

/* A new log holds no more yet than the header that a file missed before it begins with too. */
static void
t22_files_that_begin_alike_are_told_apart_before_more_is_read(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	w->config.watch = CONFIG_WATCH_INOTIFY;
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	shell(w, "mv a.log a.log.2; yes '# header' | head -n 600 > a.log");
	append(w, "a.log", 10, 20);
	shell(w, "touch -d tomorrow a.log");
	shell(w, "mv a.log a.log.1; yes '# header' | head -n 600 > a.log");
	world_look(w);
	append(w, "a.log", 20, 30);
	world_turn(w);
	world_pass(w, 3);
	expect_once(w, 30, true);
	world_free(w);
}

/* Nothing but its handle leads to the old file, and the new one is no more yet than a header. */
static void
t23_older_file_that_is_longer_is_no_copy_of_a_header(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	shell(w, "yes '# header' | head -n 600 | tee header > a.log");
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	shell(w, "mkdir kept && ln a.log kept/a && cp a.log a.log.1 && cat header > a.log");
	append(w, "a.log", 10, 20);
	shell(w, "touch -d '1 hour ago' a.log && rm a.log && cp header a.log");
	world_restart(w);
	append(w, "a.log", 20, 30);
	world_pass(w, 3);
	expect_once(w, 30, true);
	world_free(w);
}

/* Its writer goes on long after it was rotated, where no name shows that it grows. */
static void
t24_writer_of_a_file_that_stands_elsewhere_is_followed(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	int fd = open(path_in(w, "a.log"), O_WRONLY | O_APPEND);
	shell(w, "mkdir kept && mv a.log kept/a");
	append(w, "a.log", 20, 30);
	world_pass(w, 60);
	char *text = lines(10, 20);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	world_pass(w, 10);
	close(fd);
	expect_once(w, 30, false);
	free(text);
	world_free(w);
}

/* While it lives and says nothing, the file is looked at with the sweep: not each second. */
static void
t25_writer_that_keeps_silent_leaves_the_follower_in_peace(void **state)
{
	(void)state;
	struct world *w = begun("a.log", 10);
	int fd = open(path_in(w, "a.log"), O_WRONLY | O_APPEND);
	shell(w, "mkdir kept && mv a.log kept/a");
	append(w, "a.log", 20, 30);
	world_pass(w, 60);
	assert_in_range(world_wait(w, MINUTE), MINUTE / w->config.poll_interval,
		MINUTE / w->config.poll_interval + 1);
	char *text = lines(10, 20);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	world_wait(w, w->config.poll_interval);
	expect_once(w, 30, false);
	close(fd);
	free(text);
	world_free(w);
}

static void
t26_what_grew_when_it_could_not_be_opened_is_read_after_its_rotation(void **state)
{
	(void)state;
	struct rlimit before, none;
	struct world *w = world_new("*.log");
	w->max_open = 1;
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	append(w, "b.log", 10, 20);
	world_pass(w, 2);
	expect_once(w, 20, true);
	/* The one that is open may not be closed, and there is no room for another. */
	shell(w, "rm b.log");
	world_pass(w, 2);
	append(w, "a.log", 20, 30);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	world_pass(w, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect_once(w, 20, true);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 30, 40);
	world_pass(w, 5);
	expect_once(w, 40, true);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_renamed_file_is_drained_before_the_new_one),
		cmocka_unit_test(t02_writer_that_keeps_the_old_file_is_followed),
		cmocka_unit_test(t03_large_rest_is_drained_whole),
		cmocka_unit_test(t04_rotated_while_down),
		cmocka_unit_test(t05_several_rotations_between_two_looks),
		cmocka_unit_test(t06_path_missing_for_a_while),
		cmocka_unit_test(t07_rotated_names_that_match_are_the_same_files),
		cmocka_unit_test(t08_moved_to_another_folder),
		cmocka_unit_test(t09_deleted_with_bytes_unread),
		cmocka_unit_test(t10_deleted_and_created_with_the_same_inode),
		cmocka_unit_test(t11_symbolic_link_swapped),
		cmocka_unit_test(t12_two_names_are_one_file),
		cmocka_unit_test(t13_overwritten_rotated_file_says_nothing),
		cmocka_unit_test(t14_half_line_of_a_rotated_file_is_taken_once),
		cmocka_unit_test(t15_siblings_of_the_first_look_are_taken_as_read),
		cmocka_unit_test(t16_rotated_files_are_remembered_for_days),
		cmocka_unit_test(t17_lost_rest_is_a_gap),
		cmocka_unit_test(t18_compressed_rest_is_read),
		cmocka_unit_test(t19_damaged_archive_is_a_gap),
		cmocka_unit_test(t20_writer_that_keeps_an_emptied_and_deleted_file_is_followed),
		cmocka_unit_test(t21_half_line_alone_is_known_in_a_copy),
		cmocka_unit_test(t22_files_that_begin_alike_are_told_apart_before_more_is_read),
		cmocka_unit_test(t23_older_file_that_is_longer_is_no_copy_of_a_header),
		cmocka_unit_test(t24_writer_of_a_file_that_stands_elsewhere_is_followed),
		cmocka_unit_test(t25_writer_that_keeps_silent_leaves_the_follower_in_peace),
		cmocka_unit_test(
			t26_what_grew_when_it_could_not_be_opened_is_read_after_its_rotation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
