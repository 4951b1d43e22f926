#include "tests/unit/follow_world.h"

#include <sys/syscall.h>

/* What one read brings is of one life of a file, however many calls it takes. */

/* Of what a tail reads, a call: it asks for more than any comparison does. */
static struct {
	unsigned calls;
	ssize_t piece;		       /* the next that would bring more brings that; 0: all */
	const struct world *rewritten; /* behind the next, with lines 100 on; NULL: none */
	unsigned until;		       /* to this; 0: 300 */
	unsigned later;		       /* so many behind that one instead */
	bool is_copied;		       /* before */
} tail;

ssize_t
pread64(int fd, void *bytes, size_t n, off64_t at)
{
	bool is_tail = n > PROOF_STEPS;
	ssize_t got = syscall(SYS_pread64, fd, bytes, n, at);
	if (!is_tail)
		return got;
	tail.calls++;
	if (tail.piece && got > tail.piece) {
		got = tail.piece;
		tail.piece = 0;
	}
	if (tail.later && tail.later--)
		return got;
	const struct world *w = tail.rewritten;
	tail.rewritten = NULL;
	if (w && tail.is_copied)
		shell(w, "cp a.log a.log.1");
	if (w)
		rewrite(w, "a.log", 100, tail.until ? tail.until : 300);
	return got;
}

/* So many lines of a.log are read, none: nothing stands there. */
static struct world *
begun(unsigned read)
{
	struct world *w = world_new("a.log");
	if (read)
		append(w, "a.log", 0, read);
	world_start(w);
	world_look(w);
	expect_once(w, read, true);
	tail.calls = 0;
	return w;
}

/* The log, while it is looked at. */
static void
rewrite_behind_read(struct world *w, bool is_copied)
{
	tail.rewritten = w;
	tail.is_copied = is_copied;
	world_look(w);
	assert_null(tail.rewritten);
}

static void
t01_what_is_appended_is_read_by_one_call(void **state)
{
	(void)state;
	struct world *w = begun(10);
	for (unsigned i = 10; i < 20; i++) {
		append(w, "a.log", i, i + 1);
		world_look(w);
		assert_int_equal(w->sightings, i + 1);
		assert_int_equal(tail.calls, i - 9);
	}
	world_free(w);
}

static void
t02_what_comes_in_pieces_comes_whole(void **state)
{
	(void)state;
	for (ssize_t piece = 1; piece < 8000; piece += 950) {
		struct world *w = begun(10);
		append(w, "a.log", 10, 200);
		tail.piece = piece;
		world_look(w);
		assert_true(tail.calls > 1);
		expect_once(w, 200, true);
		world_free(w);
	}
}

/* The first piece is more than is packed, and the rest is more than one read brings. */
static void
t03_a_packed_one_that_comes_in_pieces_comes_whole(void **state)
{
	(void)state;
	struct world *w = begun(10);
	world_stop(w);
	append(w, "a.log", 10, 3900);
	shell(w, "mv a.log a.log.1 && gzip a.log.1");
	append(w, "a.log", 3900, 3910);
	world_start(w);
	tail.piece = 80000;
	world_pass(w, 3);
	assert_int_equal(tail.piece, 0);
	expect_once(w, 3910, true);
	world_free(w);
}

static void
t04_what_is_written_anew_behind_a_read_is_no_part_of_it(void **state)
{
	(void)state;
	for (unsigned read = 0; read < 100; read += 33) {
		struct world *w = begun(read);
		append(w, "a.log", read, 100);
		rewrite_behind_read(w, false);
		world_pass(w, 60);
		expect_once(w, 300, true);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

/* What is not read for that stands in the copy. */
static void
t05_what_is_written_anew_between_pieces_is_not_mixed(void **state)
{
	(void)state;
	for (ssize_t piece = 1; piece < 8000; piece += 950) {
		struct world *w = begun(33);
		append(w, "a.log", 33, 100);
		tail.piece = piece;
		rewrite_behind_read(w, true);
		world_pass(w, 60);
		expect_once(w, 300, true);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

/* It is read as if it had stood there from the beginning. */
static void
t06_nor_with_the_first_that_is_read(void **state)
{
	(void)state;
	for (ssize_t piece = 950; piece < 8000; piece += 950) {
		struct world *w = begun(0);
		append(w, "a.log", 0, 100);
		tail.piece = piece;
		rewrite_behind_read(w, false);
		world_pass(w, 60);
		for (unsigned i = 0; i < 300; i++)
			assert_int_equal(w->seen[i], i >= 100);
		world_free(w);
	}
}

/* A hole is longer than what is read at once, and text behind it. What is written anew when that
 * was found, is longer than all of it. */
static void
t07_nor_across_a_hole(void **state)
{
	(void)state;
	for (unsigned read = 0; read < 100; read += 90) {
		struct world *w = begun(read);
		shell(w, "truncate -s 300000 a.log");
		append(w, "a.log", 90, 100);
		tail.later = 1;
		tail.until = 3900;
		rewrite_behind_read(w, true);
		tail.until = 0;
		world_pass(w, 60);
		for (unsigned i = 0; i < 3900; i++)
			assert_int_equal(w->seen[i], i < read || i >= 90);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_what_is_appended_is_read_by_one_call),
		cmocka_unit_test(t02_what_comes_in_pieces_comes_whole),
		cmocka_unit_test(t03_a_packed_one_that_comes_in_pieces_comes_whole),
		cmocka_unit_test(t04_what_is_written_anew_behind_a_read_is_no_part_of_it),
		cmocka_unit_test(t05_what_is_written_anew_between_pieces_is_not_mixed),
		cmocka_unit_test(t06_nor_with_the_first_that_is_read),
		cmocka_unit_test(t07_nor_across_a_hole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
