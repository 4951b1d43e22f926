#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/hash.h"
#include "daemon/base/library.h"
#include "daemon/base/mem.h"
#include "daemon/base/span.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
t01_span_compares_and_finds(void **state)
{
	(void)state;
	assert_true(span_equal(SPAN("abc"), span_of("abc")));
	assert_false(span_equal(SPAN("abc"), SPAN("abd")));
	assert_true(span_equal_nocase(SPAN("AIUpdateSvc.log"), SPAN("Aiupdatesvc.LOG")));
	assert_false(span_equal_nocase(SPAN("@"), SPAN("`")));
	assert_true(span_has_prefix(SPAN("abc"), SPAN("ab")));
	assert_null(span_find(SPAN("ab"), SPAN("abc")));
	assert_ptr_equal(
		span_find((struct span){"a\0b", 3}, (struct span){"\0b", 2}) != NULL, true);
	assert_true(span_equal(span_trim(SPAN(" \ta b ")), SPAN("a b")));
	assert_int_equal(span_from(SPAN("ab"), 5).n, 0);
}

static void
t02_buf_grows_and_is_terminated(void **state)
{
	(void)state;
	struct buf buf = BUF_INIT;
	for (int i = 0; i < 1000; i++)
		buf_format(&buf, "%d,", i);
	assert_int_equal(buf.n, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(buf.p[buf.n], '\0');
	char *text = buf_take(&buf);
	assert_string_equal(text + 3885, ",999,");
	free(text);
	text = buf_take(&buf);
	assert_string_equal(text, "");
	free(text);
}

static void
t02a_buf_formats_what_is_longer_than_its_room(void **state)
{
	(void)state;
	for (int width = 1; width < 200; width++) {
		struct buf buf = BUF_INIT;
		buf_add_text(&buf, "first ");
		buf_format(&buf, "%*s|", width, "x");
		assert_int_equal(buf.n, 6 + width + 1);
		assert_string_equal(buf.p + buf.n - 2, "x|");
		buf_fini(&buf);
	}
}

static void
t03_err_carries_its_sentence_outwards(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_false(err_system(&err, 2, "cannot open %s", "x"));
	err_context(&err, "input %s", "a");
	assert_string_equal(err.text, "input a: cannot open x: No such file or directory");
	assert_int_equal(err.code, 2);
	char *longer = mem_new(5000);
	memset(longer, 'x', 4999);
	err_set(&err, "%s", longer);
	assert_string_equal(err.text + sizeof err.text - 5, "x...");
	free(longer);
}

static void
t04_times_are_written_and_read(void **state)
{
	(void)state;
	char text[TIME_TEXT];
	int64_t time;
	assert_true(time_parse("2015-06-19T03:00:01Z", &time));
	assert_int_equal(time, INT64_C(1434682801) * SECOND);
	assert_string_equal(time_format(time, text), "2015-06-19T03:00:01Z");
	assert_true(time_parse("2015-06-19T05:00:01.123456+02:00", &time));
	assert_string_equal(time_format(time, text), "2015-06-19T03:00:01.123456Z");
	assert_string_equal(time_format(time - 456, text), "2015-06-19T03:00:01.123Z");
	assert_string_equal(
		time_format(time / SECOND * SECOND + 7, text), "2015-06-19T03:00:01.000007Z");
	assert_string_equal(
		time_format(INT64_C(253402300800) * SECOND, text), "10000-01-01T00:00:00Z");
	assert_string_equal(time_format(-1, text), "1969-12-31T23:59:59.999999Z");
	assert_string_equal(time_format(TIME_NONE, text), "");
	assert_true(time_parse("2016-02-29T00:00:00Z", &time));
	assert_string_equal(time_format(time, text), "2016-02-29T00:00:00Z");
	const char *const WRONG[] = {"", "2015-06-19", "2015-13-01T00:00:00Z",
		"2015-06-19T03:00:01", "2015-06-19T03:00:01.Z", "2015-06-19T03:00:01Z ",
		"2015-06-19T24:00:01Z", "2015-02-29T00:00:00Z", "2015-04-31T00:00:00Z"};
	for (size_t i = 0; i < COUNT(WRONG); i++)
		assert_false(time_parse(WRONG[i], &time));
}

static void
t05_durations_are_written_and_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t duration;
		const char *again;
		const char *words;
	} ROW[] = {
		{"0", 0, "0", "under 1 s"},
		{"30s", 30 * SECOND, "30s", "30 s"},
		{"90m", 90 * MINUTE, "90m", "1 h 30 min"},
		{"24h", DAY, "1d", "1 d"},
		{"35d", 35 * DAY, "35d", "35 d"},
		{"1w", 7 * DAY, "7d", "7 d"},
		{"200ms", 200000, "200ms", "under 1 s"},
	};
	char text[TIME_TEXT];
	for (size_t i = 0; i < COUNT(ROW); i++) {
		int64_t duration;
		assert_true(duration_parse(ROW[i].text, &duration));
		assert_int_equal(duration, ROW[i].duration);
		assert_string_equal(duration_format(duration, text), ROW[i].again);
		assert_string_equal(duration_words(duration, text), ROW[i].words);
	}
	const char *const WRONG[] = {"", "s", "10", "-1s", "1.5h", "10 m", "99999999999999999999d"};
	for (size_t i = 0; i < COUNT(WRONG); i++) {
		int64_t duration;
		assert_false(duration_parse(WRONG[i], &duration));
	}
}

