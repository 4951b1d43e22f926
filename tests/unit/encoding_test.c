#include "daemon/base/mem.h"
#include "parsers/encoding.h"
#include "parsers/lines.h"
#include "parsers/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DETECT(bytes, at, last) encoding_detect(SPAN(bytes), at, last)

static void
t01_byte_order_mark_tells(void **state)
{
	(void)state;
	assert_int_equal(DETECT("\xef\xbb\xbfx", 0, false), ENCODING_UTF8);
	assert_int_equal(DETECT("\xff\xfex\0", 0, false), ENCODING_UTF16LE);
	assert_int_equal(DETECT("\xfe\xff\0x", 0, false), ENCODING_UTF16BE);
	assert_int_equal(DETECT("\xff\xfe\0\0", 0, false), ENCODING_UTF32LE);
	assert_int_equal(DETECT("\0\0\xfe\xff", 0, false), ENCODING_UTF32BE);
}

static void
t02_nuls_among_the_first_characters_tell(void **state)
{
	(void)state;
	assert_int_equal(DETECT("A\0s\0", 0, false), ENCODING_UTF16LE);
	assert_int_equal(DETECT("\0A\0s", 0, false), ENCODING_UTF16BE);
	assert_int_equal(DETECT("\0\0\0\0A\0s\0", 0, false), ENCODING_UTF16LE);
	assert_int_equal(DETECT("\0\0\0\0Ass", 0, false), ENCODING_UTF8);
	assert_int_equal(DETECT("A\0s\0", 1001, false), ENCODING_UTF16BE);
	assert_int_equal(DETECT("As", 0, false), ENCODING_UTF8);
	assert_int_equal(DETECT("\n\n", 0, false), ENCODING_UTF8);
}

static void
t03_too_few_bytes_tell_nothing_until_the_end(void **state)
{
	(void)state;
	static const struct span FEW[] = {{"A", 1}, {"\xff", 1}, {"\xef\xbb", 2}, {"A\0", 2},
		{"\0\0\0", 3}, {"\xff\xfe", 2}, {"\xff\xfe\0", 3}, {"\0A", 2}};
	for (size_t i = 0; i < COUNT(FEW); i++) {
		assert_int_equal(encoding_detect(FEW[i], 0, false), ENCODING_UNKNOWN);
		assert_int_not_equal(encoding_detect(FEW[i], 0, true), ENCODING_UNKNOWN);
	}
}

/* More bytes never change what was told from fewer. */
static void
t04_decision_does_not_change_with_more_bytes(void **state)
{
	(void)state;
	static const char ALPHABET[] = {'\0', 'A', '\n', '\xff', '\xfe', '\xef', '\xbb', '\xbf'};
	for (unsigned code = 0; code < 8 * 8 * 8 * 8 * 8; code++) {
		char bytes[5];
		enum encoding before = ENCODING_UNKNOWN;
		for (unsigned i = 0, c = code; i < 5; i++, c /= 8)
			bytes[i] = ALPHABET[c % 8];
		for (size_t n = 1; n <= 5; n++) {
			enum encoding now = encoding_detect((struct span){bytes, n}, 0, false);
			if (before != ENCODING_UNKNOWN)
				assert_int_equal(now, before);
			before = now;
		}
	}
}

static void
assert_decodes(const char *name, enum encoding encoding, struct span raw, const char *expected)
{
	struct err err = ERR_INIT;
	struct decoder *decoder = decoder_new(name, &err);
	if (!decoder)
		fail_msg("%s", err.text);
	unsigned used = decoder_forced(decoder) ? decoder_forced(decoder) : encoding;
	struct span text = decoder_decode(decoder, used, raw);
	if (!span_equal(text, span_of(expected)))
		fail_msg("%s: %.*s, wanted %s", name, (int)text.n, text.p, expected);
	decoder_free(decoder);
}

static void
t05_bytes_become_valid_text(void **state)
{
	(void)state;
	assert_decodes("auto", ENCODING_UTF8, SPAN("\xef\xbb\xbfGr\xc3\xb6\xc3\x9f\x65"), "Größe");
	assert_decodes("auto", ENCODING_UTF8, SPAN("a\xffz"), "a\xef\xbf\xbdz");
	assert_decodes("auto", ENCODING_UTF16LE, SPAN("\xff\xfe\xfc\0\x3d\xd8\0\xde"), "ü😀");
	assert_decodes("auto", ENCODING_UTF16BE, SPAN("\x0a\x0a\x02\x0a"), "ਊȊ");
	assert_decodes("auto", ENCODING_UTF16LE,
		SPAN("\x3d\xd8"
		     "a\0b"),
		"\xef\xbf\xbd"
		"a\xef\xbf\xbd");
	assert_decodes("windows-1252", 0, SPAN("Unzul\xe4ssig \x96 \x80\x81"),
		"Unzulässig – €\xef\xbf\xbd");
	assert_decodes("WINDOWS-1251", 0, SPAN("\xef\xf0\xe8"), "при");
	assert_decodes("CP1253", 0, SPAN("\xe1"), "α");
	assert_decodes("gb18030", 0, SPAN("\xca\xa7\xb0\xdc"), "失败");
}

static void
t06_encodings_have_their_names(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	static const char *const NAMES[] = {"utf-8", "utf-16le", "windows-1252", "big5", "koi8-r"};
	for (size_t i = 0; i < COUNT(NAMES); i++) {
		struct decoder *decoder = decoder_new(NAMES[i], &err);
		assert_string_equal(encoding_name(decoder_forced(decoder)), NAMES[i]);
		decoder_free(decoder);
	}
	assert_string_equal(encoding_name(0), "unknown");
	assert_string_equal(encoding_name(ENCODING_OTHER), "other");
	assert_string_equal(encoding_name(200), "unknown");
}

