#include "daemon/base/mem.h"
#include "parsers/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SERVICE "Asset Intelligence Catalog Sync Service "
#define L1	"WebException trying to enroll: Status = ProtocolError"
#define L2	"Exception attempting sync - The request failed with HTTP status 403: Forbidden."

/* A date that is handed on is the one that its text alone says. */
static void
assert_date_is_its_texts(const struct frame *frame)
{
	struct date alone;
	const struct date *when = &frame->when;
	if (!frame->is_scanned)
		return;
	assert_true(date_scan(frame->date, &alone));
	assert_int_equal(alone.length, frame->date.n);
	assert_int_equal(when->length, frame->date.n);
	assert_int_equal(when->year, alone.year);
	assert_int_equal(when->month, alone.month);
	assert_int_equal(when->day, alone.day);
	assert_int_equal(when->hour, alone.hour);
	assert_int_equal(when->minute, alone.minute);
	assert_int_equal(when->seconds, alone.seconds);
	assert_int_equal(when->microseconds, alone.microseconds);
	assert_int_equal(when->zone_minutes, alone.zone_minutes);
}

static void
assert_frame(const char *line, const char *date, const char *message)
{
	struct frame frame;
	if (!frame_parse(span_of(line), &frame) || !frame.is_service)
		fail_msg("no frame of the service: %s", line);
	if (!span_equal(frame.date, span_of(date)) || !span_equal(frame.message, span_of(message)))
		fail_msg("%s: date %.*s, message %.*s", line, (int)frame.date.n, frame.date.p,
			(int)frame.message.n, frame.message.p);
	assert_date_is_its_texts(&frame);
}

static void
t01_published_lines(void **state)
{
	(void)state;
	struct frame frame;
	struct span line = SPAN(SERVICE "Warning: 0 : <date>: " L1);
	assert_true(frame_parse(line, &frame));
	assert_true(span_equal(frame.source, SPAN(FRAME_SERVICE)));
	assert_true(frame.is_service);
	assert_int_equal(frame.severity, SEVERITY_WARNING);
	assert_int_equal(frame.id, 0);
	assert_true(span_equal(frame.date, SPAN("<date>")));
	assert_true(span_equal(frame.message, SPAN(L1)));
	assert_frame(SERVICE "Error: 0 : <date>: " L2, "<date>", L2);
	assert_frame(SERVICE "Error: 0 :<Log Date>:Exception attempting sync \xe2\x80\x93 The",
		"<Log Date>", "Exception attempting sync \xe2\x80\x93 The");
}

static void
t02_date_holds_colons_blanks_and_commas(void **state)
{
	(void)state;
	static const char *const DATES[] = {"6/19/2015 3:00:01 AM", "19/06/2015 03:00:01",
		"19.06.2015 03:00:01", "2015-06-19T03:00:01Z", "Fri, 19 Jun 2015 03:00:01 GMT",
		"2015-06-19T03:00:01+02:00",
		"Friday, June 19, 2015 3:00:01\xe2\x80\xaf"
		"AM",
		"2015年6月19日 3:00:01", "19.6.2015 3.00.01", "3:00:01",
		/* in no table: found by the message behind */
		"fredag den 19 juni 2015 kl. 03:00:01", "19 มิถุนายน 2558 03:00:01",
		"١٩/٠٦/٢٠١٥ ٠٣:٠٠:٠١ ص", "19/06/2015 03:00:01 CEST"};
	static const char *const JOINTS[] = {": ", ":", ":  ", " : ", " ", ":\xc2\xa0"};
	for (size_t i = 0; i < COUNT(DATES); i++) {
		for (size_t k = 0; k < COUNT(JOINTS); k++) {
			for (int gap = 0; gap < 3; gap++) {
				char *line = mem_format(SERVICE "Error: 0 :%*s%s%s" L2, gap, "",
					DATES[i], JOINTS[k]);
				assert_frame(line, DATES[i], L2);
				free(line);
			}
		}
	}
}

static void
t03_message_without_date(void **state)
{
	(void)state;
	assert_frame(SERVICE "Error: 0 : " L2, "", L2);
	assert_frame(SERVICE "Error: 0 :" L2, "", L2);
	assert_frame(SERVICE "Information: 0 : Starting up", "", "Starting up");
	assert_frame(SERVICE "Information: 0 : 12 items: done", "", "12 items: done");
	assert_frame(SERVICE "Information: 0 :", "", "");
	assert_frame(SERVICE "Information: 0 : <html>: x", "<html>", "x");
	/* no clock that is known */
	assert_frame(
		SERVICE "Error: 0 : 2015-06-19T03:00:002:01: " L2, "2015-06-19T03:00:002:01", L2);
}

