#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "parsers/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SERVICE "Asset Intelligence Catalog Sync Service "
#define REJECTED                                                                              \
	SERVICE "Warning: 0 : 6/19/2015 3:00:01 AM: WebException trying to enroll: Status = " \
		"ProtocolError"
#define FORBIDDEN                                                                                  \
	SERVICE "Error: 0 : 6/19/2015 3:00:02 AM: Exception attempting sync - The request failed " \
		"with HTTP status 403: Forbidden."

static const struct rule_definition RULES[] = {
	{.name = "rejected",
		.event = EVENT_ENROLL_REJECTED,
		.pattern = "^WebException trying to enroll: Status = ProtocolError"},
	{.name = "page",
		.event = EVENT_SYNC_FAILED,
		.pattern = "(?s)Exception attempting sync.*<title>(?<t>[^<]*)",
		.contains = "<title>",
		.cause = "$t",
		.against_record = true},
	{.name = "forbidden",
		.event = EVENT_SYNC_FORBIDDEN,
		.pattern = "^Exception attempting sync.*403"},
};

/* The rules without the one against the record. */
static const struct rule_definition LINE_RULES[] = {
	{.name = "rejected",
		.event = EVENT_ENROLL_REJECTED,
		.pattern = "^WebException trying to enroll: Status = ProtocolError"},
	{.name = "forbidden",
		.event = EVENT_SYNC_FORBIDDEN,
		.pattern = "^Exception attempting sync.*403"},
};

struct reading {
	struct buf records;
	struct reader_state state;
	struct reader_counts counts;
};

static void
on_record(void *owner, const struct record *record)
{
	struct reading *reading = owner;
	char time[TIME_TEXT];
	buf_format(&reading->records, "%zu+%zu %s %s [%s] %.*s%s%s%s|\n", (size_t)record->offset,
		(size_t)record->length, envelope_name(record->envelope.kind),
		event_name(record->event), time_format(record->time, time), (int)record->text.n,
		record->text.p, record->incomplete ? " INCOMPLETE" : "",
		record->truncated ? " TRUNCATED" : "", record->cause.n ? " CAUSE" : "");
	buf_format(&reading->records, "  %d %.*s host %.*s raw %zu as %s\n", (int)record->why,
		(int)record->cause.n, record->cause.p, (int)record->envelope.host.n,
		record->envelope.host.p, record->raw.n, record->time_as);
}

static struct reader *
make_reader(const struct reader_options *options)
{
	struct err err = ERR_INIT;
	struct reader *reader = reader_new(options, &err);
	if (!reader)
		fail_msg("%s", err.text);
	return reader;
}

static struct rules *
compile(const struct rule_definition *definitions, size_t count)
{
	struct err err = ERR_INIT;
	size_t failed;
	struct rules *rules = rules_new(definitions, count, &failed, &err);
	if (!rules)
		fail_msg("%s", err.text);
	return rules;
}

/* Feeds `bytes` so far as they go, keeping what is not consumed, as an input does. The bytes are a
 * copy of their own, so that a read behind them is found. */
static void
feed(struct reader *reader, struct reading *reading, struct span bytes, size_t *consumed,
	size_t presented, bool last)
{
	size_t n = presented - *consumed;
	char *copy = malloc(n ? n : 1);
	if (n)
		memcpy(copy, bytes.p + *consumed, n);
	*consumed += reader_feed(reader, &reading->state, (struct span){copy, n}, *consumed, last,
		1500000000 * SECOND, on_record, reading, &reading->counts);
	free(copy);
	assert_true(*consumed <= presented);
}

static void
read_whole(const struct reader_options *options, struct span bytes, struct reading *reading)
{
	struct reader *reader = make_reader(options);
	size_t consumed = 0;
	*reading = (struct reading){0};
	feed(reader, reading, bytes, &consumed, bytes.n, false);
	feed(reader, reading, bytes, &consumed, bytes.n, true);
	assert_int_equal(consumed, bytes.n);
	reader_free(reader);
}