static void
assert_lines(struct lines lines, const char *const *expected, size_t count)
{
	struct line line;
	lines_start(&lines);
	for (size_t i = 0; i < count; i++) {
		assert_true(lines_next(&lines, &line));
		assert_true(span_equal(line.raw, span_of(expected[i])));
	}
	assert_false(lines_next(&lines, &line));
}

static void
t07_lines_end_at_line_feeds_alone(void **state)
{
	(void)state;
	static const char *const EXPECTED[] = {"a", "", "b\rc", "\r"};
	struct lines lines = {.bytes = SPAN("a\r\n\nb\rc\n\r\r\nhalf"), .limit = 100, .unit = 1};
	assert_lines(lines, EXPECTED, 4);
}

static void
t08_line_feed_counts_only_as_a_whole_unit(void **state)
{
	(void)state;
	struct line line;
	struct lines lines = {.bytes = SPAN("\x0a\x0a\x02\x0a\r\0\n\0z"), .limit = 100, .unit = 2};
	lines_start(&lines);
	assert_true(lines_next(&lines, &line));
	assert_int_equal(line.raw.n, 4);
	assert_int_equal(line.length, 8);
	assert_false(lines_next(&lines, &line));
	assert_int_equal(lines.place, 8);
}

static void
t09_long_line_is_cut_between_characters(void **state)
{
	(void)state;
	struct line line;
	struct lines lines = {.bytes = SPAN("aaaa\xe2\x80\x93zz\nnext\n"), .limit = 6, .unit = 1};
	lines_start(&lines);
	assert_true(lines_next(&lines, &line));
	assert_true(line.truncated);
	assert_int_equal(line.raw.n, 4);
	assert_int_equal(lines.skipped_bytes, 5);
	assert_true(lines_next(&lines, &line));
	assert_true(span_equal(line.raw, SPAN("next")));
	assert_int_equal(lines.complete, 2);
	assert_int_equal(lines.too_long, 1);
}

static void
t10_passing_counts_as_reading_does(void **state)
{
	(void)state;
	srand(3);
	for (int round = 0; round < 2000; round++) {
		char bytes[120];
		size_t n = (size_t)rand() % sizeof bytes;
		for (size_t i = 0; i < n; i++)
			bytes[i] = "aaaaaaa\n\r\0\xe2\x80"[rand() % 12];
		struct lines read = {.bytes = {bytes, n}, .limit = 10, .unit = 1};
		lines_start(&read);
		struct lines pass = read;
		struct line line;
		while (lines_next(&read, &line))
			;
		lines_pass(&pass, pass.bytes.n, scan_count_lines(pass.bytes));
		while (lines_next(&pass, &line))
			;
		assert_int_equal(read.complete, pass.complete);
		assert_int_equal(read.too_long, pass.too_long);
		assert_int_equal(read.skipped_bytes, pass.skipped_bytes);
		assert_int_equal(read.place, pass.place);
	}
}

/* What a sender of octet-counted messages (RFC 6587) leaves in a capture. */
static void
t11_octet_counts_end_lines_where_the_file_begins_with_one(void **state)
{
	(void)state;
	static const char TWO[] = "15 <13>1 - a - - b15 <13>1 - a\n- - c";
	static const char *const COUNTED[] = {"15 <13>1 - a - - b", "15 <13>1 - a\n- - c"};
	static const char *const WITH_LINE_FEED[] = {
		"15 <13>1 - a - - b", "15 <13>1 - a - - c", "", "15 <13>1 - a - - d"};
	static const char *const UNTRUE[] = {"14 <13>1 - a - - b", "15 <13>1 - a - - c"};
	static const char *const BEHIND[] = {"x", "15 <13>1 - a - - b15 <13>1 - a - - c"};
	struct lines lines = {.bytes = SPAN(TWO), .limit = 100, .unit = 1};
	assert_lines(lines, COUNTED, 2);
	lines.bytes = SPAN("15 <13>1 - a - - b15 <13>1 - a - - c\n15 <13>1 - a - - d");
	assert_lines(lines, WITH_LINE_FEED, 4);
	lines.bytes = SPAN("14 <13>1 - a - - b\n15 <13>1 - a - - c\n");
	assert_lines(lines, UNTRUE, 2);
	lines.bytes = SPAN("x\n15 <13>1 - a - - b15 <13>1 - a - - c\n");
	assert_lines(lines, BEHIND, 2);
	/* Until the count is seen to be true, or the counted bytes are there, it waits. */
	for (size_t n = 0; n < sizeof TWO - 1; n++) {
		lines.bytes = (struct span){TWO, n};
		assert_lines(lines, COUNTED, n > 18);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_byte_order_mark_tells),
		cmocka_unit_test(t02_nuls_among_the_first_characters_tell),
		cmocka_unit_test(t03_too_few_bytes_tell_nothing_until_the_end),
		cmocka_unit_test(t04_decision_does_not_change_with_more_bytes),
		cmocka_unit_test(t05_bytes_become_valid_text),
		cmocka_unit_test(t06_encodings_have_their_names),
		cmocka_unit_test(t07_lines_end_at_line_feeds_alone),
		cmocka_unit_test(t08_line_feed_counts_only_as_a_whole_unit),
		cmocka_unit_test(t09_long_line_is_cut_between_characters),
		cmocka_unit_test(t10_passing_counts_as_reading_does),
		cmocka_unit_test(t11_octet_counts_end_lines_where_the_file_begins_with_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
