#include "config/config.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A private folder for the files of one test; it is the working directory while the test runs. */
struct folder {
	char path[64];
	char back[4096];
};

static int
enter(void **state)
{
	struct folder *folder = mem_new(sizeof *folder);
	snprintf(folder->path, sizeof folder->path, "/tmp/config_test.XXXXXX");
	if (!getcwd(folder->back, sizeof folder->back) || !mkdtemp(folder->path) ||
		chdir(folder->path) != 0)
		return -1;
	*state = folder;
	return 0;
}

static int
leave(void **state)
{
	struct folder *folder = *state;
	char *command = mem_format("rm -rf %s", folder->path);
	int failed = chdir(folder->back) != 0 || system(command) != 0;
	free(command);
	free(folder);
	return failed;
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct config *
load_good(const char *path)
{
	struct config_problems problems;
	struct buf text = BUF_INIT;
	struct config *config = config_load(path, &problems);
	config_problems_print(&problems, false, &text);
	if (!config || problems.count > 0)
		fail_msg("%s", text.p);
	buf_fini(&text);
	config_problems_fini(&problems);
	return config;
}

/* What config_problems_print says. */
static char *
problems_of(const char *path, bool lenient)
{
	struct config_problems problems;
	struct buf text = BUF_INIT;
	struct config *config =
		lenient ? config_load_lenient(path, &problems) : config_load(path, &problems);
	assert_int_equal(config == NULL, problems.errors > 0);
	config_problems_print(&problems, false, &text);
	config_problems_fini(&problems);
	config_free(config);
	return buf_take(&text);
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void
t01_defaults_are_those_of_the_contract(void **state)
{
	(void)state;
	struct config *config = load_good(NULL);
	assert_null(config->path);
	assert_string_equal(config->state, "/var/lib/aiwatch");
	assert_int_equal(config->input_count, 1);
	const struct config_input *input = &config->inputs[0];
	assert_string_equal(input->name, "collected");
	assert_int_equal(input->paths.count, 1);
	assert_string_equal(input->paths.item[0], "/var/log/remote/**/*AIUpdateSvc.log");
	assert_string_equal(input->site, "{host|1|dir}");
	assert_int_equal(input->start, CONFIG_START_BEGINNING);
	assert_int_equal(input->watch, CONFIG_WATCH_AUTO);
	assert_int_equal(input->poll_interval, 5 * SECOND);
	assert_string_equal(input->encoding, "auto");
	assert_string_equal(input->format, "auto");
	assert_string_equal(input->timezone, "local");
	assert_int_equal(input->rotated.count, 5);
	assert_string_equal(input->rotated.item[3], "{stem}.lo_");
	assert_int_equal(input->on_lost_state, CONFIG_LOST_BEGIN);
	assert_int_equal(input->flush_partial_after, 0);
	assert_int_equal(input->max_line, 65536);
	assert_int_equal(config->correlation.window, 10 * MINUTE);
	assert_int_equal(config->correlation.failing_after, 3);
	assert_int_equal(config->correlation.repeat_every, 24 * HOUR);
	assert_int_equal(config->correlation.resolve_after, 35 * DAY);
	assert_int_equal(config->correlation.silent_after, 0);
	assert_int_equal(config->sink_count, 1);
	assert_string_equal(config->sinks[0].name, "local");
	assert_int_equal(config->sinks[0].type, CONFIG_SINK_SYSLOG);
	assert_string_equal(config->sinks[0].address, "/dev/log");
	assert_string_equal(config->sinks[0].facility, "daemon");
	assert_null(config->http);
	assert_int_equal(config->outbox.max_alerts, 100000);
	assert_int_equal(config->outbox.max_age, 72 * HOUR);
	assert_string_equal(config->control, "/run/aiwatch/control.sock");
	config_free(config);
}

static void
t02_empty_file_says_the_same_as_none(void **state)
{
	(void)state;
	put("empty.yml", "# nothing\n");
	struct config *none = load_good(NULL), *empty = load_good("empty.yml");
	struct buf a = BUF_INIT, b = BUF_INIT;
	config_print(none, &a);
	config_print(empty, &b);
	assert_string_equal(a.p, b.p);
	assert_string_equal(empty->path, "empty.yml");
	buf_fini(&a);
	buf_fini(&b);
	config_free(none);
	config_free(empty);
}

static void
t03_missing_file_is_an_error_with_its_name(void **state)
{
	(void)state;
	char *text = problems_of("missing.yml", false);
	assert_string_equal(text, "missing.yml: cannot be read: No such file or directory\n");
	free(text);
	text = problems_of(".", false);
	assert_has(text, ".: is a directory");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			t01_defaults_are_those_of_the_contract, enter, leave),
		cmocka_unit_test_setup_teardown(t02_empty_file_says_the_same_as_none, enter, leave),
		cmocka_unit_test_setup_teardown(
			t03_missing_file_is_an_error_with_its_name, enter, leave),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
