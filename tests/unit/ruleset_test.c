/* The shipped rules against messages, and what is said of rules that are wrong. */
#include "daemon/base/mem.h"
#include "daemon/ruleset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct shipped {
	struct rules *rules;
	struct rules_scratch *scratch;
};

static int
compile_shipped(void **state)
{
	struct config_problems problems;
	struct shipped *shipped = mem_new(sizeof *shipped);
	struct config *config = config_load(NULL, &problems);
	if (!config)
		return -1;
	shipped->rules = ruleset_compile(config, &problems);
	for (size_t i = 0; i < problems.count; i++)
		fprintf(stderr, "%s\n", problems.item[i].sentence);
	config_problems_fini(&problems);
	config_free(config);
	shipped->scratch = rules_scratch_new();
	*state = shipped;
	return shipped->rules ? 0 : -1;
}

static int
free_shipped(void **state)
{
	struct shipped *shipped = *state;
	rules_scratch_free(shipped->scratch);
	rules_free(shipped->rules);
	free(shipped);
	return 0;
}

/* What stands behind the header, with or without a date, and what it must become. */
struct row {
	enum severity severity;
	const char *message;
	enum event_kind event;
	const char *cause; /* NULL: none */
};

static void
check_row(const struct shipped *shipped, const struct row *row)
{
	char *line =
		mem_format(FRAME_SERVICE " %s: 0 : %s", severity_name(row->severity), row->message);
	struct frame frame;
	struct rules_match match;
	assert_true(frame_parse(span_of(line), &frame));
	enum rules_outcome outcome =
		rules_match(shipped->rules, shipped->scratch, &frame, span_of(line), &match);
	assert_int_not_equal(outcome, RULES_LIMITED);
	enum event_kind event = outcome == RULES_MATCH
					? rules_definition(shipped->rules, match.rule)->event
					: EVENT_NONE;
	if (event != row->event || !span_equal(match.cause, span_of(row->cause)))
		fail_msg("%s: %s (%s), cause \"%.*s\"", row->message, event_name(event),
			outcome == RULES_MATCH ? rules_definition(shipped->rules, match.rule)->name
					       : "-",
			(int)match.cause.n, match.cause.n ? match.cause.p : "");
	free(line);
}

static void
check_rows(void **state, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_row(*state, &rows[i]);
}

#define CHECK_ROWS(state, rows) check_rows(state, rows, COUNT(rows))

static const enum severity W = SEVERITY_WARNING, E = SEVERITY_ERROR, I = SEVERITY_INFORMATION;

static void
t01_every_shipped_rule_has_a_literal(void **state)
{
	const struct shipped *shipped = *state;
	assert_true(rules_count(shipped->rules) > 15);
	for (size_t i = 0; i < rules_count(shipped->rules); i++) {
		assert_non_null(rules_literal(shipped->rules, i));
		const struct rule_definition *rule = rules_definition(shipped->rules, i);
		bool is_success = rule->event == EVENT_SYNC_SUCCEEDED ||
				  rule->event == EVENT_ENROLL_SUCCEEDED;
		assert_int_equal(rule->provisional, is_success);
	}
}

static void
t02_the_published_lines_are_known(void **state)
{
	const struct row ROW[] = {
		{W, "WebException trying to enroll: Status = ProtocolError", EVENT_ENROLL_REJECTED,
			NULL},
		{W, "<date>: WebException trying to enroll: Status = ProtocolError",
			EVENT_ENROLL_REJECTED, NULL},
		{E,
			"Exception attempting sync - The request failed with HTTP status 403: "
			"Forbidden.",
			EVENT_SYNC_FORBIDDEN, NULL},
		{E,
			"<Log Date>:Exception attempting sync – The request failed with HTTP "
			"status "
			"403: Forbidden.",
			EVENT_SYNC_FORBIDDEN, NULL},
		{E, "Expired credentials/certificate/token.  Need to re-provision online account.",
			EVENT_CERTIFICATE_REPORTED, "expired"},
		{E, "Connection Failed - bad certificate", EVENT_CERTIFICATE_REPORTED,
			"bad certificate"},
	};
	CHECK_ROWS(state, ROW);
}

