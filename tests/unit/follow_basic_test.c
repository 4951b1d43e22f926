#include "tests/unit/follow_world.h"

static void
t01_existing_file_is_read_as_backlog(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	expect_once(w, 10, true);
	assert_int_equal(w->backlog, 10);
	assert_int_equal(w->backlog_ends, 1);
	assert_string_equal(w->last_site, "a");
	append(w, "a.log", 10, 12);
	world_look(w);
	expect_once(w, 12, true);
	assert_int_equal(w->backlog, 10);
	world_free(w);
}

static void
t02_file_and_folders_that_appear_are_read(void **state)
{
	(void)state;
	struct world *w = world_new("**/*.log");
	world_start(w);
	world_look(w);
	shell(w, "mkdir -p x/y");
	append(w, "x/y/a.log", 0, 5);
	world_look(w);
	append(w, "b.log", 5, 8);
	world_look(w);
	expect_once(w, 8, true);
	shell(w, "mkdir .hidden && mkfifo f.log && mkdir d.log");
	append(w, ".hidden/a.log", 900, 901);
	append(w, ".a.log.Xy12Ab", 900, 901);
	append(w, "c.log.tmp", 900, 901);
	world_pass(w, 3);
	expect_once(w, 8, true);
	world_free(w);
}

static void
t03_half_lines_wait_for_their_newline(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	char *text = lines(0, 3);
	world_start(w);
	for (size_t i = 0; text[i]; i += 7) {
		size_t n = strlen(text + i) < 7 ? strlen(text + i) : 7;
		put_bytes(w, "a.log", O_APPEND, text + i, n);
		world_look(w);
		if (i % 3 == 0)
			world_restart(w);
	}
	expect_once(w, 3, true);
	free(text);
	world_free(w);
}

static void
t04_restart_goes_on_where_it_was(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, 100);
	world_start(w);
	world_look(w);
	world_stop(w);
	append(w, "a.log", 100, 150);
	world_start(w);
	world_look(w);
	world_restart(w);
	expect_once(w, 150, true);
	world_free(w);
}

static void
t05_what_was_not_committed_is_read_again(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, 100);
	world_start(w);
	world_look(w);
	w->uncommitted = true;
	append(w, "a.log", 100, 200);
	world_look(w);
	w->uncommitted = false;
	world_restart(w);
	expect_once(w, 200, true);
	world_free(w);
}

static void
t06_start_at_the_end_skips_what_is_there(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	w->config.start = CONFIG_START_END;
	append(w, "a.log", 900, 950);
	append_text(w, "a.log", "half of a line");
	world_start(w);
	world_look(w);
	append_text(w, "a.log", ", and its end\n");
	append(w, "a.log", 0, 5);
	append(w, "b.log", 5, 9);
	world_look(w);
	expect_once(w, 9, true);
	assert_int_equal(w->backlog, 4);
	world_free(w);
}

static void
t07_nothing_comes_of_a_second_look(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	struct batch *batch = batch_new(NULL, w->wall);
	follow_wake(w->follow);
	assert_false(follow_turn(w->follow, w->now + 60 * SECOND, w->wall, batch));
	assert_true(batch_is_empty(batch));
	batch_free(batch);
	world_free(w);
}

static void
t08_long_line_is_skipped_and_counted(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	char *longer = mem_array(3 << 20, 1);
	memset(longer, 'x', 3 << 20);
	append(w, "a.log", 0, 10);
	put_bytes(w, "a.log", O_APPEND, longer, 1 << 20);
	world_start(w);
	world_look(w);
	world_restart(w);
	put_bytes(w, "a.log", O_APPEND, longer, 1 << 20);
	world_look(w);
	append_text(w, "a.log", "\n");
	append(w, "a.log", 10, 20);
	world_restart(w);
	expect_once(w, 20, true);
	assert_true(w->gaps > 0);
	assert_int_equal(w->gap, GAP_LONG_LINE);
	free(longer);
	world_free(w);
}

