#ifndef AIWATCH_TESTS_STORE_DIRECTORY_H
#define AIWATCH_TESTS_STORE_DIRECTORY_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A directory of its own for each test of a store, in memory where there is room. */
static char directory[PATH_MAX];

static void
shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
shell(const char *format, ...)
{
	char command[4096];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static int
make_directory(void **state)
{
	(void)state;
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(directory, sizeof directory, "%s/aiwatch-store-XXXXXX", parent);
	return mkdtemp(directory) ? 0 : -1;
}

static int
remove_directory(void **state)
{
	(void)state;
	shell("rm -rf '%s'", directory);
	return 0;
}

#endif
