#include "daemon/input/watch.h"

#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_who_writes_without_end_does_not_hold_the_reader),
		cmocka_unit_test(t02_writing_is_told_where_it_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
