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

static void
t04_secrets_are_read_from_where_they_are_named(void **state)
{
	(void)state;
	mkdir("credentials", 0700);
	put("credentials/hook", "s3cret credential\r\n");
	put("secret", "s3cret file\n");
	chmod("secret", 0600);
	setenv("CREDENTIALS_DIRECTORY", "credentials", 1);
	setenv("TEST_SECRET", "s3cret environment", 1);
	put("c.yml", "sinks:\n"
		     "  - name: a\n    type: webhook\n    url: https://a.example/\n"
		     "    secret: {file: secret}\n"
		     "    bearer: {credential: hook}\n"
		     "    headers: {X-A: {env: TEST_SECRET}, X-B: plain}\n");
	struct config *config = load_good("c.yml");
	const struct config_sink *sink = &config->sinks[0];
	assert_string_equal(sink->secret.value, "s3cret file");
	assert_string_equal(sink->secret.from, "file secret");
	assert_string_equal(sink->bearer.value, "s3cret credential");
	assert_string_equal(sink->headers.item[0].value, "s3cret environment");
	assert_string_equal(sink->headers.item[0].from, "env TEST_SECRET");
	assert_null(sink->headers.item[1].from);
	struct buf form = BUF_INIT;
	config_print(config, &form);
	assert_null(strstr(form.p, "s3cret"));
	buf_fini(&form);
	config_free(config);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("TEST_SECRET");
}

static const char ONE_SECRET[] = "sinks:\n"
				 "  - name: a\n    type: webhook\n    url: https://a.example/\n"
				 "    secret: {file: secret}\n";

static void
t05_a_secret_that_others_can_read_is_a_warning(void **state)
{
	(void)state;
	static const struct {
		mode_t mode;
		bool warns;
	} ROW[] = {{0600, false}, {0640, false}, {0660, true}, {0644, true}, {0604, true}};
	put("c.yml", ONE_SECRET);
	put("secret", "x\n");
	for (size_t i = 0; i < COUNT(ROW); i++) {
		chmod("secret", ROW[i].mode);
		char *text = problems_of("c.yml", false);
		assert_int_equal(strstr(text, "c.yml:5:20: warning: secret: secret can be") != NULL,
			ROW[i].warns);
		free(text);
	}
}

static void
t06_a_secret_is_one_line_of_a_file(void **state)
{
	(void)state;
	put("c.yml", ONE_SECRET);
	char *text = problems_of("c.yml", false);
	assert_has(text, "secret: the secret cannot be read: secret: No such file");
	free(text);
	put("secret", "\n");
	text = problems_of("c.yml", false);
	assert_has(text, "is empty");
	free(text);
	put("secret", "one\ntwo\n");
	text = problems_of("c.yml", false);
	assert_has(text, "must be one line");
	free(text);
	char *long_text = mem_new(5001);
	memset(long_text, 'x', 5000);
	put("secret", long_text);
	free(long_text);
	text = problems_of("c.yml", false);
	assert_has(text, "is longer than");
	free(text);
	unlink("secret");
	assert_int_equal(mkfifo("secret", 0600), 0);
	text = problems_of("c.yml", false);
	assert_has(text, "is no regular file");
	free(text);
}

static void
t07_lenient_loading_warns_of_secrets_only(void **state)
{
	(void)state;
	put("c.yml", ONE_SECRET);
	struct config_problems problems;
	struct config *config = config_load_lenient("c.yml", &problems);
	assert_non_null(config);
	assert_null(config->sinks[0].secret.value);
	assert_string_equal(config->sinks[0].secret.from, "file secret");
	assert_int_equal(problems.count, 1);
	assert_true(problems.item[0].is_warning);
	config_problems_fini(&problems);
	config_free(config);
	put("c.yml", "stat: x\n");
	char *text = problems_of("c.yml", true);
	assert_has(text, "unknown key");
	free(text);
}