static void
t06_digests_are_the_published_ones(void **state)
{
	(void)state;
	char hex[65];
	hex_encode(sha256("abc", 3).byte, 32, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* RFC 4231, test case 2 */
	hex_encode(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28).byte, 32, hex);
	assert_string_equal(
		hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	hex_encode(hash128(NULL, 0).byte, 16, hex);
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
	static const char *const WRONG[] = {NULL, "", "00f", "00fff", "00fg", "00FF"};
	uint8_t bytes[2];
	assert_true(hex_decode("09af", bytes, sizeof bytes));
	assert_memory_equal(bytes, "\x09\xaf", sizeof bytes);
	for (size_t i = 0; i < COUNT(WRONG); i++)
		assert_false(hex_decode(WRONG[i], bytes, sizeof bytes));
}

static void
t07_a_library_is_loaded_or_says_why_not(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	double (*cosine)(double) = NULL, (*nothing)(double) = NULL;
	const struct library_symbol symbols[] = {{"cos", &cosine}, {"no_such_call", &nothing}};
	struct library whole = {"libm.so.6", symbols, 1, false};
	struct library poor = {"libm.so.6", symbols, 2, false};
	struct library missing = {"libnosuchlibrary.so.1", symbols, 1, false};
	assert_true(library_load(&whole, &err));
	assert_true(library_load(&whole, &err));
	assert_true(cosine(0) == 1);
	assert_false(library_load(&poor, &err));
	assert_string_equal(err.text, "cannot use libm.so.6: it has no no_such_call");
	assert_false(library_load(&missing, &err));
	assert_non_null(strstr(err.text, "libnosuchlibrary.so.1"));
}

static int (*shared_version)(void);
static const struct library_symbol SHARED_SYMBOL[] = {{"archive_version_number", &shared_version}};
static struct library shared = {"libarchive.so.13", SHARED_SYMBOL, 1, false};
static pthread_barrier_t start;

static void *
load_and_call(void *value)
{
	struct err err = ERR_INIT;
	pthread_barrier_wait(&start);
	for (int i = 0; library_load(&shared, &err) && i < 1000; i++)
		*(int *)value = shared_version();
	return NULL;
}

/* What writes the pointers behind the one that calls through them, the thread sanitizer sees. */
static void
t08_threads_may_need_a_library_at_once(void **state)
{
	(void)state;
	enum { THREADS = 8 };
	pthread_t thread[THREADS];
	int value[THREADS] = {0};
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, load_and_call, &value[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < THREADS; i++)
		assert_true(value[i] > 0);
	pthread_barrier_destroy(&start);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_span_compares_and_finds),
		cmocka_unit_test(t02_buf_grows_and_is_terminated),
		cmocka_unit_test(t02a_buf_formats_what_is_longer_than_its_room),
		cmocka_unit_test(t03_err_carries_its_sentence_outwards),
		cmocka_unit_test(t04_times_are_written_and_read),
		cmocka_unit_test(t05_durations_are_written_and_read),
		cmocka_unit_test(t06_digests_are_the_published_ones),
		cmocka_unit_test(t07_a_library_is_loaded_or_says_why_not),
		cmocka_unit_test(t08_threads_may_need_a_library_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
