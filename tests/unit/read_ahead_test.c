#include "daemon/base/read_ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 10000, BLOCK = 64, SLACK = 16 };

static int
file_of(const char *bytes)
{
	char path[] = "/tmp/aiwatch-ahead-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static struct read_ahead *
start(int fd, size_t overlap)
{
	struct read_ahead *ahead = read_ahead_start(&(struct read_ahead_setup){
		.fd = fd, .block = BLOCK, .blocks = 3, .overlap = overlap, .slack = SLACK});
	assert_non_null(ahead);
	return ahead;
}

static void
t01_all_bytes_come_in_order_with_room_in_front(void **state)
{
	(void)state;
	char all[SIZE], *bytes;
	for (size_t i = 0; i < SIZE; i++)
		all[i] = (char)(i * 7 + i / 251);
	int fd = file_of(all);
	struct read_ahead *ahead = start(fd, 0);
	size_t at = 0;
	ssize_t got;
	while ((got = read_ahead_next(ahead, &bytes)) > 0) {
		assert_true(at + (size_t)got <= SIZE);
		assert_memory_equal(bytes, all + at, (size_t)got);
		memset(bytes - SLACK, 1, SLACK);
		at += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(at, SIZE);
	assert_int_equal(read_ahead_next(ahead, &bytes), 0);
	read_ahead_stop(ahead);
	close(fd);
}

static void
t02_it_stops_wherever_it_is(void **state)
{
	(void)state;
	char all[SIZE] = {0}, *bytes;
	for (int blocks = 0; blocks < 12; blocks++) {
		int fd = file_of(all);
		struct read_ahead *ahead = start(fd, 0);
		for (int i = 0; i < blocks; i++)
			assert_int_equal(read_ahead_next(ahead, &bytes), BLOCK);
		read_ahead_stop(ahead);
		close(fd);
	}
	read_ahead_stop(NULL);
}

static void
t03_a_failure_comes_as_read_tells_it(void **state)
{
	(void)state;
	char *bytes;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	struct read_ahead *ahead = start(fd, 0);
	assert_int_equal(read_ahead_next(ahead, &bytes), -1);
	assert_int_equal(errno, EISDIR);
	read_ahead_stop(ahead);
	close(fd);
}

/* Blocks behind the last are asked for before it is known to be the last. */
static void
t04_what_is_added_behind_the_end_comes_too(void **state)
{
	(void)state;
	char all[SIZE] = {0}, *bytes;
	int fd = file_of(all);
	struct read_ahead *ahead = start(fd, 0);
	for (int i = 0; i < SIZE / BLOCK; i++)
		assert_int_equal(read_ahead_next(ahead, &bytes), BLOCK);
	assert_int_equal(read_ahead_next(ahead, &bytes), SIZE % BLOCK);
	memset(all, 'x', SIZE);
	assert_int_equal(pwrite(fd, all, SIZE, SIZE), SIZE);
	size_t added = 0;
	ssize_t got;
	while ((got = read_ahead_next(ahead, &bytes)) > 0) {
		assert_memory_equal(bytes, all, (size_t)got);
		added += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(added, SIZE);
	read_ahead_stop(ahead);
	close(fd);
}

static void
t05_neighbours_have_the_overlap_in_common(void **state)
{
	(void)state;
	enum { OVERLAP = 24 };
	char all[SIZE], *bytes;
	for (size_t i = 0; i < SIZE; i++)
		all[i] = (char)(i * 7 + i / 251);
	int fd = file_of(all);
	struct read_ahead *ahead = start(fd, OVERLAP);
	size_t at = 0;
	ssize_t got;
	while ((got = read_ahead_next(ahead, &bytes)) == BLOCK) {
		assert_memory_equal(bytes, all + at, BLOCK);
		at += BLOCK - OVERLAP;
	}
	assert_int_equal(at + (size_t)got, SIZE);
	assert_memory_equal(bytes, all + at, (size_t)got);
	assert_int_equal(read_ahead_next(ahead, &bytes), 0);
	read_ahead_stop(ahead);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_all_bytes_come_in_order_with_room_in_front),
		cmocka_unit_test(t02_it_stops_wherever_it_is),
		cmocka_unit_test(t03_a_failure_comes_as_read_tells_it),
		cmocka_unit_test(t04_what_is_added_behind_the_end_comes_too),
		cmocka_unit_test(t05_neighbours_have_the_overlap_in_common),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
