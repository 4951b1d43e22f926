#include "tests/unit/sink_world.h"

#include "daemon/sink/excerpt.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>

static void
t01_excerpt_escapes_and_cuts_between_characters(void **unused)
{
	(void)unused;
	static const struct escape ESCAPES[] = {{'"', "\\\""}, {'\\', "\\\\"}, {0}};
	static const struct {
		const char *in;
		size_t limit;
		const char *out;
	} CASE[] = {
		{NULL, 10, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "\xe2\x80\xa6"},
		{"abcd", 2, ""},
		{"abcdef", 5, "ab\xe2\x80\xa6"},
		{"\"\"\"", 6, "\\\"\\\"\\\""},
		{"\"\"\"", 5, "\\\"\xe2\x80\xa6"},
		{"\"\"\"\"", 6, "\\\"\xe2\x80\xa6"},
		{"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 7, "\xc3\xa4\xc3\xa4\xe2\x80\xa6"},
		{"\xc3\xa4\xc3\xa4\xc3\xa4", 6, "\xc3\xa4\xc3\xa4\xc3\xa4"},
		{"\xc3\xa4\xc3\xa4\xc3\xa4", 4, "\xe2\x80\xa6"},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct buf out = BUF_INIT;
		excerpt_add(&out, CASE[i].in, CASE[i].limit, ESCAPES);
		char *text = buf_take(&out);
		assert_string_equal(text, CASE[i].out);
		free(text);
	}
}

static void
t02_a_wrong_row_is_refused_with_a_sentence(void **unused)
{
	(void)unused;
	assert_refused((struct config_sink){.type = (enum config_sink_type)99},
		"sink test: type 99 is not known");
}

/* Standard output is replaced by a file or pipe for the length of a test. */
struct replaced {
	int old;
	int read_end;
};

static struct replaced
replace_by_pipe(void)
{
	int ends[2];
	struct replaced replaced = {.old = dup(STDOUT_FILENO)};
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	replaced.read_end = ends[0];
	return replaced;
}

static void
restore(struct replaced *replaced)
{
	if (replaced->old >= 0) {
		dup2(replaced->old, STDOUT_FILENO);
		close(replaced->old);
	}
	replaced->old = -1;
	if (replaced->read_end >= 0)
		close(replaced->read_end);
	replaced->read_end = -1;
}

static void
t03_stdout_writes_one_document_a_line(void **unused)
{
	(void)unused;
	sd_event *loop = world_loop();
	struct config_pair label = {.name = (char *)"team", .value = (char *)"cm"};
	struct sink *sink = world_sink(
		loop, (struct config_sink){.type = CONFIG_SINK_STDOUT, .labels = {&label, 1}});
	assert_string_equal(sink_name(sink), "test");
	assert_string_equal(sink_type(sink), "stdout");
	struct alert alert = world_alert();
	alert.summary = (char *)"one\nline";
	struct replaced pipe = replace_by_pipe();
	struct sink_answer answer = world_send(loop, sink, &alert);
	char line[4096];
	ssize_t n = read(pipe.read_end, line, sizeof line - 1);
	restore(&pipe);
	assert_int_equal(answer.outcome, SINK_DELIVERED);
	assert_true(n > 0);
	line[n] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	json_t *document = json_loads(line, 0, NULL);
	assert_non_null(document);
	assert_string_equal(json_string_value(json_object_get(document, "collector")), "loghost");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(document, "labels"), "team")),
		"cm");
	json_decref(document);
	char *preview = sink_preview(sink, &alert);
	assert_string_equal(preview, line);
	free(preview);
	sink_free(sink);
	sd_event_unref(loop);
}

static void
t04_stdout_with_nobody_reading_is_a_retry(void **unused)
{
	(void)unused;
	sd_event *loop = world_loop();
	struct sink *sink = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_STDOUT});
	struct alert alert = world_alert();
	struct replaced pipe = replace_by_pipe();
	close(pipe.read_end);
	pipe.read_end = -1;
	struct sink_answer answer = world_send(loop, sink, &alert);
	restore(&pipe);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_string_equal(answer.text, "cannot write to standard output: Broken pipe");
	sink_free(sink);
	sd_event_unref(loop);
}

/* A document that no pipe of a page takes at once. */
static struct alert
long_alert(void)
{
	static char advice[10000];
	memset(advice, 'x', sizeof advice - 1);
	struct alert alert = world_alert();
	alert.advice = advice;
	return alert;
}

static size_t
drain(int fd, struct buf *out)
{
	size_t before = out->n;
	char bytes[1024];
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	while (poll(&ready, 1, 0) > 0) {
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n <= 0)
			break;
		buf_add(out, bytes, (size_t)n);
	}
	return out->n - before;
}