/* Made up: .NET's sentences, translated. */
static void
t03_403_is_known_in_any_spelling(void **state)
{
	static const char *const SENTENCE[] = {
		"The request failed with HTTP status 403: Forbidden.",
		"The remote server returned an error: (403) Forbidden.",
		"Fehler bei der Anforderung mit HTTP-Status 403: Unzulässig.",
		"Der Remoteserver hat einen Fehler zurückgegeben: (403) Unzulässig.",
		"La demande a échoué avec le statut HTTP 403 : Interdit.",
		"Error de la solicitud con el código de estado HTTP 403: Prohibido.",
		"Richiesta non riuscita con stato HTTP 403: Non consentito.",
		"De aanvraag is mislukt met HTTP-status 403: Verboden.",
		"Żądanie nie powiodło się z powodu stanu HTTP 403: Zabronione.",
		"Сбой запроса с состоянием HTTP 403: Запрещено.",
		"要求は HTTP ステータス 403 で失敗しました: Forbidden",
		"请求因 HTTP 状态 403 失败: Forbidden",
		"リモート サーバーがエラーを返しました: （403） 使用不可能",
		"HTTP/1.1 403 Forbidden",
		"HTTP status 403.7",
		"( 403 )",
		"System.Net.WebException: https://sco.example:443/x2 said HTTP status 403",
	};
	static const char *const DASH[] = {" - ", " – ", "-", "–", "  —  ", ": ", " "};
	for (size_t i = 0; i < COUNT(SENTENCE); i++) {
		for (size_t j = 0; j < COUNT(DASH); j++) {
			char *message =
				mem_format("Exception attempting sync%s%s", DASH[j], SENTENCE[i]);
			struct row row = {E, message, EVENT_SYNC_FORBIDDEN, NULL};
			check_row(*state, &row);
			free(message);
		}
	}
}

static void
t04_another_number_is_another_cause(void **state)
{
	const struct row ROW[] = {
		{E,
			"Exception attempting sync - The request failed with HTTP status 407: "
			"Proxy "
			"Authentication Required.",
			EVENT_SYNC_FAILED, "HTTP 407"},
		{E,
			"Exception attempting sync - The remote server returned an error: (401) "
			"Unauthorized.",
			EVENT_SYNC_FAILED, "HTTP 401"},
		{E, "Exception attempting sync - HTTP-Status 404: Nicht gefunden.",
			EVENT_SYNC_FAILED, "HTTP 404"},
		{E, "Exception attempting sync - HTTP status 503: Service Unavailable.",
			EVENT_SYNC_FAILED, "HTTP 503"},
		{E, "Exception attempting sync - HTTP status 418: I'm a teapot.", EVENT_SYNC_FAILED,
			"HTTP 418"},
		{E, "Exception attempting sync - HTTP status 500: see (403) in the log",
			EVENT_SYNC_FAILED, "HTTP 500"},
		{E, "Exception attempting sync - HTTP status 4031", EVENT_SYNC_FAILED,
			"HTTP status 4031"},
		{E, "Exception attempting sync - 403 items were skipped", EVENT_SYNC_FAILED,
			"403 items were skipped"},
		{E, "Exception attempting sync - The operation has timed out", EVENT_SYNC_FAILED,
			"The operation has timed out"},
		{E, "Exception attempting sync", EVENT_SYNC_FAILED, NULL},
		{E,
			"Exception attempting sync - Client found response content type of "
			"'text/html; "
			"charset=utf-8', but expected 'text/xml'.",
			EVENT_SYNC_FAILED, "a page (text/html) instead of an answer"},
		{E,
			"Exception attempting sync - Es konnte kein geschützter SSL/TLS-Kanal "
			"erstellt "
			"werden.",
			EVENT_SYNC_FAILED,
			"Es konnte kein geschützter SSL/TLS-Kanal erstellt werden."},
	};
	CHECK_ROWS(state, ROW);
}