static void
t08_relative_paths_start_at_their_file(void **state)
{
	(void)state;
	mkdir("etc", 0700);
	mkdir("etc/conf.d", 0700);
	put("etc/aiwatch.yml", "state: here\ninclude: conf.d/*.yml\n"
			       "inputs: [{name: a, paths: [/abs/*.log]}]\n");
	put("etc/conf.d/b.yml", "inputs: [{name: b, paths: [/b]}]\ncontrol: /x\n");
	put("etc/conf.d/.hidden.yml", "unknown: 1\n");
	struct config *config = load_good("etc/aiwatch.yml");
	assert_string_equal(config->state, "etc/here");
	assert_string_equal(config->inputs[0].name, "b");
	assert_int_equal(config->files.count, 2);
	assert_string_equal(config->files.item[1], "etc/conf.d/b.yml");
	assert_string_equal(config->inputs[0].place.file, "etc/conf.d/b.yml");
	assert_int_equal(config->inputs[0].place.line, 1);
	assert_int_equal(config->inputs[0].place.column, 10);
	config_free(config);
}

static void
t09_too_long_a_file_is_refused(void **state)
{
	(void)state;
	FILE *f = fopen("c.yml", "w");
	for (int i = 0; i < 20000; i++)
		fprintf(f, "# %060d\n", i);
	fclose(f);
	char *text = problems_of("c.yml", false);
	assert_has(text, "c.yml: is longer than the 1048576 bytes");
	free(text);
}

static void
t10_too_many_files_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 201; i++) {
		char *path = mem_format("part-%03d.yml", i);
		put(path, "");
		free(path);
	}
	put("c.yml", "include: part-*.yml\n");
	char *text = problems_of("c.yml", false);
	assert_has(text, "include: part-199.yml: more than the 200 files");
	free(text);
}

static void
t11_added_rules_come_first_and_shipped_ones_are_replaced_in_place(void **state)
{
	(void)state;
	struct config *shipped = load_good(NULL);
	size_t count = shipped->rule_count, at = 0;
	assert_true(count > 10);
	while (strcmp(shipped->rules[at].name, "sync_forbidden") != 0)
		at++;
	assert_null(shipped->rules[at].place.file);
	assert_true(shipped->rules[at].place.line > 0);
	config_free(shipped);
	put("c.yml", "rules:\n"
		     "  - {name: mine, event: sync_failed, pattern: x}\n"
		     "  - {name: last, event: sync_failed, pattern: x, against: record}\n"
		     "  - {name: next, event: sync_failed, pattern: x}\n"
		     "  - name: sync_forbidden\n    event: sync_forbidden\n    pattern: y\n");
	struct config *config = load_good("c.yml");
	assert_int_equal(config->rule_count, count + 3);
	assert_string_equal(config->rules[0].name, "mine");
	assert_string_equal(config->rules[1].name, "next");
	at += 2;
	assert_string_equal(config->rules[at].pattern, "y");
	assert_string_equal(config->rules[at].place.file, "c.yml");
	assert_int_equal(config->rules[at].pattern_place.line, 7);
	assert_int_equal(config->rules[at].pattern_place.column, 14);
	assert_null(config->rules[at].contains);
	assert_string_equal(config->rules[count + 2].name, "last");
	config_free(config);
}

static void
complain_of_state(const struct config *config, struct config_problems *problems)
{
	struct config_place place = {config->path, 2, 1};
	config_problems_add(problems, place, false, "state %s", config->state);
}

static void
t12_what_a_check_adds_stands_in_order(void **state)
{
	(void)state;
	put("c.yml", "one: 1\nstate: /x\ntwo: 2\n");
	struct config_problems problems;
	assert_null(config_load_checked("c.yml", complain_of_state, &problems));
	assert_int_equal(problems.count, 3);
	assert_string_equal(problems.item[1].sentence, "state /x");
	config_problems_fini(&problems);
}

