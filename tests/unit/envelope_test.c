#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "parsers/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SERVICE "Asset Intelligence Catalog Sync Service Error: 0 : x"

struct expected {
	const char *line;
	enum envelope_kind kind;
	const char *host, *path, *time, *message;
};

static struct zone *zone;
static struct envelope_keys json_keys;

static bool
parse(struct span line, enum envelope_format format, struct envelope_scratch *scratch,
	struct envelope *envelope)
{
	struct envelope_question question = {.format = format, .zone = zone, .json = json_keys};
	time_parse("2015-06-20T00:00:00Z", &question.received);
	return envelope_parse(line, &question, scratch, envelope);
}

static void
assert_span(const char *line, const char *what, struct span got, const char *wanted)
{
	if (!span_equal(got, span_of(wanted)))
		fail_msg("%s\n%s: %.*s, wanted %s", line, what, (int)got.n, got.p ? got.p : "",
			wanted);
}

static void
assert_all(const struct expected *expected, size_t count)
{
	struct envelope_scratch scratch = {0};
	for (size_t i = 0; i < count; i++) {
		const struct expected *e = &expected[i];
		struct envelope envelope;
		char time[TIME_TEXT];
		assert_true(parse(span_of(e->line), FORMAT_AUTO, &scratch, &envelope));
		assert_span(e->line, "kind", span_of(envelope_name(envelope.kind)),
			envelope_name(e->kind));
		assert_span(e->line, "host", envelope.host, e->host);
		assert_span(e->line, "path", envelope.path, e->path);
		assert_span(e->line, "message", envelope.message, e->message);
		assert_span(e->line, "time", span_of(time_format(envelope.time, time)), e->time);
	}
	envelope_scratch_fini(&scratch);
}

static void
t01_plain_line_is_its_own_message(void **state)
{
	(void)state;
	static const struct expected ALL[] = {
		{SERVICE, ENVELOPE_PLAIN, "", "", "", SERVICE},
		{"", ENVELOPE_PLAIN, "", "", "", ""},
		{"2015-06-19 03:00:01 host x", ENVELOPE_PLAIN, "", "", "",
			"2015-06-19 03:00:01 host x"},
		{"June 19 is a day", ENVELOPE_PLAIN, "", "", "", "June 19 is a day"},
		{"{not json", ENVELOPE_PLAIN, "", "", "", "{not json"},
		{"<13>what", ENVELOPE_PLAIN, "", "", "", "<13>what"},
		{"[0] no record", ENVELOPE_PLAIN, "", "", "", "[0] no record"},
	};
	assert_all(ALL, COUNT(ALL));
}

static void
t02_rfc3164(void **state)
{
	(void)state;
	static const struct expected ALL[] = {
		{"<30>Nov 21 11:40:27 myserver sshd[26459]: Accepted publickey", ENVELOPE_RFC3164,
			"myserver", "", "2014-11-21T11:40:27Z", "Accepted publickey"},
		{"Jun  9 03:00:02 cm01 aiupdate: " SERVICE "#015", ENVELOPE_RFC3164, "cm01", "",
			"2015-06-09T03:00:02Z", SERVICE},
		{"Jun 19 2014 03:00:02 cm01 aiupdate: " SERVICE "\\015", ENVELOPE_RFC3164, "cm01",
			"", "2014-06-19T03:00:02Z", SERVICE},
		{"Jun 19 03:00:02 cm01 " SERVICE, ENVELOPE_RFC3164, "cm01", "",
			"2015-06-19T03:00:02Z", SERVICE},
		{"Jun 19 03:00:02 " SERVICE, ENVELOPE_RFC3164, "", "", "2015-06-19T03:00:02Z",
			SERVICE},
		{"Jun 19 03:00:02 CH tag: x", ENVELOPE_RFC3164, "CH", "", "2015-06-19T03:00:02Z",
			"x"},
		{"Jun 19 03:00:02.5 2015 h tag: x", ENVELOPE_RFC3164, "h", "",
			"2015-06-19T03:00:02.500Z", "x"},
		{"Jun 19 03:00:02 aiupdate: x", ENVELOPE_RFC3164, "", "", "2015-06-19T03:00:02Z",
			"x"},
		{"Jun 19 03:00:02 cm01 tag: a#011b#012c#033d#015#012", ENVELOPE_RFC3164, "cm01", "",
			"2015-06-19T03:00:02Z", "a\tb\nc d"},
		{"Jun 19 03:00:02 cm01 aiupdate:     " SERVICE, ENVELOPE_RFC3164, "cm01", "",
			"2015-06-19T03:00:02Z", "    " SERVICE},
	};
	assert_all(ALL, COUNT(ALL));
}

