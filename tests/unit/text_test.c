#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
assert_becomes(struct span in, size_t limit, const char *expected)
{
	struct buf out = BUF_INIT;
	text_sanitize(&out, in, limit);
	if (!span_equal(buf_span(&out), span_of(expected)))
		fail_msg("%.*s, wanted %s", (int)out.n, out.p ? out.p : "", expected);
	assert_true(out.n <= limit);
	buf_fini(&out);
}

static void
t01_plain_text_stays(void **state)
{
	(void)state;
	assert_becomes(SPAN("Größe – 403 日本 😀"), 100, "Größe – 403 日本 😀");
	assert_becomes(SPAN(""), 0, "");
}

static void
t02_control_characters_become_blanks(void **state)
{
	(void)state;
	assert_becomes(SPAN("a\x1b[31mb\0c\td\ne\x7f"), 100, "a [31mb c d e ");
	assert_becomes(SPAN("a\xc2\x9b"
			    "31mb\xe2\x80\xa8"
			    "c"),
		100, "a 31mb c");
}

static void
t03_invalid_bytes_become_the_replacement_character(void **state)
{
	(void)state;
	assert_becomes(SPAN("\xff"), 100, "\xef\xbf\xbd");
	assert_becomes(SPAN("\xc0\xaf"), 100, "\xef\xbf\xbd\xef\xbf\xbd");
	assert_becomes(SPAN("\xed\xa0\x80"), 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_becomes(SPAN("a\xe2\x80"), 100, "a\xef\xbf\xbd\xef\xbf\xbd");
	assert_becomes(
		SPAN("\xf4\x90\x80\x80"), 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void
t04_invisible_formatting_goes(void **state)
{
	(void)state;
	static const uint32_t GONE[] = {0xad, 0x200b, 0x200e, 0x200f, 0x202a, 0x202e, 0x2060,
		0x2066, 0x2069, 0x61c, 0xfeff, 0xfffb, 0xe0041, 0x180e, 0x3164};
	for (size_t i = 0; i < COUNT(GONE); i++) {
		struct buf in = BUF_INIT;
		buf_add_byte(&in, 'a');
		utf8_encode(&in, GONE[i]);
		buf_add_byte(&in, 'b');
		assert_becomes(buf_span(&in), 100, "ab");
		buf_fini(&in);
	}
}

static void
t05_cut_with_an_ellipsis_between_characters(void **state)
{
	(void)state;
	assert_becomes(SPAN("abcdef"), 6, "abcdef");
	assert_becomes(SPAN("abcdefg"), 6, "abc\xe2\x80\xa6");
	assert_becomes(SPAN("äöüß"), 8, "äöüß");
	assert_becomes(SPAN("äöüßx"), 8, "äö\xe2\x80\xa6");
	assert_becomes(SPAN("abcdef"), 3, "\xe2\x80\xa6");
	assert_becomes(SPAN("abcdef"), 2, "");
	assert_becomes(SPAN("abc\x1b\x1b\x1b\x1b"), 6, "abc\xe2\x80\xa6");
}

static void
t06_any_bytes_become_valid_text_within_the_limit(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 3000; round++) {
		char bytes[40];
		struct buf out = BUF_INIT;
		size_t n = (size_t)rand() % sizeof bytes, limit = (size_t)rand() % 60;
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(rand() % 3 ? 0x80 + rand() % 0x80 : rand());
		text_sanitize(&out, (struct span){bytes, n}, limit);
		assert_true(out.n <= limit);
		assert_true(utf8_is_valid(buf_span(&out)));
		for (size_t i = 0; i < out.n; i++)
			assert_true((unsigned char)out.p[i] >= ' ' && out.p[i] != 0x7f);
		buf_fini(&out);
	}
}

static void
t07_every_character_survives_its_encoding(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x110000; c += c < 0x3000 ? 1 : 97) {
		struct buf out = BUF_INIT;
		uint32_t again;
		utf8_encode(&out, c);
		assert_int_equal(utf8_decode(buf_span(&out), &again), out.n);
		bool is_none = c > 0x10ffff || (c >= 0xd800 && c < 0xe000);
		assert_int_equal(again, is_none ? 0xfffd : c);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_plain_text_stays),
		cmocka_unit_test(t02_control_characters_become_blanks),
		cmocka_unit_test(t03_invalid_bytes_become_the_replacement_character),
		cmocka_unit_test(t04_invisible_formatting_goes),
		cmocka_unit_test(t05_cut_with_an_ellipsis_between_characters),
		cmocka_unit_test(t06_any_bytes_become_valid_text_within_the_limit),
		cmocka_unit_test(t07_every_character_survives_its_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
