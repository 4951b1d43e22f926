#include "daemon/scan_ahead.h"

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

static void
t01_all_bytes_come_in_order_with_room_in_front(void **state)
{
	(void)state;
	char all[SIZE], *bytes;
	for (size_t i = 0; i < SIZE; i++)
		all[i] = (char)(i * 7 + i / 251);
	int fd = file_of(all);
	struct scan_ahead *ahead = scan_ahead_start(fd, BLOCK, SLACK);
	assert_non_null(ahead);
	size_t at = 0;
	ssize_t got;
	while ((got = scan_ahead_next(ahead, &bytes)) > 0) {
		assert_true(at + (size_t)got <= SIZE);
		assert_memory_equal(bytes, all + at, (size_t)got);
		memset(bytes - SLACK, 1, SLACK);
		at += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(at, SIZE);
	assert_int_equal(scan_ahead_next(ahead, &bytes), 0);
	scan_ahead_stop(ahead);
	close(fd);
}

static void
t02_it_stops_wherever_it_is(void **state)
{
	(void)state;
	char all[SIZE] = {0}, *bytes;
	for (int blocks = 0; blocks < 12; blocks++) {
		int fd = file_of(all);
		struct scan_ahead *ahead = scan_ahead_start(fd, BLOCK, SLACK);
		assert_non_null(ahead);
		for (int i = 0; i < blocks; i++)
			assert_int_equal(scan_ahead_next(ahead, &bytes), BLOCK);
		scan_ahead_stop(ahead);
		close(fd);
	}
	scan_ahead_stop(NULL);
}

static void
t03_a_failure_comes_as_read_tells_it(void **state)
{
	(void)state;
	char *bytes;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	struct scan_ahead *ahead = scan_ahead_start(fd, BLOCK, SLACK);
	assert_non_null(ahead);
	assert_int_equal(scan_ahead_next(ahead, &bytes), -1);
	assert_int_equal(errno, EISDIR);
	scan_ahead_stop(ahead);
	close(fd);
}

/* Blocks behind the last are asked for before it is known to be the last. */
static void
t04_what_is_added_behind_the_end_comes_too(void **state)
{
	(void)state;
	char all[SIZE] = {0}, *bytes;
	int fd = file_of(all);
	struct scan_ahead *ahead = scan_ahead_start(fd, BLOCK, SLACK);
	assert_non_null(ahead);
	for (int i = 0; i < SIZE / BLOCK; i++)
		assert_int_equal(scan_ahead_next(ahead, &bytes), BLOCK);
	assert_int_equal(scan_ahead_next(ahead, &bytes), SIZE % BLOCK);
	memset(all, 'x', SIZE);
	assert_int_equal(pwrite(fd, all, SIZE, SIZE), SIZE);
	size_t added = 0;
	ssize_t got;
	while ((got = scan_ahead_next(ahead, &bytes)) > 0) {
		assert_memory_equal(bytes, all, (size_t)got);
		added += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(added, SIZE);
	scan_ahead_stop(ahead);
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