static void
t09_reserved_space_and_holes_hide_nothing(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, 5);
	shell(w, "truncate -s 1M a.log");
	world_start(w);
	world_look(w);
	expect_once(w, 5, true);
	char *text = lines(5, 8);
	int fd = open(path_in(w, "a.log"), O_WRONLY);
	char *before = lines(0, 5);
	assert_int_equal(pwrite(fd, text, strlen(text), (off_t)strlen(before)), strlen(text));
	world_look(w);
	expect_once(w, 8, true);
	free(text);
	text = lines(8, 10);
	off_t far = (off_t)5 << 30;
	assert_int_equal(pwrite(fd, text, strlen(text), far), strlen(text));
	world_look(w);
	expect_once(w, 10, true);
	close(fd);
	free(before);
	free(text);
	append(w, "a.log", 10, 12);
	world_restart(w);
	expect_once(w, 12, true);
	world_free(w);
}

static void
t10_trouble_ends_and_the_file_goes_on(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	append(w, "a.log", 0, 5);
	world_start(w);
	world_look(w);
	shell(w, "mv a.log a.log.away");
	world_pass(w, 40);
	shell(w, "mv a.log.away a.log");
	append(w, "a.log", 5, 9);
	world_pass(w, 2);
	expect_once(w, 9, true);
	shell(w, "mkdir sub && mv a.log sub/");
	world_pass(w, 40);
	shell(w, "mv sub/a.log .");
	append(w, "a.log", 9, 12);
	world_pass(w, 2);
	expect_once(w, 12, true);
	world_free(w);
}

static void
t11_new_patterns_are_taken_over(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	struct err err = ERR_INIT;
	char other[160];
	append(w, "a.log", 0, 5);
	append(w, "b.log", 5, 9);
	world_start(w);
	world_look(w);
	snprintf(other, sizeof other, "%s/[ab].log", w->folder);
	w->paths[0] = other;
	assert_true(follow_configure(w->follow, &w->config, w->rules, false, &err));
	append(w, "a.log", 9, 12);
	world_look(w);
	expect_once(w, 12, false);
	snprintf(other, sizeof other, "relative");
	assert_false(follow_configure(w->follow, &w->config, w->rules, false, &err));
	append(w, "a.log", 12, 13);
	world_look(w);
	expect_once(w, 13, false);
	w->paths[0] = w->pattern;
	world_free(w);
}

static void
t12_many_files_share_few_descriptors(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	char name[32];
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "f%u.log", i);
		append(w, name, i, i + 1);
	}
	struct err err = ERR_INIT;
	w->follow = follow_new(
		&(struct follow_setup){.config = &w->config, .rules = w->rules, .max_open = 8},
		&err);
	world_look(w);
	expect_once(w, 300, false);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "f%u.log", i);
		append(w, name, 300 + i, 301 + i);
	}
	world_look(w);
	expect_once(w, 600, false);
	struct input_status status;
	follow_get_status(w->follow, &status);
	assert_int_equal(status.files, 300);
	assert_int_equal(status.lag_bytes, 0);
	assert_int_equal(status.lines_read, 600);
	world_free(w);
}

/* What was found for the line before is not taken for it. */
static void
t13_each_line_is_of_its_own_host(void **state)
{
	(void)state;
	static const char *const HOST[][3] = {
		{"A", "B", ""}, {"B", "", "A"}, {"A", "A", "B"}, {"", "B", "B"}, {"B", "B", ""}};
	struct world *w = world_new("*.log");
	unsigned number = 0;
	world_start(w);
	for (size_t i = 0; i < COUNT(HOST); i++) {
		struct buf text = BUF_INIT;
		for (size_t k = 0; k < COUNT(HOST[0]); k++, number++) {
			char *line = lines(number, number + 1);
			if (HOST[i][k][0])
				buf_format(&text, "Jun 19 03:00:01 %s ", HOST[i][k]);
			buf_add_text(&text, line);
			free(line);
		}
		append_text(w, "a.log", text.p);
		buf_fini(&text);
		world_look(w);
		const char *last = HOST[i][COUNT(HOST[0]) - 1];
		assert_string_equal(w->last_site, last[0] ? last : "a");
	}
	expect_once(w, number, true);
	world_free(w);
}

