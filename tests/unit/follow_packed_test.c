#include "tests/unit/follow_world.h"

/* Of which log a compressed one is the rest, where they begin alike. */

/* A log with a header that every later one has: it was read, is rotated, and of its successor
 * nothing but the header was read. */
static struct world *
begun(void)
{
	struct world *w = world_new("a.log");
	shell(w, "yes '# header' | head -n 600 | tee header >a.log");
	append(w, "a.log", 0, 10);
	world_start(w);
	world_look(w);
	shell(w, "mv a.log a.log.1 && cp header a.log");
	world_look(w);
	return w;
}

static void
t01_is_not_taken_for_one_of_which_the_header_was_read(void **state)
{
	(void)state;
	struct world *w = begun();
	/* That is replaced and rotated before the next look. */
	shell(w, "cp header new && mv new a.log");
	append(w, "a.log", 10, 20);
	shell(w, "gzip a.log.1 && mv a.log.1.gz a.log.2.gz && mv a.log a.log.1");
	append(w, "a.log", 20, 30);
	world_pass(w, 60);
	expect_once(w, 30, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t02_copy_of_it_is_known(void **state)
{
	(void)state;
	struct world *w = begun();
	shell(w, "gzip a.log.1");
	world_pass(w, 60);
	shell(w, "cp -p a.log.1.gz a.log.2.gz && rm a.log.1.gz");
	world_pass(w, 60);
	append(w, "a.log", 10, 20);
	world_pass(w, 60);
	expect_once(w, 20, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t03_copy_of_it_is_not_taken_for_another_either(void **state)
{
	(void)state;
	struct world *w = begun();
	shell(w, "gzip a.log.1");
	world_pass(w, 60);
	shell(w, "cp header new && mv new a.log");
	append(w, "a.log", 10, 20);
	shell(w, "cp -p a.log.1.gz a.log.2.gz && rm a.log.1.gz && mv a.log a.log.1");
	append(w, "a.log", 20, 30);
	world_pass(w, 60);
	expect_once(w, 30, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_is_not_taken_for_one_of_which_the_header_was_read),
		cmocka_unit_test(t02_copy_of_it_is_known),
		cmocka_unit_test(t03_copy_of_it_is_not_taken_for_another_either),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
