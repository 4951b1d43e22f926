/* tests/data/lines.tsv through every envelope and encoding: the product of both. */
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/ruleset.h"
#include "parsers/reader.h"

#include <iconv.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COLUMNS = 6, ROW_LIMIT = 300, LINE_LIMIT = 16 };
enum { ORIGIN, EVENTS, CAUSE, TIME, WHY, LINES };

struct row {
	char *column[COLUMNS];
	struct span line[LINE_LIMIT];
	size_t line_count;
};

static struct row rows[ROW_LIMIT];
static size_t row_count;
static struct rules *rules;

/* `\n` ends a line, `\\` is a backslash. */
static void
unescape_lines(struct row *row)
{
	char *to = row->column[LINES];
	char *start = to;
	for (const char *from = to;; from++) {
		bool ends = *from == '\0' || (from[0] == '\\' && from[1] == 'n');
		if (ends) {
			assert_true(row->line_count < LINE_LIMIT);
			row->line[row->line_count++] = (struct span){start, (size_t)(to - start)};
			start = to;
			if (*from++ == '\0')
				return;
			continue;
		}
		from += *from == '\\';
		*to++ = *from;
	}
}

static void
read_row(char *text)
{
	assert_true(row_count < ROW_LIMIT);
	struct row *row = &rows[row_count++];
	for (int i = 0; i < COLUMNS; i++) {
		row->column[i] = strsep(&text, "\t");
		assert_non_null(row->column[i]);
	}
	unescape_lines(row);
}

static int
set_up(void **state)
{
	(void)state;
	FILE *file = fopen("tests/data/lines.tsv", "re");
	assert_non_null(file);
	char *text = NULL;
	size_t room = 0;
	while (getline(&text, &room, file) > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (text[0] && text[0] != '#')
			read_row(mem_text(text));
	}
	free(text);
	fclose(file);
	struct config_problems problems = {0};
	struct config *config = config_load(NULL, &problems);
	assert_non_null(config);
	rules = ruleset_compile(config, &problems);
	assert_non_null(rules);
	config_problems_fini(&problems);
	config_free(config);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < row_count; i++)
		free(rows[i].column[ORIGIN]);
	rules_free(rules);
	return 0;
}

static void
add_json_text(struct buf *out, struct span line, size_t flags)
{
	json_t *text = json_stringn(line.p, line.n);
	char *dumped = json_dumps(text, JSON_ENCODE_ANY | flags);
	buf_add_text(out, dumped);
	free(dumped);
	json_decref(text);
}

/* Every letter of ASCII as an escape. */
static void
add_escaped(struct buf *out, struct span line)
{
	for (size_t i = 0; i < line.n; i++) {
		if ((unsigned char)line.p[i] < 0x80)
			buf_format(out, "\\u%04x", (unsigned)line.p[i]);
		else
			buf_add_byte(out, line.p[i]);
	}
}

static void
wrap_plain(struct buf *out, struct span line)
{
	buf_add_span(out, line);
}

static void
wrap_rfc3164(struct buf *out, struct span line)
{
	buf_format(out, "<13>Jun 19 03:00:02 cm01 aiupdate: %.*s#015", (int)line.n, line.p);
}

static void
wrap_rfc3164_bare(struct buf *out, struct span line)
{
	buf_format(out, "Jun  9 03:00:02 cm01 %.*s", (int)line.n, line.p);
}

static void
wrap_rfc3164_year(struct buf *out, struct span line)
{
	buf_format(out, "Jun 19 2015 03:00:02 cm01 aiupdate[12]: %.*s\\015", (int)line.n, line.p);
}

static void
wrap_rfc3339(struct buf *out, struct span line)
{
	buf_format(out, "2015-06-19T03:00:02.123456+00:00 cm01 aiupdate %.*s", (int)line.n, line.p);
}

static void
wrap_rfc3339_tag(struct buf *out, struct span line)
{
	buf_format(out, "2015-06-19T03:00:02Z cm01 aiupdate: %.*s#015", (int)line.n, line.p);
}

static void
wrap_rfc5424(struct buf *out, struct span line)
{
	buf_format(out, "<165>1 2015-06-19T03:00:02.003Z cm01 aiupdate - ID47 - \xef\xbb\xbf%.*s",
		(int)line.n, line.p);
}

static void
wrap_rfc5424_nxlog(struct buf *out, struct span line)
{
	buf_format(out,
		"%zu <13>1 2015-06-19T03:00:02+02:00 shipper - - - [NXLOG@14506 host=\"cm01\" "
		"path=\"\\\\\\\\cm01\\\\a\\]\\\"b.log\"][x@1 a=\"b\"] %.*s",
		line.n + 118, (int)line.n, line.p);
}

static void
wrap_nxlog(struct buf *out, struct span line)
{
	buf_add_text(out, "{\"EventReceivedTime\":\"2015-06-19 03:00:02\",\"Message\":");
	add_json_text(out, line, JSON_ENSURE_ASCII);
	buf_add_text(out, ",\"Hostname\":\"cm01\"}");
}

