#include "daemon/input/follow_parts.h"
#include "tests/unit/follow_world.h"

#include <sys/mman.h>
#include <sys/syscall.h>

static _Atomic uint64_t read_until;

ssize_t
pread64(int fd, void *bytes, size_t n, off64_t at)
{
	ssize_t got = syscall(SYS_pread64, fd, bytes, n, at);
	if (got > 0 && (uint64_t)(at + got) > read_until)
		read_until = (uint64_t)(at + got);
	return got;
}

/*
 * Files of several MiB, of which most is read ahead. Behind each numbered line stand `others` of
 * `length` bytes of which nothing is to be told.
 */
static void
put_with(const struct world *w, const char *name, int flags, unsigned from, unsigned until,
	size_t others, size_t length)
{
	struct buf out = BUF_INIT;
	for (unsigned i = from; i < until; i++) {
		char *line = lines(i, i + 1);
		buf_add_text(&out, line);
		free(line);
		for (size_t k = 0; k < others * length; k++)
			buf_add_byte(&out, (k + 1) % length ? 'x' : '\n');
	}
	put_bytes(w, name, flags, out.p, out.n);
	buf_fini(&out);
}

static void
put_long(const struct world *w, const char *name, int flags, unsigned from, unsigned until)
{
	put_with(w, name, flags, from, until, 9, 3000);
}

static bool
is_ahead(const struct world *w)
{
	return w->follow->ahead.blocks != NULL;
}

/* Reads a.log, which has n numbered lines, until some of it has been read ahead. */
static void
begin(struct world *w, unsigned n)
{
	put_long(w, "a.log", 0, 0, n);
	world_start(w);
	follow_wake(w->follow);
	while (w->sightings < 60)
		assert_true(world_turn_once(w));
	assert_true(is_ahead(w));
	assert_true(w->sightings < n / 2);
}

static void
t01_all_lines_arrive_in_order(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 400);
	world_turn(w);
	assert_false(is_ahead(w));
	expect_once(w, 400, true);
	world_restart(w);
	expect_once(w, 400, true);
	world_free(w);
}

static void
t02_lines_longer_than_what_blocks_have_in_common(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	put_with(w, "a.log", 0, 0, 400, 2, 20000);
	world_start(w);
	world_look(w);
	expect_once(w, 400, true);
	world_free(w);
}

static void
t03_what_is_renamed_removed_or_grows_is_read_to_its_end(void **state)
{
	(void)state;
	static const char *const COMMAND[] = {"mv a.log a.log.1", "rm a.log", "true"};
	for (size_t i = 0; i < COUNT(COMMAND); i++) {
		struct world *w = world_new("*.log");
		begin(w, 300);
		shell(w, COMMAND[i]);
		append(w, "a.log", 300, 310);
		world_look(w);
		world_pass(w, 10);
		expect_once(w, 310, true);
		world_free(w);
	}
}

/* What the thread had read of the old content comes before all of the new, or not at all. */
static void
t04_old_and_new_content_are_not_mixed(void **state)
{
	(void)state;
	for (unsigned until = 310; until <= 400; until += 30) {
		struct world *w = world_new("*.log");
		begin(w, 300);
		put_long(w, "a.log", O_TRUNC, 300, until);
		world_turn_once(w);
		world_look(w);
		world_pass(w, 60);
		size_t old = 0;
		while (old < w->sightings && w->order[old] == old)
			old++;
		assert_true(old >= 60 && old < 300);
		assert_int_equal(w->sightings, old + until - 300);
		for (unsigned k = 300; k < until; k++)
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
	begin(w, 300);
	unsigned same = (unsigned)w->sightings + 2;
	put_long(w, "a.log", O_TRUNC, 0, same);
	put_long(w, "a.log", O_APPEND, 300, 400);
	world_look(w);
	for (unsigned i = 0; i < 400; i++)
		assert_int_equal(w->seen[i], i < same || i >= 300);
	world_free(w);
}

static void
t06_it_stops_in_the_midst(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 400);
	world_restart(w);
	expect_once(w, 400, true);
	world_free(w);
}

static void
t07_two_long_files_take_turns(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	put_long(w, "a.log", 0, 0, 200);
	put_long(w, "b.log", 0, 200, 400);
	world_start(w);
	world_look(w);
	expect_once(w, 400, false);
	world_free(w);
}

static void
t08_behind_a_long_hole_it_goes_on(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 250);
	shell(w, "truncate -s 50M a.log");
	put_long(w, "a.log", O_APPEND, 250, 400);
	world_look(w);
	expect_once(w, 400, true);
	world_free(w);
}

static void
t09_what_has_much_to_tell_is_not_read_ahead(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	put_with(w, "a.log", 0, 0, 4000, 1, 3000);
	world_start(w);
	follow_wake(w->follow);
	while (world_turn_once(w))
		assert_false(is_ahead(w));
	expect_once(w, 4000, true);
	world_free(w);
}

/* Each look sees that it has grown. */
static void
t10_what_grows_is_not_read_ahead_again_and_again(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	begin(w, 300);
	unsigned next = 300;
	bool more = true;
	while (more) {
		if (next < 310) {
			append(w, "a.log", next, next + 1);
			next++;
			follow_wake(w->follow);
		}
		more = world_turn_once(w);
		assert_false(is_ahead(w));
	}
	assert_true(next > 303);
	expect_once(w, next, true);
	world_free(w);
}

/* Written through a mapping: of a line in a page that is dirty already no size and no time tells,
 * and what was read ahead of it may still be NULs. */
static void
t11_line_in_reserved_room_is_read_at_once(void **state)
{
	(void)state;
	enum { RESERVED = 32 << 20 };
	char *line = lines(300, 301);
	for (size_t others = 0; others < 88; others += 2) {
		struct world *w = world_new("*.log");
		struct stat status;
		put_long(w, "a.log", 0, 0, 240);
		put_with(w, "a.log", O_APPEND, 240, 241, others, 3000);
		int fd = open(path_in(w, "a.log"), O_RDWR);
		assert_int_equal(fstat(fd, &status), 0);
		size_t end = (size_t)status.st_size;
		assert_int_equal(ftruncate(fd, RESERVED), 0);
		char *map = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_true(map != MAP_FAILED);
		map[end - 2] ^= 1;
		map[end + strlen(line)] = 0;
		read_until = 0;
		world_start(w);
		follow_wake(w->follow);
		while (w->follow->status.bytes_read + (1 << 20) + 600000 < end)
			assert_true(world_turn_once(w));
		for (int i = 0; i < 1000 && read_until < end + (1 << 18); i++)
			usleep(20); /* mostly the thread has read that far by then */
		memcpy(map + end, line, strlen(line));
		while (world_turn_once(w))
			continue;
		assert_int_equal(w->seen[300], 1);
		munmap(map, RESERVED);
		close(fd);
		world_free(w);
	}
	free(line);
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
		cmocka_unit_test(t09_what_has_much_to_tell_is_not_read_ahead),
		cmocka_unit_test(t10_what_grows_is_not_read_ahead_again_and_again),
		cmocka_unit_test(t11_line_in_reserved_room_is_read_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
