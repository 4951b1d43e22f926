#include "daemon/input/site_name.h"

#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char PATH[] = "/r/de/CM01/AIUpdateSvc.log";

static void
expect_name(const char *template, const char *host, const char *expected)
{
	struct err err = ERR_INIT;
	struct glob_captures captures;
	struct glob *glob = glob_new("/r/**/*AIUpdateSvc.log", &err);
	assert_true(glob_match(glob, PATH, &captures));
	assert_true(site_template_check(template, &err));
	char *name = site_name(template, span_of(host), PATH, &captures);
	assert_string_equal(name, expected);
	free(name);
	glob_free(glob);
}

static void
t01_the_first_that_is_not_empty_names(void **state)
{
	(void)state;
	expect_name("{host|1|dir}", "", "de/CM01");
	expect_name("{host|1|dir}", "web1", "web1");
	expect_name("{host|1|dir}", "  ", "de/CM01");
	expect_name("{2|dir}", "", "CM01");
	expect_name("{9}", "", "unknown");
	expect_name("site-{ dir }/{file}", "", "site-CM01/AIUpdateSvc.log");
	expect_name("{{{dir}", "", "{CM01");
	expect_name("plain", "x", "plain");
}

static void
t02_names_are_safe_and_bounded(void **state)
{
	(void)state;
	char longer[2000];
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	struct glob_captures none = {.count = 0};
	char *name = site_name("{host}", span_of(longer), PATH, &none);
	assert_in_range(strlen(name), 200, SITE_NAME_MAX);
	free(name);
	expect_name("{host}", "a\x1b[31m\nb", "a [31m b");
	expect_name("{host}", "\n\t", "unknown");
}

static void
t03_wrong_templates_say_why(void **state)
{
	(void)state;
	const char *const WRONG[] = {"{host", "{hots}", "{0}", "{17}", "{}", "{host|x}"};
	for (size_t i = 0; i < COUNT(WRONG); i++) {
		struct err err = ERR_INIT;
		assert_false(site_template_check(WRONG[i], &err));
		assert_string_not_equal(err.text, "");
	}
	assert_true(site_template_has_host("{dir|host}"));
	assert_false(site_template_has_host("host {dir}"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_the_first_that_is_not_empty_names),
		cmocka_unit_test(t02_names_are_safe_and_bounded),
		cmocka_unit_test(t03_wrong_templates_say_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