static void
t04_message_of_any_text_behind_a_date(void **state)
{
	(void)state;
	assert_frame(SERVICE "Information: 0 : 6/19/2015 3:00:01 AM: Sync: status: ok",
		"6/19/2015 3:00:01 AM", "Sync: status: ok");
	assert_frame(SERVICE "Information: 0 : 2015-06-19 03:00:01 Something",
		"2015-06-19 03:00:01", "Something");
	assert_frame(SERVICE "Information: 0 : 2015-06-19 03:00:01 Retry 2: done",
		"2015-06-19 03:00:01", "Retry 2: done");
	assert_frame(SERVICE "Information: 0 : fredag den 19 juni 2015 kl. 03:00:01: Sync: ok",
		"fredag den 19 juni 2015 kl. 03:00:01", "Sync: ok");
	assert_frame(SERVICE "Information: 0 : 19/06/2015 03:00:01 nm.: Sync: ok",
		"19/06/2015 03:00:01 nm.", "Sync: ok");
}

static void
t05_quoted_text_inside_a_message_stays_inside(void **state)
{
	(void)state;
	static const char *const BODIES[] = {
		"Operator wrote: " L2,
		"6/19/2015 3:00:01 AM: ticket: " L2,
		"6/19/2015 3:00:01 AM: \"" L2 "\"",
		"ticket 20150619030001 (" L1 ")",
		"see <a href='x'>6/19/2015</a> 3:00:01: " L2,
		"fredag den 19 juni 2015 kl. 03:00:01: note: " L2,
		"2015-06-19 03:00:01 operator: " L2,
		"ticket 471112: " L2,
		"retry 12:30:45: " L2,
	};
	for (size_t i = 0; i < COUNT(BODIES); i++) {
		struct frame frame;
		char *line = mem_format(SERVICE "Information: 0 : %s", BODIES[i]);
		assert_true(frame_parse(span_of(line), &frame));
		if (span_has_prefix(frame.message, SPAN(L1)) ||
			span_has_prefix(frame.message, SPAN(L2)))
			fail_msg("the quotation was taken for the message: %s", line);
		free(line);
	}
}

static void
t06_source_stands_at_the_very_beginning(void **state)
{
	(void)state;
	static const char *const LINES[] = {
		"Ticket 4711: " SERVICE "Error: 0 : <date>: " L2,
		" " SERVICE "Error: 0 : <date>: " L2,
		"\t" SERVICE "Error: 0 : <date>: " L2,
		"\"" SERVICE "Error: 0 : <date>: " L2 "\"",
		"> " SERVICE "Error: 0 : <date>: " L2,
		"<![LOG[" SERVICE "Error: 0 : <date>: " L2 "]LOG]!><time=\"14:24:33.329+420\">",
		"asset intelligence catalog sync service Error: 0 : <date>: " L2,
		"Asset Intelligence Catalog Sync Service2 Error: 0 : <date>: " L2,
		"Other Asset Intelligence Catalog Sync Service Error: 0 : <date>: " L2,
		"MinidumpUploader.exe Information: 0 : Dump",
		"Error : System.Net.WebException: The request failed with HTTP status 403: Forb.",
		"    DateTime=2017-05-25T14:25:08.0349846Z",
		SERVICE "Error: <date>: " L2,
		SERVICE "error: 0 : <date>: " L2,
		SERVICE "Fatal: 0 : <date>: " L2,
		SERVICE,
		"",
		L2,
	};
	for (size_t i = 0; i < COUNT(LINES); i++) {
		struct frame frame;
		if (frame_parse(span_of(LINES[i]), &frame) && frame.is_service)
			fail_msg("taken for the service's: %s", LINES[i]);
	}
}

static void
t07_another_programs_frame_is_a_frame(void **state)
{
	(void)state;
	struct frame frame;
	assert_true(frame_parse(SPAN("MinidumpUploader.exe Information: -12 : Dump"), &frame));
	assert_true(span_equal(frame.source, SPAN("MinidumpUploader.exe")));
	assert_int_equal(frame.id, -12);
	assert_false(frame.is_service);
}

static void
t08_every_severity_by_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < SEVERITIES; i++) {
		enum severity severity;
		struct frame frame;
		const char *name = severity_name((enum severity)i);
		char *line = mem_format(SERVICE "%s: 7 : x", name);
		assert_true(severity_from_name(span_of(name), &severity));
		assert_int_equal(severity, i);
		assert_true(frame_parse(span_of(line), &frame));
		assert_int_equal(frame.severity, i);
		free(line);
	}
	enum severity severity;
	assert_false(severity_from_name(SPAN("error"), &severity));
}

static void
t09_every_prefix_of_a_line_is_safe(void **state)
{
	(void)state;
	struct span line = SPAN(SERVICE "Error: 0 : Fri, 19 Jun 2015 03:00:01 GMT: " L2);
	for (size_t n = 0; n <= line.n; n++) {
		char *copy = malloc(n ? n : 1);
		memcpy(copy, line.p, n);
		struct frame frame;
		frame_parse((struct span){copy, n}, &frame);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_published_lines),
		cmocka_unit_test(t02_date_holds_colons_blanks_and_commas),
		cmocka_unit_test(t03_message_without_date),
		cmocka_unit_test(t04_message_of_any_text_behind_a_date),
		cmocka_unit_test(t05_quoted_text_inside_a_message_stays_inside),
		cmocka_unit_test(t06_source_stands_at_the_very_beginning),
		cmocka_unit_test(t07_another_programs_frame_is_a_frame),
		cmocka_unit_test(t08_every_severity_by_its_name),
		cmocka_unit_test(t09_every_prefix_of_a_line_is_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