static void
t13_problems_can_be_shown_in_colour(void **state)
{
	(void)state;
	put("c.yml", "stat: 1\n");
	struct config_problems problems;
	assert_null(config_load("c.yml", &problems));
	struct buf text = BUF_INIT;
	config_problems_print(&problems, true, &text);
	assert_has(text.p, "\033[31munknown key");
	assert_has(text.p, "\033[32m^\033[0m");
	buf_fini(&text);
	config_problems_fini(&problems);
}

static void
t14_a_file_that_cannot_be_shown_is_no_harm(void **state)
{
	(void)state;
	put("c.yml", "stat: 1\n");
	struct config_problems problems;
	assert_null(config_load("c.yml", &problems));
	unlink("c.yml");
	assert_int_equal(mkfifo("c.yml", 0600), 0);
	struct buf text = BUF_INIT;
	config_problems_print(&problems, false, &text);
	assert_string_equal(text.p, "c.yml:1:1: unknown key \"stat\"; did you mean \"state\"?\n");
	buf_fini(&text);
	config_problems_fini(&problems);
}

static void
t15_a_named_file_is_taken_as_it_is(void **state)
{
	(void)state;
	assert_string_equal(config_find("missing.yml"), "missing.yml");
	const char *path = config_find(NULL);
	if (access(CONFIG_DEFAULT_PATH, F_OK) == 0)
		assert_string_equal(path, CONFIG_DEFAULT_PATH);
	else
		assert_null(path);
}

/* What the comments of the shipped example would set, were they none: behind the first paragraphs,
 * each line without its "# ". */
static void
uncomment(FILE *from, FILE *to)
{
	char line[1024];
	bool is_prose = true;
	while (fgets(line, sizeof line, from)) {
		is_prose = is_prose && line[0] != '\n';
		if (!is_prose)
			fputs(strncmp(line, "# ", 2) == 0 ? line + 2 : line, to);
	}
}

static void
t16_the_shipped_example_is_good_with_and_without_its_comments(void **state)
{
	const struct folder *folder = *state;
	char *example = mem_format("%s/packaging/etc/aiwatch.yml", folder->back);
	struct config *config = load_good(example);
	assert_string_equal(config->sinks[0].name, "local");
	config_free(config);
	FILE *from = fopen(example, "r"), *to = fopen("whole.yml", "w");
	assert_non_null(from);
	uncomment(from, to);
	fclose(from);
	fclose(to);
	struct config_problems problems;
	config = config_load_lenient("whole.yml", &problems);
	struct buf text = BUF_INIT;
	config_problems_print(&problems, false, &text);
	if (!config)
		fail_msg("%s", text.p);
	assert_true(config->sink_count > 1);
	buf_fini(&text);
	config_problems_fini(&problems);
	config_free(config);
	free(example);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t01_defaults_are_those_of_the_contract),
		TEST(t02_empty_file_says_the_same_as_none),
		TEST(t03_missing_file_is_an_error_with_its_name),
		TEST(t04_secrets_are_read_from_where_they_are_named),
		TEST(t05_a_secret_that_others_can_read_is_a_warning),
		TEST(t06_a_secret_is_one_line_of_a_file),
		TEST(t07_lenient_loading_warns_of_secrets_only),
		TEST(t08_relative_paths_start_at_their_file),
		TEST(t09_too_long_a_file_is_refused),
		TEST(t10_too_many_files_are_refused),
		TEST(t11_added_rules_come_first_and_shipped_ones_are_replaced_in_place),
		TEST(t12_what_a_check_adds_stands_in_order),
		TEST(t13_problems_can_be_shown_in_colour),
		TEST(t14_a_file_that_cannot_be_shown_is_no_harm),
		TEST(t15_a_named_file_is_taken_as_it_is),
		TEST(t16_the_shipped_example_is_good_with_and_without_its_comments),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