static void
t05_another_status_is_another_cause(void **state)
{
	static const char *const STATUS[] = {"NameResolutionFailure", "ProxyNameResolutionFailure",
		"ConnectFailure", "Timeout", "ReceiveFailure", "SendFailure", "PipelineFailure",
		"ConnectionClosed", "KeepAliveFailure", "RequestCanceled",
		"ServerProtocolViolation", "RequestProhibitedByProxy", "UnknownError",
		"TrustFailure", "SecureChannelFailure", "ProtocolErrorX", "Pending"};
	for (size_t i = 0; i < COUNT(STATUS); i++) {
		char *message = mem_format("WebException trying to enroll: Status = %s", STATUS[i]);
		struct row row = {W, message, EVENT_ENROLL_FAILED, STATUS[i]};
		check_row(*state, &row);
		free(message);
	}
}

static void
t06_what_only_quotes_the_words_is_nothing(void **state)
{
	const struct row ROW[] = {
		{W, "Ticket: \"WebException trying to enroll: Status = ProtocolError\"", EVENT_NONE,
			NULL},
		{I, "WebException trying to enroll: Status = ProtocolError", EVENT_NONE, NULL},
		{E, "see 'Exception attempting sync - HTTP status 403'", EVENT_NONE, NULL},
		{E, "MyException attempting sync - HTTP status 403", EVENT_NONE, NULL},
		{E, "Exception attempting synchronous work", EVENT_NONE, NULL},
		{I, "Starting sync", EVENT_NONE, NULL},
		{I, "", EVENT_NONE, NULL},
	};
	CHECK_ROWS(state, ROW);
}

static void
t07_success_is_believed_only_where_it_is_plain(void **state)
{
	const struct row ROW[] = {
		{I, "Catalog sync completed successfully", EVENT_SYNC_SUCCEEDED, NULL},
		{I, "6/19/2015 3:00:01 AM: Synchronization was successful.", EVENT_SYNC_SUCCEEDED,
			NULL},
		{I, "Sync succeeded", EVENT_SYNC_SUCCEEDED, NULL},
		{I, "Successfully synchronized; successfully synced", EVENT_SYNC_SUCCEEDED, NULL},
		{I, "Enrollment succeeded", EVENT_ENROLL_SUCCEEDED, NULL},
		{I, "The server was successfully enrolled", EVENT_ENROLL_SUCCEEDED, NULL},
		{E, "Sync succeeded", EVENT_NONE, NULL},
		{I, "Sync was unsuccessful", EVENT_NONE, NULL},
		{I, "Sync was not successful", EVENT_NONE, NULL},
		{I, "Sync failed; the last successful one was in May", EVENT_NONE, NULL},
		{I, "Will report when the sync has succeeded", EVENT_NONE, NULL},
		{I, "successor of sync", EVENT_NONE, NULL},
	};
	CHECK_ROWS(state, ROW);
}

/* The date's format is not known: whatever the frame makes of it, the rules find the words. */
static void
t08_the_words_are_found_behind_any_date(void **state)
{
	const struct shipped *shipped = *state;
	static const char *const DATE[] = {"6/19/2015 3:00:01 AM", "19/06/2015 03:00:01",
		"19.06.2015 03:00:01", "2015-06-19T03:00:01Z", "2015-06-19T03:00:01.123+02:00",
		"Fri, 19 Jun 2015 03:00:01 GMT", "Freitag, 19. Juni 2015 03:00:01",
		"2015/06/19 3:00:01", "2015年6月19日 3:00:01", "<Log Date>",
		"fredag den 19 juni 2015 kl. 03:00:01"};
	static const char *const FRAME[] = {"Error: 0 : ", "Error: 0 :", "Error: 0:"};
	static const char *const COLON[] = {": ", ":", " : "};
	for (size_t i = 0; i < COUNT(DATE) * COUNT(FRAME) * COUNT(COLON); i++) {
		char *line = mem_format("Asset Intelligence Catalog Sync Service %s%s%s%s",
			FRAME[i % COUNT(FRAME)], DATE[i / COUNT(FRAME) % COUNT(DATE)],
			COLON[i / COUNT(FRAME) / COUNT(DATE)],
			"Exception attempting sync – The request failed with HTTP status 403: "
			"Forbidden.");
		struct frame frame;
		struct rules_match match;
		if (!frame_parse(span_of(line), &frame) ||
			rules_match(shipped->rules, shipped->scratch, &frame, span_of(line),
				&match) != RULES_MATCH)
			fail_msg("nothing in: %s", line);
		assert_int_equal(
			rules_definition(shipped->rules, match.rule)->event, EVENT_SYNC_FORBIDDEN);
		free(line);
	}
}