static void
t03_rfc3339_stamped(void **state)
{
	(void)state;
	static const struct expected ALL[] = {
		{"2015-06-19T03:00:01.123456+00:00 cm01 tag: " SERVICE, ENVELOPE_RFC3339, "cm01",
			"", "2015-06-19T03:00:01.123456Z", SERVICE},
		{"2015-06-19T05:00:01+02:00 cm01 tag " SERVICE "#015", ENVELOPE_RFC3339, "cm01", "",
			"2015-06-19T03:00:01Z", SERVICE},
		{"<13>2015-06-19T03:00:01Z cm01 tag[1]: x", ENVELOPE_RFC3339, "cm01", "",
			"2015-06-19T03:00:01Z", "x"},
		{"2015-06-19T03:00:01 cm01 no zone", ENVELOPE_PLAIN, "", "", "",
			"2015-06-19T03:00:01 cm01 no zone"},
	};
	assert_all(ALL, COUNT(ALL));
}

static void
t04_rfc5424(void **state)
{
	(void)state;
	static const struct expected ALL[] = {
		{"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
		 "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"] An "
		 "application event log entry...",
			ENVELOPE_RFC5424, "mymachine.example.com", "", "2003-10-11T22:14:15.003Z",
			"An application event log entry..."},
		{"101 <13>1 2012-01-01T17:15:52.873750+01:00 myhost - - - [NXLOG@14506 "
		 "TestField=\"test value\"] test message",
			ENVELOPE_RFC5424, "myhost", "", "2012-01-01T16:15:52.873750Z",
			"test message"},
		{"<13>1 2015-06-19T03:00:01Z ship - - - [NXLOG@14506 path=\"\\\\\\\\a\\\\b\\]\" "
		 "host=\"CM\\\"1\"] " SERVICE,
			ENVELOPE_RFC5424, "CM\"1", "\\\\a\\b]", "2015-06-19T03:00:01Z", SERVICE},
		{"<13>1 - - - - - - \xef\xbb\xbf" SERVICE "#015", ENVELOPE_RFC5424, "", "", "",
			SERVICE},
		{"<13>1 - h - - - -  " SERVICE, ENVELOPE_RFC5424, "h", "", "", SERVICE},
		{"<13>1 - h - - - -", ENVELOPE_RFC5424, "h", "", "", ""},
		{"<13>1 - h - - - [a b=\"c] x", ENVELOPE_PLAIN, "", "", "",
			"<13>1 - h - - - [a b=\"c] x"},
	};
	assert_all(ALL, COUNT(ALL));
}

