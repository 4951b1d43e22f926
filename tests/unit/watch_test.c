#include "daemon/input/watch.h"

#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct writer {
	char *path;
	unsigned hints, limit;
};

static void
append(const struct writer *writer)
{
	FILE *log = fopen(writer->path, "a");
	assert_non_null(log);
	fputs("x", log);
	fclose(log);
}

/* Writes once more for every hint, so that there always is another. */
static void
on_hint(void *owner, const struct watch_hint *hint)
{
	struct writer *writer = owner;
	(void)hint;
	if (writer->hints++ < writer->limit)
		append(writer);
}

static void
t01_who_writes_without_end_does_not_hold_the_reader(void **state)
{
	(void)state;
	char folder[] = "/tmp/aiwatch-watch-XXXXXX";
	assert_non_null(mkdtemp(folder));
	struct watch *watch = watch_new(CONFIG_WATCH_INOTIFY);
	struct writer writer = {mem_format("%s/log", folder), 0, 5000};
	append(&writer);
	assert_true(watch_add(watch, folder, true, NULL) >= 0);
	append(&writer);
	assert_false(watch_read(watch, on_hint, &writer));
	assert_in_range(writer.hints, 1, 1000);
	unsigned before = writer.hints;
	watch_read(watch, on_hint, &writer);
	assert_true(writer.hints > before);
	watch_free(watch);
	unlink(writer.path);
	rmdir(folder);
	free(writer.path);
}

static unsigned
hints(struct watch *watch)
{
	struct writer writer = {NULL, 0, 0};
	assert_false(watch_read(watch, on_hint, &writer));
	return writer.hints;
}

static void
t02_writing_is_told_where_it_is_asked_for(void **state)
{
	(void)state;
	char folder[] = "/tmp/aiwatch-watch-XXXXXX";
	assert_non_null(mkdtemp(folder));
	struct watch *watch = watch_new(CONFIG_WATCH_INOTIFY);
	struct writer writer = {mem_format("%s/log", folder), 0, 0};
	int number = watch_add(watch, folder, false, NULL);
	assert_int_equal(hints(watch), 0);
	append(&writer); /* comes, and is written to */
	assert_int_equal(hints(watch), 1);
	append(&writer);
	assert_int_equal(hints(watch), 0);
	assert_int_equal(watch_add(watch, folder, true, NULL), number);
	assert_int_equal(watch_add(watch, folder, false, NULL), number);
	append(&writer);
	assert_int_equal(hints(watch), 1);
	unlink(writer.path);
	assert_int_equal(hints(watch), 1);
	watch_free(watch);
	rmdir(folder);
	free(writer.path);
}

enum { FOLDERS = 60 };

static void
on_name(void *owner, const struct watch_hint *hint)
{
	(void)owner;
	if (hint->name)
		++*(unsigned *)hint->subject;
}

/* Writes a file into each folder that stands: its subject, and no other, is told. */
static void
check_each(struct watch *watch, char *const path[FOLDERS])
{
	static unsigned told[FOLDERS];
	for (int i = 0; i < FOLDERS; i++) {
		if (path[i])
			assert_true(watch_add(watch, path[i], false, &told[i]) >= 0);
	}
	watch_read(watch, on_name, NULL);
	for (int i = 0; i < FOLDERS; i++) {
		struct writer writer = {NULL, 0, 0};
		unsigned before = told[i];
		if (!path[i])
			continue;
		writer.path = mem_format("%s/log", path[i]);
		append(&writer);
		assert_false(watch_read(watch, on_name, NULL));
		assert_int_equal(told[i], before + 1);
		unlink(writer.path);
		free(writer.path);
	}
	assert_false(watch_read(watch, on_name, NULL));
}

static void
t03_folders_that_go_leave_the_others_watched(void **state)
{
	(void)state;
	char folder[] = "/tmp/aiwatch-watch-XXXXXX";
	char *path[FOLDERS];
	assert_non_null(mkdtemp(folder));
	struct watch *watch = watch_new(CONFIG_WATCH_INOTIFY);
	for (int i = 0; i < FOLDERS; i++) {
		path[i] = mem_format("%s/%d", folder, i);
		assert_int_equal(mkdir(path[i], 0755), 0);
	}
	for (int step = 1; step <= 5; step++) {
		check_each(watch, path);
		for (int i = step; i < FOLDERS; i += 6) {
			rmdir(path[i]);
			free(path[i]);
			path[i] = NULL;
		}
		assert_false(watch_read(watch, on_name, NULL));
	}
	check_each(watch, path);
	watch_free(watch);
	for (int i = 0; i < FOLDERS; i++) {
		if (path[i])
			rmdir(path[i]);
		free(path[i]);
	}
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_who_writes_without_end_does_not_hold_the_reader),
		cmocka_unit_test(t02_writing_is_told_where_it_is_asked_for),
		cmocka_unit_test(t03_folders_that_go_leave_the_others_watched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
