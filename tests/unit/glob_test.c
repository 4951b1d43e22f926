#include "daemon/input/glob.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct row {
	const char *pattern, *path;
	const char *captures; /* "1|2", NULL for no match */
} ROW[] = {
	{"/a/x.log", "/a/x.log", ""},
	{"/a/x.log", "/a/X.LOG", ""},
	{"/a/x.log", "/A/x.log", NULL},
	{"/a//./x.log", "/a/x.log", ""},
	{"/a/*.log", "/a/x.log", "x"},
	{"/a/*.log", "/a/.x.log", NULL},
	{"/a/.*.log", "/a/.x.log", "x"},
	{"/a/*.log", "/a/b/x.log", NULL},
	{"/a/*.log", "/a/.log", NULL},
	{"/r/**/*AIUpdateSvc.log", "/r/AIUpdateSvc.log", "|"},
	{"/r/**/*AIUpdateSvc.log", "/r/CM01/aiupdatesvc.log", "CM01|"},
	{"/r/**/*AIUpdateSvc.log", "/r/de/CM01/{0}AIUpdateSvc.log", "de/CM01|{0}"},
	{"/r/**/*AIUpdateSvc.log", "/r/.cache/AIUpdateSvc.log", NULL},
	{"/r/**/*AIUpdateSvc.log", "/q/CM01/AIUpdateSvc.log", NULL},
	{"/r/**/*AIUpdateSvc.log", "/r/CM01/.AIUpdateSvc.log.Xy12Ab", NULL},
	{"/r/**/logs/**/a.log", "/r/x/logs/y/logs/z/a.log", "x|y/logs/z"},
	{"/r/**/logs/a.log", "/r/logs/x/logs/a.log", "logs/x"},
	{"/r/*/a.log", "/r/CM01/a.log", "CM01"},
	{"/r/cm*/a.log", "/r/CM01/a.log", "01"},
	{"/r/CM?[0-9]/a.log", "/r/CM01/a.log", "0|1"},
	{"/r/CM[0-4][!a-z]/a.log", "/r/CM01/a.log", "0|1"},
	{"/r/CM[5-9]1/a.log", "/r/CM01/a.log", NULL},
	{"/r/[]x]/a.log", "/r/]/a.log", "]"},
	{"/r/*a*b*/a.log", "/r/xaybzb/a.log", "x|y|zb"},
	{"/r/\\*/a.log", "/r/*/a.log", ""},
	{"/r/\\*/a.log", "/r/b/a.log", NULL},
	{"/r/x\\*?.log", "/r/x*1.log", "1"},
	{"/r/**", "/r/a/b", "a|b"},
	{"/r/**", "/r/b", "|b"},
	{"/r/a**c", "/r/abc", "b"},
	{"/r/*", "/r/a.log.tmp", NULL},
	{"/r/*", "/r/a.log~", NULL},
	{"/r/*", "/r/a.partial", NULL},
	{"/r/*.tmp", "/r/a.tmp", "a"},
	{"/r/*.tmp", "/r/a.tmp~", NULL},
	{"/r/a.log*", "/r/a.log.1", ".1"},
	{"/r/a.tmp", "/r/a.tmp", ""},
	{"/r/*.log", "r/a.log", NULL},
	{"/**/a.log", "/x/y/a.log", "x/y"},
};

static char *
join(const struct glob_captures *captures)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < captures->count; i++) {
		if (i)
			buf_add_byte(&out, '|');
		buf_add_span(&out, captures->item[i]);
	}
	return buf_take(&out);
}

static void
t01_paths_match_and_are_captured(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROW); i++) {
		struct err err = ERR_INIT;
		struct glob_captures captures;
		struct glob *glob = glob_new(ROW[i].pattern, &err);
		assert_non_null(glob);
		bool matches = glob_match(glob, ROW[i].path, &captures);
		if (matches != (ROW[i].captures != NULL))
			fail_msg("%s against %s", ROW[i].pattern, ROW[i].path);
		if (matches) {
			char *text = join(&captures);
			assert_string_equal(text, ROW[i].captures);
			free(text);
		}
		glob_free(glob);
	}
}

/* Walks along the path as a listing would. */
static bool
walk(const struct glob *glob, const char *path)
{
	uint64_t places = glob_start(glob);
	const char *p = path + 1, *slash;
	for (; (slash = strchr(p, '/')); p = slash + 1) {
		struct span name = {p, (size_t)(slash - p)};
		places = glob_enter(glob, places, name, false);
	}
	return glob_has_file(glob, places, span_of(p));
}

static void
t02_walking_finds_what_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROW); i++) {
		struct err err = ERR_INIT;
		struct glob *glob = glob_new(ROW[i].pattern, &err);
		if (ROW[i].path[0] == '/' && walk(glob, ROW[i].path) != (ROW[i].captures != NULL))
			fail_msg("%s walking %s", ROW[i].pattern, ROW[i].path);
		glob_free(glob);
	}
}

static void
t03_literal_folders_are_entered_without_listing(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct glob *glob = glob_new("/var/log/**/x/a.log", &err);
	uint64_t places = glob_start(glob);
	assert_true(span_equal(glob_literal(glob, places, 0), SPAN("var")));
	assert_int_equal(glob_literal(glob, places, 1).n, 0);
	assert_false(glob_needs_listing(glob, places));
	places = glob_enter(glob, places, SPAN("var"), true);
	places = glob_enter(glob, places, SPAN("log"), true);
	assert_true(glob_needs_listing(glob, places));
	assert_true(span_equal(glob_literal(glob, places, 0), SPAN("x")));
	assert_int_equal(glob_enter(glob, places, SPAN("link"), true), 0);
	assert_int_equal(glob_enter(glob, places, SPAN(".git"), false), 0);
	assert_int_not_equal(glob_enter(glob, places, SPAN("dir"), false), 0);
	glob_free(glob);
}

static void
t04_wrong_patterns_say_why(void **state)
{
	(void)state;
	const char *const WRONG[] = {"", "a.log", "/", "/a/../b", "/a/[x.log", "/a/[]"};
	for (size_t i = 0; i < COUNT(WRONG); i++) {
		struct err err = ERR_INIT;
		assert_null(glob_new(WRONG[i], &err));
		assert_string_not_equal(err.text, "");
	}
	struct buf deep = BUF_INIT;
	for (int i = 0; i < GLOB_PARTS + 1; i++)
		buf_add_text(&deep, "/a");
	struct err err = ERR_INIT;
	assert_null(glob_new(deep.p, &err));
	buf_fini(&deep);
}

static void
t05_many_stars_end_soon(void **state)
{
	(void)state;
	char name[256];
	memset(name, 'a', 255);
	name[255] = '\0';
	assert_false(
		glob_match_name(SPAN("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), span_of(name)));
	assert_true(glob_match_name(SPAN("*.log"), SPAN(".log")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_paths_match_and_are_captured),
		cmocka_unit_test(t02_walking_finds_what_matches),
		cmocka_unit_test(t03_literal_folders_are_entered_without_listing),
		cmocka_unit_test(t04_wrong_patterns_say_why),
		cmocka_unit_test(t05_many_stars_end_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