/* What is said of one configuration, its rules tried. */
static char *
problems_of(const char *text)
{
	char path[] = "/tmp/ruleset_test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	struct config_problems problems;
	struct config *config = config_load_checked(path, ruleset_check, &problems);
	assert_int_equal(config == NULL, problems.errors > 0);
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < problems.count; i++)
		buf_format(&out, "%u:%u: %s\n", problems.item[i].place.line,
			problems.item[i].place.column, problems.item[i].sentence);
	config_problems_fini(&problems);
	config_free(config);
	unlink(path);
	return buf_take(&out);
}

static void
assert_said(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void
t09_all_that_is_wrong_is_told_at_its_place(void **state)
{
	(void)state;
	char *said = problems_of("rules:\n"
				 "  - name: a\n"
				 "    event: sync_faild\n"
				 "    pattern: '(open'\n"
				 "  - name: b\n"
				 "    event: nothing\n"
				 "    pattern: x\n"
				 "    severity: [Error, Eror, Bad]\n"
				 "    colour: red\n"
				 "  - name: c\n"
				 "    event: sync_failed\n"
				 "    pattern: '(?<a>x)'\n"
				 "    cause: $a and $b\n"
				 "  - name: d\n"
				 "    event: none\n"
				 "    pattern: 'x'\n"
				 "    severity: [Error, Eror, Bad]\n");
	assert_said(said, "3:12: event: there is no \"sync_faild\"; did you mean \"sync_failed\"?");
	assert_said(said, "4:14: rule a: the pattern does not compile: ");
	assert_said(said, "9:5: unknown key \"colour\"");
	assert_said(said, "13:12: rule c: the pattern has no group named b");
	assert_said(said, "15:12: event: there is no \"none\"");
	assert_said(said, "17:15: severity: there is no \"Eror\"; did you mean \"Error\"?");
	assert_said(said, "17:15: severity: there is no \"Bad\"; .NET writes Critical, ");
	free(said);
}

static void
t10_a_good_rule_is_taken_and_found_first_in_place(void **state)
{
	(void)state;
	char *said =
		problems_of("rules:\n"
			    "  - {name: a, event: sync_failed, pattern: '(?<a>x)', cause: $a}\n"
			    "  - {name: sync_failed, event: sync_failed, pattern: .}\n");
	assert_string_equal(said, "");
	free(said);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, compile_shipped, free_shipped)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t01_every_shipped_rule_has_a_literal),
		TEST(t02_the_published_lines_are_known),
		TEST(t03_403_is_known_in_any_spelling),
		TEST(t04_another_number_is_another_cause),
		TEST(t05_another_status_is_another_cause),
		TEST(t06_what_only_quotes_the_words_is_nothing),
		TEST(t07_success_is_believed_only_where_it_is_plain),
		TEST(t08_the_words_are_found_behind_any_date),
		cmocka_unit_test(t09_all_that_is_wrong_is_told_at_its_place),
		cmocka_unit_test(t10_a_good_rule_is_taken_and_found_first_in_place),
	};
	return cmocka_run_group_tests_name("ruleset", tests, NULL, NULL);
}