static void
assert_same(const struct reading *a, const struct reading *b, size_t split)
{
	if (!span_equal(buf_span(&a->records), buf_span(&b->records)))
		fail_msg("split at %zu: %s\nwhole: %s", split, b->records.p, a->records.p);
	if (memcmp(&a->counts, &b->counts, sizeof a->counts) != 0)
		fail_msg("split at %zu: %zu lines, %zu long, %zu skipped; whole: %zu, %zu, %zu",
			split, (size_t)b->counts.lines, (size_t)b->counts.long_lines,
			(size_t)b->counts.skipped_bytes, (size_t)a->counts.lines,
			(size_t)a->counts.long_lines, (size_t)a->counts.skipped_bytes);
	assert_memory_equal(&a->state, &b->state, sizeof a->state);
}

/* The property: however the bytes are cut, what is read is the same. */
static void
assert_splits_agree(const struct reader_options *options, struct span bytes, size_t stride)
{
	struct reading whole;
	read_whole(options, bytes, &whole);
	struct reader *reader = make_reader(options);
	for (size_t step = 0; step <= bytes.n; step += stride) {
		struct reading parts = {0};
		size_t consumed = 0;
		feed(reader, &parts, bytes, &consumed, step, false);
		feed(reader, &parts, bytes, &consumed, bytes.n, false);
		feed(reader, &parts, bytes, &consumed, bytes.n, true);
		assert_same(&whole, &parts, step);
		buf_fini(&parts.records);
	}
	static const size_t PIECES[] = {1, 2, 3, 7, 64};
	for (size_t i = 0; i < COUNT(PIECES); i++) {
		struct reading parts = {0};
		size_t consumed = 0;
		for (size_t n = 0; n < bytes.n; n += PIECES[i])
			feed(reader, &parts, bytes, &consumed, n, false);
		feed(reader, &parts, bytes, &consumed, bytes.n, false);
		feed(reader, &parts, bytes, &consumed, bytes.n, true);
		assert_same(&whole, &parts, PIECES[i] + 1000000);
		buf_fini(&parts.records);
	}
	reader_free(reader);
	buf_fini(&whole.records);
}

static struct reader_options
options_with(const struct rules *rules, enum reader_look look)
{
	return (struct reader_options){
		.encoding = "auto",
		.format = "auto",
		.timezone = "UTC",
		.max_line = 64 * 1024,
		.rules = rules,
		.look = look,
	};
}

static size_t
count_text(const struct reading *reading, const char *text)
{
	size_t count = 0;
	struct span rest = buf_span(&reading->records), needle = span_of(text);
	for (const char *p; (p = span_find(rest, needle)) != NULL; count++)
		rest = span_from(rest, (size_t)(p - rest.p) + needle.n);
	return count;
}

static void
t01_pair_is_found_with_its_offsets_and_times(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reading reading;
	struct span bytes =
		SPAN("nothing\r\n" REJECTED "\r\n   at System.Net\r\n" FORBIDDEN "\r\n");
	read_whole(&options, bytes, &reading);
	assert_int_equal(count_text(&reading, "|\n"), 2);
	assert_non_null(strstr(reading.records.p,
		"9+130 plain enroll_rejected [2015-06-19T03:00:01Z] " REJECTED "|\n"));
	assert_non_null(strstr(reading.records.p,
		"157+154 plain sync_forbidden [2015-06-19T03:00:02Z] " FORBIDDEN "|\n"));
	assert_int_equal(reading.counts.lines, 4);
	assert_int_equal(reading.counts.records, 2);
	assert_string_equal(reader_encoding_name(&reading.state), "utf-8");
	assert_int_equal(reading.state.format, ENVELOPE_PLAIN);
	buf_fini(&reading.records);
	rules_free(rules);
}

static void
t02_half_line_waits_and_last_takes_it_incomplete(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reader *reader = make_reader(&options);
	struct reading reading = {0};
	struct span bytes = SPAN(REJECTED "\n" FORBIDDEN);
	size_t consumed = 0;
	feed(reader, &reading, bytes, &consumed, bytes.n, false);
	assert_int_equal(consumed, sizeof REJECTED);
	assert_int_equal(count_text(&reading, "|\n"), 1);
	feed(reader, &reading, bytes, &consumed, bytes.n, true);
	assert_int_equal(consumed, bytes.n);
	assert_int_equal(count_text(&reading, " INCOMPLETE|\n"), 1);
	assert_int_equal(reading.counts.lines, 1);
	struct span rest = SPAN(" of it\r\n" REJECTED "\n");
	assert_int_equal(reader_feed(reader, &reading.state, rest, consumed, false, 0, on_record,
				 &reading, &reading.counts),
		rest.n);
	assert_int_equal(count_text(&reading, "|\n"), 3);
	assert_int_equal(reading.counts.lines, 3);
	assert_int_equal(reading.counts.skipped_bytes, 0);
	reader_free(reader);
	buf_fini(&reading.records);
	rules_free(rules);
}