static void
wrap_filebeat(struct buf *out, struct span line)
{
	buf_add_text(out, "{\"@timestamp\":\"2015-06-19T03:00:02.000Z\",\"log\":{\"offset\":1,"
			  "\"file\":{\"path\":\"c:/a.log\"}},\"message\":");
	add_json_text(out, line, 0);
	buf_add_text(out, ",\"host\":{\"name\":\"cm01\"},\"agent\":{\"hostname\":\"other\"}}");
}

static void
wrap_fluentbit(struct buf *out, struct span line)
{
	buf_add_text(out, "{\"date\":1434682802.5,\"log\":\"");
	add_escaped(out, line);
	buf_add_text(out, "\\n\",\"host\":\"cm01\"}");
}

static void
wrap_fluentbit_stdout(struct buf *out, struct span line)
{
	buf_add_text(out, "[0] tail.0: [[1434682802.500000000, {}], {\"log\"=>");
	add_json_text(out, line, JSON_ESCAPE_SLASH);
	buf_add_text(out, ", \"host\"=>\"cm01\"}]");
}

static const struct wrapper {
	enum envelope_kind kind;
	void (*wrap)(struct buf *out, struct span line);
} WRAPPERS[] = {
	{ENVELOPE_PLAIN, wrap_plain},
	{ENVELOPE_RFC3164, wrap_rfc3164},
	{ENVELOPE_RFC3164, wrap_rfc3164_bare},
	{ENVELOPE_RFC3164, wrap_rfc3164_year},
	{ENVELOPE_RFC3339, wrap_rfc3339},
	{ENVELOPE_RFC3339, wrap_rfc3339_tag},
	{ENVELOPE_RFC5424, wrap_rfc5424},
	{ENVELOPE_RFC5424, wrap_rfc5424_nxlog},
	{ENVELOPE_JSON, wrap_nxlog},
	{ENVELOPE_JSON, wrap_filebeat},
	{ENVELOPE_JSON, wrap_fluentbit},
	{ENVELOPE_FLUENTBIT, wrap_fluentbit_stdout},
};

static const struct target {
	const char *option, *iconv, *mark, *line_end;
	size_t mark_n;
} TARGETS[] = {
	{"auto", "UTF-8", "", "\n", 0},
	{"auto", "UTF-8", "\xef\xbb\xbf", "\r\n", 3},
	{"auto", "UTF-16LE", "\xff\xfe", "\r\n", 2},
	{"auto", "UTF-16LE", "", "\n", 0},
	{"auto", "UTF-16BE", "\xfe\xff", "\r\n", 2},
	{"auto", "UTF-16BE", "", "\r\n", 0},
	{"utf-16le", "UTF-16LE", "", "\n", 0},
	{"auto", "UTF-32LE", "\xff\xfe\0\0", "\n", 4},
	{"windows-1252", "WINDOWS-1252", "", "\r\n", 0},
	{"windows-1251", "WINDOWS-1251", "", "\n", 0},
	{"shift_jis", "CP932", "", "\r\n", 0},
};

/* False where the encoding has not all of the characters. */
static bool
encode(struct span text, const struct target *target, struct buf *out)
{
	iconv_t to = iconv_open(target->iconv, "UTF-8");
	char *in = (char *)text.p;
	size_t in_left = text.n, room = text.n * 4 + 8, out_left = room;
	buf_add(out, target->mark, target->mark_n);
	buf_reserve(out, room);
	char *p = out->p + out->n;
	bool fits = iconv(to, &in, &in_left, &p, &out_left) == 0;
	out->n += room - out_left;
	iconv_close(to);
	return fits;
}

struct seen {
	struct buf events, cause, time;
	enum envelope_kind kind;
	enum reader_why first_why;
	size_t records;
	bool host_differs;
};

static void
on_record(void *owner, const struct record *record)
{
	struct seen *seen = owner;
	char time[TIME_TEXT];
	if (seen->records++ == 0) {
		seen->kind = record->envelope.kind;
		seen->first_why = record->why;
		buf_add_text(&seen->time, time_format(record->time, time));
		buf_add_span(&seen->cause, record->cause);
	}
	if (record->envelope.kind != ENVELOPE_PLAIN && record->envelope.kind < ENVELOPE_CMTRACE &&
		!span_equal(record->envelope.host, SPAN("cm01")))
		seen->host_differs = true;
	if (record->event != EVENT_NONE)
		buf_format(&seen->events, "%s%s", seen->events.n ? "," : "",
			event_name(record->event));
}

static void
assert_text(const struct row *row, const char *name, const char *wanted, const struct buf *got,
	const char *which)
{
	struct span expected = strcmp(wanted, "-") == 0 ? SPAN("") : span_of(wanted);
	if (!span_equal(expected, buf_span(got)))
		fail_msg("%s: %s \"%.*s\", wanted %s: %.*s", which, name, (int)got->n,
			got->p ? got->p : "", wanted, (int)row->line[0].n, row->line[0].p);
}

