#include "daemon/input/follow_parts.h"
#include "tests/unit/follow_world.h"

/* Files of several MiB, of which most is read ahead. */

static void
put_long(const struct world *w, const char *name, int flags, unsigned from, unsigned until,
	size_t padding)
{
	struct buf out = BUF_INIT;
	for (unsigned i = from; i < until; i++) {
		buf_format(&out,
			"Asset Intelligence Catalog Sync Service Error: 0 : "
			"2015-06-19 03:00:01: Exception line %u ",
			i);
		for (size_t k = 0; k < padding; k++)
			buf_add_byte(&out, 'x');
		buf_add_text(&out, "\r\n");
	}
	put_bytes(w, name, flags, out.p, out.n);
	buf_fini(&out);
}

static bool
is_ahead(const struct world *w)
{
	return w->follow->ahead.blocks != NULL;
}

/* Reads a.log, which has n lines of 3 KB, until some of it has been read ahead. */
static void
begin(struct world *w, unsigned n)
{
	put_long(w, "a.log", 0, 0, n, 3000);
	world_start(w);
	follow_wake(w->follow);
	while (w->sightings < 600)
		assert_true(world_turn_once(w));
	assert_true(is_ahead(w));
	assert_true(w->sightings < n / 2);
}

static void
t01_all_lines_arrive_in_order(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 4000);
	world_turn(w);
	assert_false(is_ahead(w));
	expect_once(w, 4000, true);
	world_restart(w);
	expect_once(w, 4000, true);
	world_free(w);
}

static void
t02_lines_longer_than_what_blocks_have_in_common(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	put_long(w, "a.log", 0, 0, 800, 20000);
	world_start(w);
	world_look(w);
	expect_once(w, 800, true);
	world_free(w);
}

static void
t03_what_is_renamed_removed_or_grows_is_read_to_its_end(void **state)
{
	(void)state;
	static const char *const COMMAND[] = {"mv a.log a.log.1", "rm a.log", "true"};
	for (size_t i = 0; i < COUNT(COMMAND); i++) {
		struct world *w = world_new("*.log");
		begin(w, 3000);
		shell(w, COMMAND[i]);
		append(w, "a.log", 3000, 3010);
		world_look(w);
		world_pass(w, 10);
		expect_once(w, 3010, true);
		world_free(w);
	}
}

/* What the thread had read of the old content comes before all of the new, or not at all. */
static void
t04_old_and_new_content_are_not_mixed(void **state)
{
	(void)state;
	for (unsigned until = 3100; until <= 4000; until += 300) {
		struct world *w = world_new("*.log");
		begin(w, 3000);
		put_long(w, "a.log", O_TRUNC, 3000, until, 3000);
		world_turn_once(w);
		world_look(w);
		world_pass(w, 60);
		size_t old = 0;
		while (old < w->sightings && w->order[old] == old)
			old++;
		assert_true(old >= 600 && old < 3000);
		assert_int_equal(w->sightings, old + until - 3000);
		for (unsigned k = 3000; k < until; k++)
			assert_int_equal(w->seen[k], 1);
		assert_int_equal(w->gaps, 1);
		assert_int_equal(w->gap, GAP_TRUNCATED);
		world_free(w);
	}
}

/* It is written anew with the same beginning, but goes on otherwise. */
static void
t05_what_was_read_before_a_change_is_read_again(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 3000);
	unsigned same = (unsigned)w->sightings + 20;
	put_long(w, "a.log", O_TRUNC, 0, same, 3000);
	put_long(w, "a.log", O_APPEND, 3000, 4000, 3000);
	world_look(w);
	for (unsigned i = 0; i < 4000; i++)
		assert_int_equal(w->seen[i], i < same || i >= 3000);
	world_free(w);
}

static void
t06_it_stops_in_the_midst(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 4000);
	world_restart(w);
	expect_once(w, 4000, true);
	world_free(w);
}

static void
t07_two_long_files_take_turns(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	put_long(w, "a.log", 0, 0, 2000, 3000);
	put_long(w, "b.log", 0, 2000, 4000, 3000);
	world_start(w);
	world_look(w);
	expect_once(w, 4000, false);
	world_free(w);
}

static void
t08_behind_a_long_hole_it_goes_on(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 2500);
	shell(w, "truncate -s 50M a.log");
	put_long(w, "a.log", O_APPEND, 2500, 4000, 3000);
	world_look(w);
	expect_once(w, 4000, true);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_all_lines_arrive_in_order),
		cmocka_unit_test(t02_lines_longer_than_what_blocks_have_in_common),
		cmocka_unit_test(t03_what_is_renamed_removed_or_grows_is_read_to_its_end),
		cmocka_unit_test(t04_old_and_new_content_are_not_mixed),
		cmocka_unit_test(t05_what_was_read_before_a_change_is_read_again),
		cmocka_unit_test(t06_it_stops_in_the_midst),
		cmocka_unit_test(t07_two_long_files_take_turns),
		cmocka_unit_test(t08_behind_a_long_hole_it_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