/* Everything at once: line ends, blank and long lines, holes, invalid bytes, continuation lines,
 * other components, quotations, a date that decides the order of those behind it. */
static void
add_medley(struct buf *out)
{
	static const char HOLE[40] = "";
	buf_add_text(out, "\n\r\n" SERVICE "Start: 0 : 5/6/2015 1:00:00 AM: Starting\r\n");
	buf_add_text(out, REJECTED "\r\n  at System.Net (403)\r\n\r\n    DateTime=2015-06-19\r\n");
	buf_add(out, HOLE, sizeof HOLE);
	buf_add_text(out, FORBIDDEN "\n<html>\n<title>Proxy</title>\n");
	buf_add_text(out, SERVICE "Error: 0 : 7/6/2015 1:00:00 AM: Exception attempting sync - x ");
	for (int i = 0; i < 60; i++)
		buf_add_text(out, "\xe2\x80\x93 long ");
	buf_add_text(out, "403\r\n\xff\xfe\xfd" FORBIDDEN "\n");
	buf_add_text(out, "Ticket: " FORBIDDEN "\n<![LOG[" FORBIDDEN "]LOG]!><time=\"1\">\n");
	buf_add_text(out, FORBIDDEN "  $$<SMS><06-19-2015 03:00:00.1+0><thread=1 (0x1)>\n");
	buf_add(out, "a\0b\n\0\0\0", 7);
	buf_add_text(out, SERVICE "Error: 0 : 7/8/2015 1:00:00 AM: Exception attempting sync\n");
	buf_add_text(out, "<title>A page</title> 403\n" REJECTED);
}

static void
t03_records_do_not_depend_on_how_bytes_are_cut(void **state)
{
	(void)state;
	struct rules *rules[] = {
		compile(LINE_RULES, COUNT(LINE_RULES)), compile(RULES, COUNT(RULES))};
	struct buf bytes = BUF_INIT;
	add_medley(&bytes);
	for (int i = 0; i < 8; i++) {
		struct reader_options options =
			options_with(rules[i & 1], i & 2 ? READER_LINES : READER_HITS);
		options.max_line = i & 4 ? 150 : 64 * 1024;
		assert_splits_agree(&options, buf_span(&bytes), i < 2 ? 1 : 5);
	}
	buf_fini(&bytes);
	rules_free(rules[0]);
	rules_free(rules[1]);
}

/* A line behind a long one, and the beginning of a long one, are looked at only where they hold
 * what a rule wants: what they teach must not depend on the cut. */
static void
t04_line_behind_a_long_one_teaches_the_same(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct buf bytes = BUF_INIT;
	buf_add_text(&bytes, FORBIDDEN "\n<13>1 - h - - - - " SERVICE "Start: 0 : ");
	for (int i = 0; i < 40; i++)
		buf_add_text(&bytes, "no end in sight, ");
	buf_add_text(&bytes, "\nJun 19 03:00:02 h " SERVICE "Start: 0 : 13/06/2015 03:00: x\n");
	options.max_line = 200;
	assert_splits_agree(&options, buf_span(&bytes), 1);
	buf_fini(&bytes);
	rules_free(rules);
}

static void
widen(struct span text, unsigned unit, bool big, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		for (unsigned k = 0; k < unit; k++)
			buf_add_byte(out, k == (big ? unit - 1 : 0) ? text.p[i] : '\0');
	}
}

