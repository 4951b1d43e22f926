#include "tests/unit/follow_world.h"

/* Sections B, C and D of the table of scenarios: truncation, files kept by copy tools, identity. */

static struct world *
begun(unsigned n)
{
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, n);
	world_start(w);
	world_look(w);
	return w;
}

/* As a copy tool does: written beside, renamed into place. */
static void
replace_by(const struct world *w, const char *name, unsigned from, unsigned until)
{
	rewrite(w, ".copy.Xy12Ab", from, until);
	rename(path_in(w, ".copy.Xy12Ab"), path_in(w, name));
}

static void
t01_truncated_file_restarts_at_zero(void **state)
{
	(void)state;
	struct world *w = begun(100);
	shell(w, "cp a.log a.log.1 && : > a.log");
	append(w, "a.log", 100, 150);
	world_pass(w, 2);
	expect_once(w, 150, true);
	shell(w, ": > a.log");
	world_pass(w, 2);
	append(w, "a.log", 150, 160);
	world_pass(w, 50);
	world_restart(w);
	expect_once(w, 160, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t02_rest_is_read_from_the_copy(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct world *w = begun(100);
		if (down)
			world_stop(w);
		append(w, "a.log", 100, 150);
		shell(w, "cp a.log a.log.1 && : > a.log");
		append(w, "a.log", 150, 170);
		if (down)
			world_start(w);
		world_look(w);
		expect_once(w, 170, true);
		world_pass(w, 50);
		world_restart(w);
		expect_once(w, 170, true);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

static void
t03_truncated_and_grown_past_the_offset(void **state)
{
	(void)state;
	struct world *w = begun(100);
	rewrite(w, "a.log", 100, 300);
	world_look(w);
	expect_once(w, 300, true);
	world_free(w);
}

static void
t04_truncated_to_the_same_size(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 100, 200);
	world_start(w);
	world_look(w);
	rewrite(w, "a.log", 200, 300);
	world_look(w);
	for (unsigned i = 100; i < 300; i++)
		assert_int_equal(w->seen[i], 1);
	world_free(w);
}

static void
t05_smaller_but_not_empty(void **state)
{
	(void)state;
	struct world *w = begun(100);
	rewrite(w, "a.log", 100, 103);
	world_pass(w, 2);
	append(w, "a.log", 103, 110);
	world_pass(w, 2);
	expect_once(w, 110, true);
	world_free(w);
}

static void
t06_writer_that_did_not_see_the_truncation(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	world_start(w);
	int fd = open(path_in(w, "a.log"), O_WRONLY | O_CREAT, 0644);
	char *text = lines(0, 1000);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	free(text);
	world_look(w);
	shell(w, "cp a.log a.log.1 && : > a.log");
	text = lines(1000, 1050);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	free(text);
	world_pass(w, 2);
	expect_once(w, 1050, true);
	close(fd);
	world_free(w);
}

static void
t07_identical_content_settles_as_new(void **state)
{
	(void)state;
	struct world *w = begun(10);
	shell(w, ": > a.log");
	world_look(w);
	append(w, "a.log", 0, 3);
	world_pass(w, 10);
	expect_once(w, 10, true);
	world_pass(w, 40);
	assert_int_equal(w->seen[0], 2);
	assert_int_equal(w->seen[3], 1);
	world_free(w);
}

static void
t08_replaced_by_longer_copies(void **state)
{
	(void)state;
	struct world *w = begun(50);
	for (unsigned i = 1; i < 8; i++) {
		replace_by(w, "a.log", 0, 50 + i * 30);
		world_pass(w, i % 3);
		if (i == 4)
			world_restart(w);
		world_look(w);
	}
	expect_once(w, 260, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t09_replaced_while_down(void **state)
{
	(void)state;
	struct world *w = begun(100);
	world_stop(w);
	replace_by(w, "a.log", 0, 150);
	world_start(w);
	world_pass(w, 40);
	expect_once(w, 150, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t10_replaced_before_it_was_read(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	world_start(w);
	world_look(w);
	shell(w, ": > a.log");
	world_look(w);
	append(w, "a.log", 0, 10);
	replace_by(w, "a.log", 0, 20);
	world_pass(w, 2);
	append(w, "a.log", 20, 30);
	replace_by(w, "a.log", 0, 40);
	world_pass(w, 2);
	expect_once(w, 40, true);
	world_free(w);
}

static void
t11_overwritten_slowly_in_place(void **state)
{
	(void)state;
	struct world *w = begun(100);
	char *text = lines(0, 150);
	size_t n = strlen(text);
	shell(w, ": > a.log");
	for (size_t i = 0; i < n; i += 500) {
		put_bytes(w, "a.log", O_APPEND, text + i, n - i < 500 ? n - i : 500);
		world_pass(w, 1);
		if (i == 3000)
			world_restart(w);
	}
	expect_once(w, 150, true);
	free(text);
	world_free(w);
}

static void
t12_older_copy_then_a_newer_one(void **state)
{
	(void)state;
	struct world *w = begun(100);
	replace_by(w, "a.log", 0, 40);
	world_pass(w, 100);
	replace_by(w, "a.log", 0, 70);
	world_pass(w, 2);
	world_restart(w);
	world_pass(w, 100);
	replace_by(w, "a.log", 0, 130);
	world_pass(w, 2);
	expect_once(w, 130, true);
	world_free(w);
}

/* The source rolls X.log to X.lo_ and goes on; both are synced, in one order or the other. */
static void
roll_synced(bool roll_first, bool in_place, bool down)
{
	void (*put)(const struct world *w, const char *name, unsigned from, unsigned until) =
		in_place ? rewrite : replace_by;
	struct world *w = begun(100);
	for (unsigned round = 0; round < 3; round++) {
		unsigned at = round * 200;
		if (down)
			world_stop(w);
		for (int i = 0; i < 2; i++) {
			if ((i == 0) == roll_first)
				put(w, "a.lo_", at, at + 150);
			else
				put(w, "a.log", at + 150 + 50, at + 250);
			if (!down)
				world_pass(w, 3);
		}
		if (down)
			world_start(w);
		world_pass(w, 3);
		put(w, "a.log", at + 200, at + 300);
		world_pass(w, 3);
	}
	world_pass(w, 60);
	for (unsigned i = 0; i < 700; i++) {
		bool written = i >= 600 || i % 200 < 150;
		if (w->seen[i] != written)
			fail_msg("line %u came %u times (roll first %d, in place %d, down %d)", i,
				w->seen[i], roll_first, in_place, down);
	}
	world_free(w);
}

static void
t13_roll_is_synced(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		roll_synced(i & 1, i & 2, i & 4);
}

static void
t14_copy_ends_inside_a_line(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	char *text = lines(0, 20);
	put_bytes(w, "a.log", O_TRUNC, text, 1000);
	world_start(w);
	world_look(w);
	put_bytes(w, ".copy", O_TRUNC, text, strlen(text));
	shell(w, "mv .copy a.log");
	world_pass(w, 40);
	expect_once(w, 20, true);
	free(text);
	world_free(w);
}

static void
t15_equal_headers_tell_nothing(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	char name[32];
	char *header = mem_array(2100, 1);
	memset(header, '#', 2048);
	header[2048] = '\n';
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "f%u.log", i);
		append_text(w, name, header);
		append(w, name, i * 10, i * 10 + 3);
	}
	world_start(w);
	world_look(w);
	world_stop(w);
	for (unsigned i = 0; i < 20; i++) {
		char command[64];
		snprintf(name, sizeof name, "f%u.log", i);
		snprintf(command, sizeof command, "mv f%u.log f%u.log.1", i, i);
		append(w, name, i * 10 + 3, i * 10 + 6);
		shell(w, command);
		append_text(w, name, header);
		append(w, name, i * 10 + 6, i * 10 + 10);
	}
	world_start(w);
	world_pass(w, 3);
	expect_once(w, 200, false);
	free(header);
	world_free(w);
}

static void
t16_smallest_files_are_known(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 200; n = n * 3 + 1) {
		struct world *w = world_new("a.log");
		char text[256];
		memset(text, 'x', sizeof text);
		text[n - 1] = '\n';
		put_bytes(w, "a.log", O_TRUNC, text, n);
		world_start(w);
		world_look(w);
		append(w, "a.log", 0, 1);
		world_look(w);
		world_stop(w);
		append(w, "a.log", 1, 2);
		shell(w, "cp -p a.log .b && mv .b a.log");
		append(w, "a.log", 2, 3);
		world_start(w);
		world_pass(w, 3);
		expect_once(w, 3, true);
		world_free(w);
	}
}

/* The log becomes its first `count` lines with one bit of their middle changed. */
static void
replace_by_edited(struct world *w, unsigned count)
{
	char *text = lines(0, count);
	text[strlen(text) / 2] ^= 1;
	put_bytes(w, ".copy", O_TRUNC, text, strlen(text));
	free(text);
	shell(w, "mv .copy a.log");
}

static void
t17_large_file_is_proven_by_its_ledger(void **state)
{
	(void)state;
	struct world *w = begun(2000);
	world_stop(w);
	replace_by(w, "a.log", 0, 2100);
	world_start(w);
	world_look(w);
	expect_once(w, 2100, true);
	world_free(w);

	/* Edited in its middle: what was read last still stands before the offset. */
	w = begun(2000);
	world_stop(w);
	replace_by_edited(w, 2000);
	append(w, "a.log", 2000, 2100);
	world_start(w);
	world_look(w);
	expect_once(w, 2100, true);
	world_free(w);

	/* The same beginning, another middle, and shorter: another file. */
	w = begun(2000);
	world_stop(w);
	replace_by_edited(w, 1900);
	world_start(w);
	world_look(w);
	assert_int_equal(w->seen[0], 2);
	world_free(w);
}

static void
t18_copy_is_no_new_content(void **state)
{
	(void)state;
	struct world *w = begun(100);
	shell(w, "cp a.log a.log.bak");
	world_pass(w, 3);
	append(w, "a.log", 100, 110);
	world_pass(w, 3);
	shell(w, "cp a.log a.log.bak2; : > a.log.empty");
	world_restart(w);
	world_pass(w, 60);
	expect_once(w, 110, true);
	world_free(w);
}

static void
t19_partial_line_may_be_flushed(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	w->config.flush_partial_after = 10 * SECOND;
	char *text = lines(0, 2);
	size_t n = strlen(text);
	put_bytes(w, "a.log", O_TRUNC, text, n - 2);
	world_start(w);
	world_pass(w, 5);
	expect_once(w, 1, true);
	world_pass(w, 10);
	expect_once(w, 2, true);
	append_text(w, "a.log", "\r\n");
	append(w, "a.log", 2, 4);
	world_restart(w);
	expect_once(w, 4, true);
	free(text);
	world_free(w);
}

static void
t20_unread_rest_that_is_overwritten_is_a_gap(void **state)
{
	(void)state;
	struct world *w = begun(10);
	char *text = lines(10, 11);
	put_bytes(w, "a.log", O_APPEND, text, 50);
	world_look(w);
	rewrite(w, "a.log", 20, 40);
	world_pass(w, 60);
	assert_int_equal(w->gaps, 1);
	assert_int_equal(w->gap, GAP_TRUNCATED);
	assert_int_equal(w->gap_bytes, 50);
	for (unsigned i = 20; i < 40; i++)
		assert_int_equal(w->seen[i], 1);
	free(text);
	world_free(w);
}

/* Nothing comes behind the truncation for long: the rest stands in the copy alone. */
static void
t21_rest_is_read_though_the_file_stays_empty(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct world *w = begun(2);
		if (down)
			w->uncommitted = true;
		append(w, "a.log", 2, 40);
		shell(w, "cp a.log a.log.1");
		if (down)
			world_look(w);
		shell(w, ": > a.log");
		w->uncommitted = false;
		if (down)
			world_restart(w);
		world_pass(w, 3);
		expect_once(w, 40, true);
		append(w, "a.log", 40, 50);
		world_pass(w, 3);
		expect_once(w, 50, true);
		world_free(w);
	}
}

static void
t22_truncated_file_waits_for_content_through_a_restart(void **state)
{
	(void)state;
	struct world *w = begun(200);
	shell(w, "cp a.log a.lo_ && : > a.log");
	world_restart(w);
	append(w, "a.log", 200, 280);
	world_pass(w, 3);
	expect_once(w, 280, true);
	world_free(w);
}

/* The rest stood in a copy alone, which the next copy overwrote before the log was seen replaced.
 */
static void
t23_rest_in_a_copy_that_is_overwritten_is_a_gap(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct world *w = begun(100);
		char *rest = lines(100, 103);
		shell(w, "cp a.log a.lo_");
		append(w, "a.lo_", 100, 103);
		world_pass(w, 2);
		if (down)
			world_stop(w);
		replace_by(w, "a.lo_", 200, 210);
		replace_by(w, "a.log", 210, 220);
		if (down)
			world_start(w);
		world_pass(w, 60);
		assert_int_equal(w->gaps, 1);
		assert_int_equal(w->gap_bytes, strlen(rest));
		for (unsigned i = 0; i < 220; i++)
			assert_int_equal(w->seen[i], i < 100 || i >= 200);
		free(rest);
		world_free(w);
	}
}

static void
t24_rest_in_a_copy_that_is_read_is_none(void **state)
{
	(void)state;
	struct world *w = begun(100);
	shell(w, "cp a.log a.lo_");
	append(w, "a.lo_", 100, 110);
	world_pass(w, 2);
	append(w, "a.log", 100, 105);
	world_pass(w, 2);
	replace_by(w, "a.log", 110, 120);
	world_pass(w, 60);
	expect_once(w, 120, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

/* A new log of which nothing was read yet: no proof tells what became of it. */
static void
t25_unread_file_that_a_copy_overwrites(void **state)
{
	(void)state;
	struct world *w = begun(10);
	shell(w, "mv a.log a.log.1; : > a.log");
	world_look(w);
	shell(w, "mv a.log a.lo_");
	append(w, "a.log", 10, 20);
	shell(w, "cp a.log a.lo_");
	world_look(w);
	shell(w, ": > a.log");
	append(w, "a.log", 20, 30);
	world_pass(w, 60);
	expect_once(w, 30, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t26_copy_of_an_unread_file_is_read_before_it(void **state)
{
	(void)state;
	struct world *w = begun(10);
	shell(w, "mv a.log a.log.1; : > a.log");
	world_look(w);
	append(w, "a.log", 10, 20);
	shell(w, "mv a.log.1 a.log.2; cp a.log a.log.1; : > a.log; touch -d '1 hour ago' a.log.1");
	append(w, "a.log", 20, 30);
	shell(w, "cp a.log .copy; mv .copy a.log");
	world_pass(w, 60);
	expect_once(w, 30, true);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_truncated_file_restarts_at_zero),
		cmocka_unit_test(t02_rest_is_read_from_the_copy),
		cmocka_unit_test(t03_truncated_and_grown_past_the_offset),
		cmocka_unit_test(t04_truncated_to_the_same_size),
		cmocka_unit_test(t05_smaller_but_not_empty),
		cmocka_unit_test(t06_writer_that_did_not_see_the_truncation),
		cmocka_unit_test(t07_identical_content_settles_as_new),
		cmocka_unit_test(t08_replaced_by_longer_copies),
		cmocka_unit_test(t09_replaced_while_down),
		cmocka_unit_test(t10_replaced_before_it_was_read),
		cmocka_unit_test(t11_overwritten_slowly_in_place),
		cmocka_unit_test(t12_older_copy_then_a_newer_one),
		cmocka_unit_test(t13_roll_is_synced),
		cmocka_unit_test(t14_copy_ends_inside_a_line),
		cmocka_unit_test(t15_equal_headers_tell_nothing),
		cmocka_unit_test(t16_smallest_files_are_known),
		cmocka_unit_test(t17_large_file_is_proven_by_its_ledger),
		cmocka_unit_test(t18_copy_is_no_new_content),
		cmocka_unit_test(t19_partial_line_may_be_flushed),
		cmocka_unit_test(t20_unread_rest_that_is_overwritten_is_a_gap),
		cmocka_unit_test(t21_rest_is_read_though_the_file_stays_empty),
		cmocka_unit_test(t22_truncated_file_waits_for_content_through_a_restart),
		cmocka_unit_test(t23_rest_in_a_copy_that_is_overwritten_is_a_gap),
		cmocka_unit_test(t24_rest_in_a_copy_that_is_read_is_none),
		cmocka_unit_test(t25_unread_file_that_a_copy_overwrites),
		cmocka_unit_test(t26_copy_of_an_unread_file_is_read_before_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