/* Its writer keeps it open, so it is not read to its end yet. */
static void
t14_deleted_file_that_is_put_back_is_known_after_a_restart(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool is_open = i & 1, is_older = i & 2;
		struct world *w = world_new("a.log");
		append(w, "a.log", 0, 50);
		world_start(w);
		world_look(w);
		int writer = open(path_in(w, "a.log"), O_WRONLY | O_APPEND);
		shell(w, "cp a.log copy; rm a.log");
		world_pass(w, 70);
		world_stop(w);
		if (!is_open)
			close(writer);
		if (is_older)
			shell(w, "head -n 30 copy >a.log");
		else
			shell(w, "cp copy a.log");
		world_start(w);
		world_look(w);
		world_pass(w, 5);
		expect_once(w, 50, true);
		if (is_older)
			shell(w, "cp copy new; mv new a.log");
		append(w, "a.log", 50, 60);
		world_pass(w, 5);
		expect_once(w, 60, true);
		assert_int_equal(w->gaps, 0);
		if (is_open)
			close(writer);
		world_free(w);
	}
}

/* Only a descriptor shows what is written to it and deleted between two looks. */
static void
t15_emptied_file_is_held_open_after_a_restart_too(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	world_stop(w);
	append(w, "a.log", 10, 12);
	shell(w, "cp a.log a.log.1 && : >a.log");
	world_start(w);
	world_pass(w, 2);
	expect_once(w, 12, true);
	append(w, "a.log", 12, 20);
	shell(w, "rm a.log");
	world_pass(w, 3);
	expect_once(w, 20, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

/* Its writer has as much time to complete it as without a restart. */
static void
t16_half_line_of_a_rotated_file_waits_after_a_restart_too(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	char *text = lines(10, 11);
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	put_bytes(w, "a.log", O_APPEND, text, strlen(text) - 2);
	int writer = open(path_in(w, "a.log"), O_WRONLY | O_APPEND);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 11, 20);
	world_pass(w, 2);
	world_restart(w);
	world_pass(w, 20);
	assert_int_equal(w->seen[10], 0);
	assert_int_equal(write(writer, "\r\n", 2), 2);
	close(writer);
	world_pass(w, 5);
	expect_once(w, 20, false);
	free(text);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_existing_file_is_read_as_backlog),
		cmocka_unit_test(t02_file_and_folders_that_appear_are_read),
		cmocka_unit_test(t03_half_lines_wait_for_their_newline),
		cmocka_unit_test(t04_restart_goes_on_where_it_was),
		cmocka_unit_test(t05_what_was_not_committed_is_read_again),
		cmocka_unit_test(t06_start_at_the_end_skips_what_is_there),
		cmocka_unit_test(t07_nothing_comes_of_a_second_look),
		cmocka_unit_test(t08_long_line_is_skipped_and_counted),
		cmocka_unit_test(t09_reserved_space_and_holes_hide_nothing),
		cmocka_unit_test(t10_trouble_ends_and_the_file_goes_on),
		cmocka_unit_test(t11_new_patterns_are_taken_over),
		cmocka_unit_test(t12_many_files_share_few_descriptors),
		cmocka_unit_test(t13_each_line_is_of_its_own_host),
		cmocka_unit_test(t14_deleted_file_that_is_put_back_is_known_after_a_restart),
		cmocka_unit_test(t15_emptied_file_is_held_open_after_a_restart_too),
		cmocka_unit_test(t16_half_line_of_a_rotated_file_waits_after_a_restart_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