static void
t05_nor_in_wide_encodings(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	struct buf bytes = BUF_INIT;
	add_medley(&bytes);
	for (int i = 0; i < 8; i++) {
		struct buf wide = BUF_INIT;
		struct reader_options options =
			options_with(rules, i & 1 ? READER_LINES : READER_HITS);
		static const char *const NAMES[] = {"utf-16le", "utf-16be", "utf-32le", "utf-32be"};
		options.encoding = NAMES[i >> 1];
		options.max_line = 400;
		widen(buf_span(&bytes), i >> 1 < 2 ? 2 : 4, i >> 1 & 1, &wide);
		assert_splits_agree(&options, buf_span(&wide), 67);
		buf_fini(&wide);
	}
	buf_fini(&bytes);
	rules_free(rules);
}

static void
t06_fast_and_thorough_reading_find_the_same(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct buf bytes = BUF_INIT;
	add_medley(&bytes);
	for (int i = 0; i < 2; i++) {
		struct reader_options fast = options_with(rules, READER_HITS);
		struct reader_options thorough = options_with(rules, READER_LINES);
		struct reader_options counting = options_with(rules, READER_SERVICE);
		fast.max_line = thorough.max_line = counting.max_line = i ? 135 : 64 * 1024;
		struct reading a, b, c;
		read_whole(&fast, buf_span(&bytes), &a);
		read_whole(&thorough, buf_span(&bytes), &b);
		read_whole(&counting, buf_span(&bytes), &c);
		assert_memory_equal(&c.counts, &b.counts, sizeof b.counts);
		assert_int_equal(
			count_text(&c, "enroll_rejected"), count_text(&a, "enroll_rejected"));
		assert_int_equal(count_text(&a, "enroll_rejected"), 2);
		assert_int_equal(
			count_text(&b, "enroll_rejected"), count_text(&a, "enroll_rejected"));
		assert_int_equal(count_text(&a, "sync_forbidden"), i ? 0 : 2);
		assert_int_equal(
			count_text(&b, "sync_forbidden"), count_text(&a, "sync_forbidden"));
		assert_int_equal(a.counts.lines, b.counts.lines);
		assert_int_equal(a.counts.long_lines, b.counts.long_lines);
		assert_int_equal(a.counts.skipped_bytes, b.counts.skipped_bytes);
		buf_fini(&a.records);
		buf_fini(&b.records);
		buf_fini(&c.records);
	}
	buf_fini(&bytes);
	rules_free(rules);
}

/* Records in which no rule matches tell day and month apart, too. */
static void
t06a_fast_reading_learns_the_order_of_the_date(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct span bytes = SPAN(SERVICE "Information: 0 : 05/06/2015 03:00:00: one\n" SERVICE
					 "Information: 0 : 13/06/2015 03:00:00: two\n" SERVICE
					 "Information: 0 : 03/07/2015 03:00:00: three\n" SERVICE
					 "Warning: 0 : 06/07/2015 03:00:00: WebException trying to "
					 "enroll: Status = ProtocolError\n");
	for (int i = 0; i < 2; i++) {
		struct reader_options options = options_with(rules, i ? READER_LINES : READER_HITS);
		struct reading reading;
		read_whole(&options, bytes, &reading);
		assert_int_equal(count_text(&reading, "2015-07-06T03:00:00Z"), 1);
		buf_fini(&reading.records);
	}
	rules_free(rules);
}

/* Records of a file that never tells its order, of so many years in turn, that were looked at: the
 * same however it is cut. */
static uint64_t
looked_at(int lines, int years)
{
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reading whole, cut = {0};
	struct buf bytes = BUF_INIT;
	for (int i = 0; i < lines; i++)
		buf_format(&bytes, SERVICE "Information: 0 : 05/06/%d 03:00:00: %0*d\n",
			2015 + i % years, i % 97 + 1, i);
	read_whole(&options, buf_span(&bytes), &whole);
	assert_int_equal(whole.counts.lines, lines);
	struct reader *reader = make_reader(&options);
	size_t consumed = 0;
	for (size_t presented = 0; presented < bytes.n; presented += 1234)
		feed(reader, &cut, buf_span(&bytes), &consumed, presented, false);
	feed(reader, &cut, buf_span(&bytes), &consumed, bytes.n, true);
	assert_int_equal(cut.counts.lines, lines);
	assert_int_equal(cut.counts.records, whole.counts.records);
	reader_free(reader);
	buf_fini(&cut.records);
	buf_fini(&whole.records);
	buf_fini(&bytes);
	rules_free(rules);
	return whole.counts.records;
}