static void
read_bytes(struct reader *reader, struct span bytes, struct seen *seen)
{
	struct reader_state state = {0};
	struct reader_counts counts = {0};
	int64_t received;
	assert_true(time_parse("2015-06-20T00:00:00Z", &received));
	size_t consumed =
		reader_feed(reader, &state, bytes, 0, true, received, on_record, seen, &counts);
	assert_int_equal(consumed, bytes.n);
}

static const char *const WHY_NAME[READER_WHYS] = {
	"matched", "no_rule", "limit", "other_source", "component", "continuation"};

static void
check(const struct row *row, const struct wrapper *wrapper, struct reader *reader, bool thorough,
	struct span bytes, const char *which)
{
	struct seen seen = {0};
	read_bytes(reader, bytes, &seen);
	assert_text(row, "events", row->column[EVENTS], &seen.events, which);
	if (seen.events.n) {
		assert_text(row, "cause", row->column[CAUSE], &seen.cause, which);
		assert_text(row, "time", row->column[TIME], &seen.time, which);
		assert_int_equal(seen.kind, wrapper->kind);
	}
	if (seen.host_differs)
		fail_msg("%s: another host", which);
	if (thorough && wrapper->kind == ENVELOPE_PLAIN &&
		strcmp(WHY_NAME[seen.first_why], row->column[WHY]) != 0)
		fail_msg("%s: %s, wanted %s: %s", which, WHY_NAME[seen.first_why], row->column[WHY],
			row->line[0].p);
	buf_fini(&seen.events);
	buf_fini(&seen.cause);
	buf_fini(&seen.time);
}

static struct reader *
make_reader(const char *encoding, enum reader_look look)
{
	struct err err = ERR_INIT;
	struct reader_options options = {
		.encoding = encoding,
		.format = "auto",
		.timezone = "UTC",
		.max_line = 64 * 1024,
		.rules = rules,
		.look = look,
	};
	struct reader *reader = reader_new(&options, &err);
	assert_non_null(reader);
	return reader;
}

static void
t01_rows_through_every_envelope_and_encoding(void **state)
{
	(void)state;
	size_t tried = 0;
	for (size_t t = 0; t < COUNT(TARGETS); t++) {
		const struct target *target = &TARGETS[t];
		struct reader *fast = make_reader(target->option, READER_HITS);
		struct reader *thorough = make_reader(target->option, READER_LINES);
		for (size_t i = 0; i < row_count * COUNT(WRAPPERS); i++) {
			const struct row *row = &rows[i / COUNT(WRAPPERS)];
			const struct wrapper *wrapper = &WRAPPERS[i % COUNT(WRAPPERS)];
			struct buf text = BUF_INIT, bytes = BUF_INIT;
			for (size_t k = 0; k < row->line_count; k++) {
				wrapper->wrap(&text, row->line[k]);
				buf_add_text(&text, target->line_end);
			}
			if (encode(buf_span(&text), target, &bytes)) {
				check(row, wrapper, fast, false, buf_span(&bytes), text.p);
				check(row, wrapper, thorough, true, buf_span(&bytes), text.p);
				tried++;
			}
			buf_fini(&text);
			buf_fini(&bytes);
		}
		reader_free(fast);
		reader_free(thorough);
	}
	assert_true(tried > row_count * COUNT(WRAPPERS) * 8);
}

static void
t02_every_row_says_where_it_comes_from(void **state)
{
	(void)state;
	size_t real = 0;
	for (size_t i = 0; i < row_count; i++) {
		bool is_real = strcmp(rows[i].column[ORIGIN], "real") == 0;
		assert_true(is_real || strcmp(rows[i].column[ORIGIN], "synthetic") == 0);
		real += is_real;
	}
	assert_true(real >= 10 && row_count >= 80);
}

/* What cannot be told from a line can be told from none of its kind: no look-alike is evidence. */
static void
t03_look_alikes_are_never_evidence(void **state)
{
	(void)state;
	struct reader *reader = make_reader("auto", READER_LINES);
	struct buf all = BUF_INIT;
	struct seen seen = {0};
	size_t count = 0;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < row_count; i++) {
			if (strcmp(rows[i].column[EVENTS], "-") != 0)
				continue;
			for (size_t k = 0; k < rows[i].line_count; k++, count++)
				buf_format(&all, "%.*s\r\n", (int)rows[i].line[k].n,
					rows[i].line[k].p);
		}
	}
	read_bytes(reader, buf_span(&all), &seen);
	assert_int_equal(seen.events.n, 0);
	assert_int_equal(seen.records, count);
	buf_fini(&seen.time);
	buf_fini(&seen.cause);
	buf_fini(&all);
	reader_free(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_rows_through_every_envelope_and_encoding),
		cmocka_unit_test(t02_every_row_says_where_it_comes_from),
		cmocka_unit_test(t03_look_alikes_are_never_evidence),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