/* Given a full pipe, when its reader is slow, then lines wait and arrive whole and in order. */
static void
t05_stdout_waits_for_a_slow_reader(void **unused)
{
	(void)unused;
	enum { LINES = 40 };
	sd_event *loop = world_loop();
	struct sink *sink = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_STDOUT});
	struct answers answers = {0};
	struct buf got = BUF_INIT;
	struct replaced pipe = replace_by_pipe();
	for (int i = 0; i < LINES; i++) {
		struct alert alert = long_alert();
		alert.occurrences = 1000 + (uint64_t)i;
		sink_send(sink, &alert, world_on_done, &answers);
	}
	size_t before = answers.count;
	int64_t end = clock_monotonic() + DEADLINE;
	while (answers.count < LINES && clock_monotonic() < end) {
		drain(pipe.read_end, &got);
		sd_event_run(loop, 1000);
	}
	drain(pipe.read_end, &got);
	restore(&pipe);
	assert_true(before < LINES);
	assert_int_equal(answers.delivered, LINES);
	int64_t seen = 1000;
	char *rest = got.p;
	for (char *line; (line = strsep(&rest, "\n")) && *line; seen++) {
		json_t *document = json_loads(line, 0, NULL);
		assert_int_equal(
			json_integer_value(json_object_get(document, "occurrences")), seen);
		json_decref(document);
	}
	assert_int_equal(seen, 1000 + LINES);
	buf_fini(&got);
	sink_free(sink);
	sd_event_unref(loop);
}

/* Given a reader that stops for longer than the time-out, then no line is ever cut. */
static void
t06_stdout_gives_up_waiting_but_never_cuts_a_line(void **unused)
{
	(void)unused;
	enum { LINES = 20 };
	sd_event *loop = world_loop();
	struct sink *sink = world_sink(
		loop, (struct config_sink){.type = CONFIG_SINK_STDOUT, .timeout = SECOND / 10});
	struct answers answers = {0};
	struct buf got = BUF_INIT;
	struct replaced pipe = replace_by_pipe();
	struct alert alert = long_alert();
	for (int i = 0; i < LINES; i++)
		sink_send(sink, &alert, world_on_done, &answers);
	int64_t end = clock_monotonic() + DEADLINE;
	while (answers.count < LINES && clock_monotonic() < end)
		sd_event_run(loop, 1000);
	size_t told = answers.count;
	struct sink_answer last = answers.last;
	sink_send(sink, &alert, world_on_done, &answers);
	while (answers.count <= LINES && clock_monotonic() < end) {
		drain(pipe.read_end, &got);
		sd_event_run(loop, 1000);
	}
	drain(pipe.read_end, &got);
	restore(&pipe);
	assert_int_equal(told, LINES);
	assert_int_equal(last.outcome, SINK_MISSED);
	assert_string_equal(last.text, "standard output takes nothing");
	assert_int_equal(answers.last.outcome, SINK_DELIVERED);
	char *rest = got.p;
	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		json_t *document = json_loads(line, 0, NULL);
		assert_non_null(document);
		json_decref(document);
	}
	buf_fini(&got);
	sink_free(sink);
	sd_event_unref(loop);
}

static void
t07_stdout_may_be_a_file_and_two_sinks_may_share_it(void **unused)
{
	(void)unused;
	sd_event *loop = world_loop();
	char path[] = "/tmp/aiwatch-test-XXXXXX";
	int file = mkstemp(path);
	unlink(path);
	struct sink *one = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_STDOUT});
	struct sink *two = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_STDOUT});
	struct alert alert = world_alert();
	int old = dup(STDOUT_FILENO);
	dup2(file, STDOUT_FILENO);
	enum sink_outcome first = world_send(loop, one, &alert).outcome;
	enum sink_outcome second = world_send(loop, two, &alert).outcome;
	dup2(old, STDOUT_FILENO);
	close(old);
	char *line = sink_preview(one, &alert);
	assert_int_equal(first, SINK_DELIVERED);
	assert_int_equal(second, SINK_DELIVERED);
	assert_int_equal(lseek(file, 0, SEEK_END), 2 * strlen(line));
	free(line);
	close(file);
	sink_free(one);
	sink_free(two);
	sd_event_unref(loop);
}

static void
t08_a_configuration_is_checked_row_by_row(void **unused)
{
	(void)unused;
	struct config_sink rows[] = {
		{.place = {"a.yml", 3, 5}, .name = (char *)"one", .type = CONFIG_SINK_STDOUT},
		{.place = {"a.yml", 4, 5},
			.name = (char *)"two",
			.type = CONFIG_SINK_WEBHOOK,
			.url = (char *)"http://a/",
			.format = (char *)"template",
			.body = (char *)"{{sight}}"},
		{.place = {"a.yml", 5, 5},
			.name = (char *)"three",
			.type = CONFIG_SINK_WEBHOOK,
			.format = (char *)"pagerduty",
			.routing_key.from = (char *)"file /unreadable"},
	};
	struct config config = {.sinks = rows, .sink_count = COUNT(rows)};
	struct config_problems problems = {0};
	sinks_check(&config, &problems);
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.item[0].place.line, 4);
	assert_string_equal(problems.item[0].sentence, "sink two: body: no field is called sight");
	config_problems_fini(&problems);
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_excerpt_escapes_and_cuts_between_characters),
		cmocka_unit_test(t02_a_wrong_row_is_refused_with_a_sentence),
		cmocka_unit_test(t03_stdout_writes_one_document_a_line),
		cmocka_unit_test(t04_stdout_with_nobody_reading_is_a_retry),
		cmocka_unit_test(t05_stdout_waits_for_a_slow_reader),
		cmocka_unit_test(t06_stdout_gives_up_waiting_but_never_cuts_a_line),
		cmocka_unit_test(t07_stdout_may_be_a_file_and_two_sinks_may_share_it),
		cmocka_unit_test(t08_a_configuration_is_checked_row_by_row),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