static void
t06b_what_never_tells_is_not_taken_apart(void **state)
{
	(void)state;
	assert_in_range(looked_at(12000, 2), 1200, 4000);
}

static void
t06c_day_that_repeats_is_not_taken_apart(void **state)
{
	(void)state;
	assert_int_equal(looked_at(1000, 1), 1);
}

static void
t07_rule_against_the_record_waits_for_its_lines(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reader *reader = make_reader(&options);
	struct reading reading = {0};
	struct span bytes =
		SPAN(FORBIDDEN "\n<html>\n<title>Proxy</title>\n" REJECTED "\n" FORBIDDEN "\n");
	size_t consumed = 0, first = sizeof FORBIDDEN;
	feed(reader, &reading, bytes, &consumed, first + 10, false);
	assert_int_equal(consumed, 0);
	feed(reader, &reading, bytes, &consumed, bytes.n, false);
	assert_int_equal(consumed, bytes.n - first);
	assert_int_equal(count_text(&reading, "sync_failed"), 1);
	assert_int_equal(count_text(&reading, " Proxy host"), 1);
	feed(reader, &reading, bytes, &consumed, bytes.n, true);
	assert_int_equal(count_text(&reading, "sync_forbidden"), 1);
	reader_free(reader);
	buf_fini(&reading.records);
	rules_free(rules);
}

static void
t08_nuls_at_the_end_are_not_there_yet(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reader *reader = make_reader(&options);
	struct reading reading = {0};
	struct buf bytes = BUF_INIT;
	static const char HOLE[500] = "";
	size_t consumed = 0;
	buf_add_text(&bytes, REJECTED "\n");
	buf_add(&bytes, HOLE, sizeof HOLE);
	feed(reader, &reading, buf_span(&bytes), &consumed, bytes.n, false);
	assert_int_equal(consumed, sizeof REJECTED);
	buf_add_text(&bytes, FORBIDDEN "\n");
	feed(reader, &reading, buf_span(&bytes), &consumed, bytes.n, false);
	assert_int_equal(consumed, bytes.n);
	char *expected = mem_format(
		"%zu+%zu plain sync_forbidden", sizeof REJECTED + sizeof HOLE, sizeof FORBIDDEN);
	assert_non_null(strstr(reading.records.p, expected));
	free(expected);
	reader_free(reader);
	buf_fini(&bytes);
	buf_fini(&reading.records);
	rules_free(rules);
}

static void
t09_line_without_end_is_kept_short_and_the_next_is_read(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	options.max_line = 1000;
	struct reader *reader = make_reader(&options);
	struct reading reading = {0};
	char block[4096];
	uint64_t at = 0;
	memset(block, 'x', sizeof block);
	memcpy(block, FORBIDDEN, sizeof FORBIDDEN - 1);
	for (int i = 0; i < 100; i++) {
		size_t consumed =
			reader_feed(reader, &reading.state, (struct span){block, sizeof block}, at,
				false, 0, on_record, &reading, &reading.counts);
		assert_int_equal(consumed, sizeof block);
		at += consumed;
	}
	struct span next = SPAN("\n" REJECTED "\n");
	assert_int_equal(reader_feed(reader, &reading.state, next, at, false, 0, on_record,
				 &reading, &reading.counts),
		next.n);
	assert_int_equal(count_text(&reading, " TRUNCATED|\n"), 1);
	assert_int_equal(count_text(&reading, "enroll_rejected"), 1);
	assert_int_equal(reading.counts.long_lines, 1);
	assert_int_equal(reading.counts.skipped_bytes, 100 * sizeof block - 1000);
	assert_int_equal(reading.counts.lines, 2);
	reader_free(reader);
	buf_fini(&reading.records);
	rules_free(rules);
}

static void
t10_file_tells_the_order_of_day_and_month(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reading reading;
	struct span bytes = SPAN(
		SERVICE "Error: 0 : 05/06/2015 03:00:00: Exception attempting sync - 403\n" SERVICE
			"Error: 0 : 13/06/2015 03:00:00: Exception attempting sync - 403\n" SERVICE
			"Error: 0 : 01/07/2015 03:00:00: Exception attempting sync - 403\n");
	read_whole(&options, bytes, &reading);
	assert_int_equal(count_text(&reading, "[] "), 1);
	assert_int_equal(count_text(&reading, "[2015-06-13T03:00:00Z]"), 1);
	assert_int_equal(count_text(&reading, "[2015-07-01T03:00:00Z]"), 1);
	assert_int_equal(reading.state.date.order, DATE_ORDER_DAY_FIRST);
	buf_fini(&reading.records);
	rules_free(rules);
}