static void
t05_json_of_the_shippers(void **state)
{
	(void)state;
	static const struct expected ALL[] = {
		{"{\"EventReceivedTime\":\"2021-07-27 22:34:56\",\"Host\":\"BoldDesktop\","
		 "\"Message\":\"Hello, World!\"}",
			ENVELOPE_JSON, "BoldDesktop", "", "2021-07-27T22:34:56Z", "Hello, World!"},
		{"{\"@timestamp\":\"2021-03-10T00:58:21.976Z\",\"agent\":{\"hostname\":\"gitlab\"},"
		 "\"log\":{\"offset\":0,\"file\":{\"path\":\"/var/log/walt.log\"}},"
		 "\"message\":\"yes\\u2013sir\\r\\n\"}",
			ENVELOPE_JSON, "gitlab", "/var/log/walt.log", "2021-03-10T00:58:21.976Z",
			"yes–sir"},
		{"{\"date\":1434682801.5,\"log\":\"a\\/\\u0062\\\"\\ud83d\\ude00\",\"host\":\"h\"}",
			ENVELOPE_JSON, "h", "", "2015-06-19T03:00:01.500Z", "a/b\"😀"},
		{"{\"host.name\":\"h\",\"message\":\"two\\nlines\"}", ENVELOPE_JSON, "h", "", "",
			"two\nlines"},
		{"{\"message\":7,\"host\":[1]}", ENVELOPE_JSON, "", "", "", ""},
		{"{}", ENVELOPE_JSON, "", "", "", ""},
		{"[0] tail.0: [1434682801.500000000, {\"log\"=>\"a \\\"b\\\" \\\\ c\\n\", "
		 "\"host\"=>\"h\"}]",
			ENVELOPE_FLUENTBIT, "h", "", "", "a \"b\" \\ c"},
		{"[12] t: [[1434682801.5, {}], {\"n\"=>1, \"log\"=>\"x\"}]", ENVELOPE_FLUENTBIT, "",
			"", "", "x"},
	};
	assert_all(ALL, COUNT(ALL));
}

static void
t06_other_components_are_set_aside(void **state)
{
	(void)state;
	static const char *const CMTRACE = "<![LOG[" SERVICE "]LOG]!><time=\"14:24:33.329+420\">";
	static const char *const END = SERVICE "]LOG]!><time=\"14:24:33.329+420\">";
	static const char *const SERVER =
		SERVICE "  $$<SMS_X><06-19-2015 03:00:01.123+00><thread=12 (0xC)>";
	const struct expected ALL[] = {
		{CMTRACE, ENVELOPE_CMTRACE, "", "", "", CMTRACE},
		{END, ENVELOPE_CMTRACE, "", "", "", END},
		{SERVER, ENVELOPE_SITE_SERVER, "", "", "", SERVER},
	};
	assert_all(ALL, COUNT(ALL));
}

static void
t07_format_that_is_asked_for_is_the_only_one(void **state)
{
	(void)state;
	static const char *const LINES[] = {
		SERVICE, "Jun 19 03:00:02 cm01 tag: x", "{\"message\":\"x\"}"};
	struct envelope_scratch scratch = {0};
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 3; k++) {
			struct envelope envelope;
			enum envelope_format format = (enum envelope_format)(FORMAT_PLAIN + k);
			bool taken = parse(span_of(LINES[i]), format, &scratch, &envelope);
			assert_int_equal(taken, format == FORMAT_PLAIN || i == k);
			if (!taken)
				assert_int_equal(envelope.message.n, 0);
			if (format == FORMAT_PLAIN)
				assert_int_equal(envelope.kind, ENVELOPE_PLAIN);
		}
	}
	envelope_scratch_fini(&scratch);
	enum envelope_format format;
	assert_true(envelope_format_from_name("syslog", &format));
	assert_false(envelope_format_from_name("xml", &format));
}

static void
t08_json_without_end_is_bounded(void **state)
{
	(void)state;
	struct envelope_scratch scratch = {0};
	struct envelope envelope;
	char *text = mem_new(65536);
	for (size_t i = 0; i < 65535; i++)
		text[i] = i == 0 ? '{' : i % 5 == 0 ? '{' : "{\"a\":"[i % 5];
	assert_true(parse(span_of(text), FORMAT_AUTO, &scratch, &envelope));
	memset(text, '[', 65535);
	memcpy(text, "{\"message\":", 11);
	assert_true(parse(span_of(text), FORMAT_AUTO, &scratch, &envelope));
	assert_int_equal(envelope.kind, ENVELOPE_PLAIN);
	free(text);
	envelope_scratch_fini(&scratch);
}