static void
t11_options_that_are_none_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *encoding, *format, *timezone, *words;
	} CASES[] = {
		{"utf-17", "auto", "UTC", "no encoding is named utf-17"},
		{"EBCDIC-US", "auto", "UTC", "cannot be read"},
		{"auto", "xml", "UTC", "no format is named xml"},
		{"auto", "auto", "Mars/Olympus", "no time zone is named Mars/Olympus"},
	};
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct err err = ERR_INIT;
		struct reader_options options = {
			.encoding = CASES[i].encoding,
			.format = CASES[i].format,
			.timezone = CASES[i].timezone,
			.max_line = 100,
		};
		assert_null(reader_new(&options, &err));
		if (!strstr(err.text, CASES[i].words))
			fail_msg("%s", err.text);
	}
}

static void
t12_quotations_in_a_plain_file_are_none_of_the_services(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reading reading;
	for (int i = 0; i < 2; i++) {
		struct reader_options options = options_with(rules, i ? READER_LINES : READER_HITS);
		read_whole(&options,
			SPAN(SERVICE "Start: 0 : x\nsaid: " FORBIDDEN
				     "\n2015-06-19 03:00:02 h t: " FORBIDDEN
				     "\nOther Error: 0 : " FORBIDDEN "\n  " FORBIDDEN "\n"),
			&reading);
		assert_int_equal(count_text(&reading, "sync_forbidden"), 0);
		assert_int_equal(reading.counts.records, 1);
		buf_fini(&reading.records);
	}
	rules_free(rules);
}

static void
t13_each_line_decides_its_envelope(void **state)
{
	(void)state;
	struct rules *rules = compile(LINE_RULES, COUNT(LINE_RULES));
	struct reader_options options = options_with(rules, READER_HITS);
	struct reading reading;
	read_whole(&options,
		SPAN(FORBIDDEN "\nJun 19 03:00:02 h1 t: " FORBIDDEN "\n{\"message\":\"" FORBIDDEN
			       "\",\"host\":\"h2\"}\n<13>1 - h3 - - - - " FORBIDDEN "\n"),
		&reading);
	assert_int_equal(count_text(&reading, "sync_forbidden"), 4);
	for (const char *const *host =
			(const char *const[]){"host h1 ", "host h2 ", "host h3 ", NULL};
		*host; host++)
		assert_int_equal(count_text(&reading, *host), 1);
	assert_int_equal(reading.state.format, ENVELOPE_RFC5424);
	buf_fini(&reading.records);
	rules_free(rules);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_pair_is_found_with_its_offsets_and_times),
		cmocka_unit_test(t02_half_line_waits_and_last_takes_it_incomplete),
		cmocka_unit_test(t03_records_do_not_depend_on_how_bytes_are_cut),
		cmocka_unit_test(t04_line_behind_a_long_one_teaches_the_same),
		cmocka_unit_test(t05_nor_in_wide_encodings),
		cmocka_unit_test(t06_fast_and_thorough_reading_find_the_same),
		cmocka_unit_test(t06a_fast_reading_learns_the_order_of_the_date),
		cmocka_unit_test(t06b_what_never_tells_is_not_taken_apart),
		cmocka_unit_test(t06c_day_that_repeats_is_not_taken_apart),
		cmocka_unit_test(t07_rule_against_the_record_waits_for_its_lines),
		cmocka_unit_test(t08_nuls_at_the_end_are_not_there_yet),
		cmocka_unit_test(t09_line_without_end_is_kept_short_and_the_next_is_read),
		cmocka_unit_test(t10_file_tells_the_order_of_day_and_month),
		cmocka_unit_test(t11_options_that_are_none_are_refused),
		cmocka_unit_test(t12_quotations_in_a_plain_file_are_none_of_the_services),
		cmocka_unit_test(t13_each_line_decides_its_envelope),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