static void
t09_json_by_the_keys_that_are_asked_for(void **state)
{
	(void)state;
	static const char *const MESSAGE[] = {"event.raw", "body"}, *const HOST[] = {"origin"},
				 *const AT[] = {"at"};
	static const struct expected ALL[] = {
		{"{\"message\":\"no\",\"body\":\"yes\",\"origin\":\"cm01\",\"host\":\"no\","
		 "\"at\":\"2015-06-19T03:00:01Z\",\"time\":1}",
			ENVELOPE_JSON, "cm01", "", "2015-06-19T03:00:01Z", "yes"},
		{"{\"body\":\"no\",\"event\":{\"raw\":\"yes\"},\"host\":\"known\"}", ENVELOPE_JSON,
			"known", "", "", "yes"},
		{"{\"event.raw\":\"yes\"}", ENVELOPE_JSON, "", "", "", "yes"},
		{"{\"message\":\"a known one\"}", ENVELOPE_JSON, "", "", "", "a known one"},
		{"[0] t: [1, {\"log\"=>\"no\", \"body\"=>\"yes\", \"origin\"=>\"cm01\", "
		 "\"host\"=>\"no\"}]",
			ENVELOPE_FLUENTBIT, "cm01", "", "", "yes"},
	};
	json_keys = (struct envelope_keys){{MESSAGE, 2}, {HOST, 1}, {AT, 1}};
	assert_all(ALL, COUNT(ALL));
	json_keys = (struct envelope_keys){0};
}

static int
set_up(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	zone = zone_open("UTC", &err);
	return zone ? 0 : 1;
}

static int
tear_down(void **state)
{
	(void)state;
	zone_free(zone);
	return 0;
}

static enum envelope_kind
kind_of(const char *line)
{
	struct envelope_scratch scratch = {0};
	struct envelope envelope;
	assert_true(parse(span_of(line), FORMAT_AUTO, &scratch, &envelope));
	envelope_scratch_fini(&scratch);
	return envelope.kind;
}

/* Its bytes are looked at by eights. */
static void
t10_each_byte_of_a_stamp_counts(void **state)
{
	(void)state;
	char line[] = "2011-11-11T11:11:11Z cm01 tag: x";
	for (size_t i = 0; line[i] != 'Z'; i++) {
		char right = line[i];
		for (int byte = 1; byte < 128; byte++) {
			line[i] = (char)byte;
			bool is_form = right == '1' ? byte == '1' || byte == '0' : byte == right;
			bool is_digit = byte >= '0' && byte <= '9' && right >= '0' && right <= '2';
			if (is_form || !is_digit) /* other digits may be of no month */
				assert_int_equal(
					kind_of(line), is_form ? ENVELOPE_RFC3339 : ENVELOPE_PLAIN);
		}
		line[i] = right;
	}
	for (int n = 0; n < 60; n++) {
		char *stamped = mem_format("20%02d-%02d-%02dT%02d:%02d:%02dZ cm01 tag: x", n,
			n % 12 + 1, n % 28 + 1, n % 24, n, n);
		assert_int_equal(kind_of(stamped), ENVELOPE_RFC3339);
		free(stamped);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_plain_line_is_its_own_message),
		cmocka_unit_test(t02_rfc3164),
		cmocka_unit_test(t03_rfc3339_stamped),
		cmocka_unit_test(t04_rfc5424),
		cmocka_unit_test(t05_json_of_the_shippers),
		cmocka_unit_test(t06_other_components_are_set_aside),
		cmocka_unit_test(t07_format_that_is_asked_for_is_the_only_one),
		cmocka_unit_test(t08_json_without_end_is_bounded),
		cmocka_unit_test(t09_json_by_the_keys_that_are_asked_for),
		cmocka_unit_test(t10_each_byte_of_a_stamp_counts),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
