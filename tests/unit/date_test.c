#include "daemon/base/mem.h"
#include "parsers/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NN "\xe2\x80\xaf" /* narrow no-break space */

static const struct zone *
utc(void)
{
	static struct zone *zone;
	struct err err = ERR_INIT;
	if (!zone)
		zone = zone_open("UTC", &err);
	return zone;
}

static int64_t
resolve(const char *text, struct date_memory *memory, const struct zone *zone, struct buf *as)
{
	struct date date;
	if (!date_scan(span_of(text), &date)) {
		buf_add_text(as, "not a date");
		return TIME_NONE;
	}
	if (date.length != strlen(text))
		fail_msg("%s: %zu bytes taken", text, date.length);
	return date_resolve(&date, memory, zone, as);
}

static void
assert_means(const char *text, uint8_t order, const struct zone *zone, const char *expected)
{
	struct buf as = BUF_INIT;
	struct date_memory memory = {.order = order};
	char out[TIME_TEXT];
	int64_t time = resolve(text, &memory, zone, &as);
	if (strcmp(time_format(time, out), expected) != 0)
		fail_msg("%s: %s (%s), expected %s", text, out, as.p ? as.p : "", expected);
	buf_fini(&as);
}

static const char *const SAME[] = {
	/* ISO 8601 and its kin */
	"2015-06-19T03:00:01",
	"2015-06-19T03:00:01Z",
	"2015-06-19T05:00:01+02:00",
	"2015-06-19T05:00:01+02",
	"2015-06-18T22:00:01-0500",
	"2015-06-18T22:00:01-05:00",
	"2015-06-19 03:00:01Z",
	"2015-06-19 03:00:01",
	"2015-06-19 05:00:01 +02:00",
	/* RFC 1123 */
	"Fri, 19 Jun 2015 03:00:01 GMT",
	/* numeric, as cultures write them */
	"6/19/2015 3:00:01 AM",
	"6/19/2015 3:00:01" NN "AM",
	"06/19/2015 03:00:01",
	"19/06/2015 03:00:01",
	"19/06/2015 3:00:01 AM",
	"19/06/2015 03:00:01 a. m.",
	"19/06/2015 3:00:01 a.m.",
	"19/06/2015 03.00.01",
	"19.06.2015 03:00:01",
	"19.6.2015 3:00:01",
	"19.6.2015 3.00.01",
	"19. 6. 2015 3:00:01",
	"19.6.2015. 3:00:01",
	"19.6.2015 г. 3:00:01",
	"2015. 06. 19. 3:00:01",
	"2015.06.19. 3:00:01",
	"19-06-2015 03:00:01",
	"19-6-2015 3:00:01",
	"19-06-15 03:00:01",
	"19-Jun-2015 03:00:01",
	"2015/06/19 3:00:01",
	"2015/6/19 上午 03:00:01",
	"2015-06-19 오전 3:00:01",
	"19/6/2558 3:00:01",
	/* worded */
	"Friday, June 19, 2015 3:00:01 AM",
	"Friday, 19 June 2015 03:00:01",
	"June 19, 2015 at 3:00:01" NN "AM",
	"Freitag, 19. Juni 2015 03:00:01",
	"Freitag, den 19. Juni 2015 um 03:00:01 Uhr",
	"vendredi 19 juin 2015 03:00:01",
	"vendredi 19 juin 2015 à 03:00:01",
	"viernes, 19 de junio de 2015 3:00:01",
	"venerdì 19 giugno 2015 03:00:01",
	"vrijdag 19 juni 2015 03:00:01",
	"piątek, 19 czerwca 2015 03:00:01",
	"PIĄTEK, 19 CZERWCA 2015 03:00:01",
	"19 июня 2015 г. 3:00:01",
	"пятница, 19 июня 2015 г. 3:00:01",
	"Пятница, 19 Июня 2015 г. 3:00:01",
	"sexta-feira, 19 de junho de 2015 03:00:01",
	"2015年6月19日 3:00:01",
	"2015年6月19日金曜日 3:00:01",
	"2015年6月19日 星期五 3:00:01",
	"2015年6月19日 上午 3:00:01",
	"2015年6月19日 午前 3時00分01秒",
	"2015년 6월 19일 금요일 오전 3:00:01",
	/* others */
	"Fri Jun 19 03:00:01 2015",
	"Jun 19 2015 03:00:01",
	"2015. június 19. 3:00:01",
};

static void
t01_one_moment_in_every_form(void **state)
{
	(void)state;
	size_t unknown = COUNT(SAME) - 1; /* Hungarian names are not in the tables */
	for (size_t i = 0; i < unknown; i++)
		assert_means(SAME[i], DATE_ORDER_UNKNOWN, utc(), "2015-06-19T03:00:01Z");
	struct date date;
	date_scan(span_of(SAME[unknown]), &date);
	assert_true(date.length != strlen(SAME[unknown]));
}

static void
t02_evening_noon_and_midnight(void **state)
{
	(void)state;
	assert_means("6/19/2015 12:00:01 AM", 0, utc(), "2015-06-19T00:00:01Z");
	assert_means("6/19/2015 12:00:01 PM", 0, utc(), "2015-06-19T12:00:01Z");
	assert_means("6/19/2015 3:00:01" NN "PM", 0, utc(), "2015-06-19T15:00:01Z");
	assert_means("2015/6/19 下午 03:00:01", 0, utc(), "2015-06-19T15:00:01Z");
	assert_means("19/06/2015 03:00:01 p. m.", 0, utc(), "2015-06-19T15:00:01Z");
	assert_means("2015年6月19日 午後 3:00:01", 0, utc(), "2015-06-19T15:00:01Z");
}

static void
t03_every_month_in_every_language(void **state)
{
	(void)state;
	static const char *const MONTHS[][12] = {
		{"January", "February", "March", "April", "May", "June", "July", "August",
			"September", "October", "November", "December"},
		{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
			"Oktober", "November", "Dezember"},
		{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
			"septembre", "octobre", "novembre", "décembre"},
		{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
			"septiembre", "octubre", "noviembre", "diciembre"},
		{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
			"settembre", "ottobre", "novembre", "dicembre"},
		{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus",
			"september", "oktober", "november", "december"},
		{"stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia",
			"września", "października", "listopada", "grudnia"},
		{"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа",
			"сентября", "октября", "ноября", "декабря"},
	};
	for (size_t i = 0; i < COUNT(MONTHS); i++) {
		for (size_t month = 0; month < 12; month++) {
			char *text = mem_format("9 %s 2015 03:00:01", MONTHS[i][month]);
			char *expected = mem_format("2015-%02zu-09T03:00:01Z", month + 1);
			assert_means(text, 0, utc(), expected);
			free(text);
			free(expected);
		}
	}
}

static void
t04_day_and_month_are_told_by_the_file(void **state)
{
	(void)state;
	assert_means("05/06/2015 03:00:01", DATE_ORDER_UNKNOWN, utc(), "");
	assert_means("05/06/2015 03:00:01", DATE_ORDER_DAY_FIRST, utc(), "2015-06-05T03:00:01Z");
	assert_means("05/06/2015 03:00:01", DATE_ORDER_MONTH_FIRST, utc(), "2015-05-06T03:00:01Z");
	assert_means("05/06/2015 03:00:01", DATE_ORDER_MIXED, utc(), "");
	assert_means("06/06/2015 03:00:01", DATE_ORDER_UNKNOWN, utc(), "2015-06-06T03:00:01Z");
	assert_means("05.06.2015 03:00:01", DATE_ORDER_UNKNOWN, utc(), "2015-06-05T03:00:01Z");
	assert_means("19/06/2015 03:00:01", DATE_ORDER_MONTH_FIRST, utc(), "2015-06-19T03:00:01Z");
}

static uint8_t
order_after(const char *first, const char *second)
{
	struct date_memory memory = {0};
	struct buf as = BUF_INIT;
	resolve(first, &memory, utc(), &as);
	resolve(second, &memory, utc(), &as);
	buf_fini(&as);
	return memory.order;
}

static void
t05_number_over_twelve_or_order_of_lines_decides(void **state)
{
	(void)state;
	assert_int_equal(order_after("05/06/2015 03:00", "13/06/2015 03:00"), DATE_ORDER_DAY_FIRST);
	assert_int_equal(
		order_after("05/06/2015 03:00", "06/13/2015 03:00"), DATE_ORDER_MONTH_FIRST);
	assert_int_equal(order_after("12/06/2015 03:00", "01/07/2015 03:00"), DATE_ORDER_DAY_FIRST);
	assert_int_equal(
		order_after("06/12/2015 03:00", "07/01/2015 03:00"), DATE_ORDER_MONTH_FIRST);
	assert_int_equal(order_after("05/06/2015 03:00", "05/06/2015 04:00"), DATE_ORDER_UNKNOWN);
	assert_int_equal(order_after("05/06/2015 03:00", "06/07/2015 04:00"), DATE_ORDER_UNKNOWN);
	assert_int_equal(order_after("12/06/2015 03:00", "01/07/2016 03:00"), DATE_ORDER_UNKNOWN);
	assert_int_equal(order_after("13/06/2015 03:00", "06/14/2015 03:00"), DATE_ORDER_MIXED);
}

static void
t06_zone_of_the_tz_database_with_its_changes(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct zone *berlin = zone_open("Europe/Berlin", &err);
	assert_non_null(berlin);
	assert_means("2015-06-19 03:00:01", 0, berlin, "2015-06-19T01:00:01Z");
	assert_means("2015-12-19 03:00:01", 0, berlin, "2015-12-19T02:00:01Z");
	assert_means("2015-06-19 03:00:01Z", 0, berlin, "2015-06-19T03:00:01Z");
	assert_means("2015-03-29 01:59:59", 0, berlin, "2015-03-29T00:59:59Z");
	assert_means("2015-03-29 02:30:00", 0, berlin, "2015-03-29T01:30:00Z"); /* skipped */
	assert_means("2015-03-29 03:00:00", 0, berlin, "2015-03-29T01:00:00Z");
	assert_means("2015-10-25 02:30:00", 0, berlin, "2015-10-25T00:30:00Z"); /* repeated */
	assert_means("2015-10-25 03:00:00", 0, berlin, "2015-10-25T02:00:00Z");
	assert_means("2060-07-01 12:00:00", 0, berlin, "2060-07-01T10:00:00Z");
	assert_means("2060-12-01 12:00:00", 0, berlin, "2060-12-01T11:00:00Z");
	zone_free(berlin);
	struct zone *sydney = zone_open("Australia/Sydney", &err);
	assert_means("2060-01-01 12:00:00", 0, sydney, "2060-01-01T01:00:00Z");
	assert_means("2060-07-01 12:00:00", 0, sydney, "2060-07-01T02:00:00Z");
	zone_free(sydney);
	struct buf as = BUF_INIT;
	struct date_memory memory = {0};
	berlin = zone_open("Europe/Berlin", &err);
	resolve("2015-03-29 02:30:00", &memory, berlin, &as);
	assert_non_null(strstr(as.p, "skips"));
	zone_free(berlin);
	buf_fini(&as);
}

static void
t07_zone_agrees_with_the_library_of_the_system(void **state)
{
	(void)state;
	static const char *const ZONES[] = {"Europe/Berlin", "America/New_York", "Asia/Kolkata",
		"Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Tehran"};
	struct err err = ERR_INIT;
	for (size_t i = 0; i < COUNT(ZONES); i++) {
		struct zone *zone = zone_open(ZONES[i], &err);
		assert_non_null(zone);
		setenv("TZ", ZONES[i], 1);
		tzset();
		for (time_t t = 946684800; t < 2208988800; t += 86400 * 3 + 3607) {
			struct tm tm;
			enum zone_fit fit;
			localtime_r(&t, &tm);
			int64_t utc_again = zone_to_utc(zone, t + tm.tm_gmtoff, &fit);
			if (fit == ZONE_ONCE)
				assert_int_equal(utc_again, t);
			else
				assert_true(utc_again <= t && t - utc_again <= 3600);
		}
		zone_free(zone);
	}
	struct zone *local = zone_open("local", &err);
	assert_means("2015-06-19 03:00:01", 0, local, "2015-06-18T22:30:01Z"); /* Tehran's summer */
	zone_free(local);
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	local = zone_open("local", &err);
	assert_means("2015-06-19 03:00:01", 0, local, "2015-06-19T07:00:01Z");
	zone_free(local);
	unsetenv("TZ");
	tzset();
}

static void
t08_zone_that_is_none_is_refused(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"Europe/Atlantis", "../../etc/passwd", "/etc/localtime",
		"", "posixrules/", "Europe", "zone.tab"};
	for (size_t i = 0; i < COUNT(NAMES); i++) {
		struct err err = ERR_INIT;
		assert_null(zone_open(NAMES[i], &err));
		assert_non_null(strstr(err.text, "no time zone is named"));
	}
	assert_null(zone_parse(SPAN("TZif2")));
}

static void
t09_no_time_where_something_is_missing(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
		"6/19/2015", "03:00:01", "Jun 19 03:00:01", "29/03/1394 03:00:01", "19 juin 2015"};
	for (size_t i = 0; i < COUNT(TEXTS); i++)
		assert_means(TEXTS[i], 0, utc(), "");
}

static void
t10_what_is_no_date_is_none(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"", "x", "Exception", "19", "19/", "32/32/2015 03:00",
		"0/5/2015 03:00:01", "2015-13-19 03:00:01", "1.2.3.4.5", "June", "Friday",
		"25:00:00", "10:61", "99999999999/1/1", "2015-06-19T99:00:00"};
	for (size_t i = 0; i < COUNT(TEXTS); i++) {
		struct date date;
		bool found = date_scan(span_of(TEXTS[i]), &date);
		if (found && date.has_time && date.has_day)
			fail_msg("%s was taken for a date", TEXTS[i]);
	}
}

static void
t11_fraction_is_kept(void **state)
{
	(void)state;
	assert_means("2017-05-25T14:25:08.0349846Z", 0, utc(), "2017-05-25T14:25:08.034984Z");
	assert_means("2017-05-25T14:25:08.123456Z", 0, utc(), "2017-05-25T14:25:08.123456Z");
	assert_means("2017-05-25 14:25:08,5", 0, utc(), "2017-05-25T14:25:08.500Z");
}

static void
t12_date_without_year_is_the_last_such_day(void **state)
{
	(void)state;
	struct date date;
	char out[TIME_TEXT];
	int64_t received;
	time_parse("2016-01-02T00:00:00Z", &received);
	assert_true(date_scan(SPAN("Dec 31 23:59:59 host"), &date));
	assert_int_equal(date.length, 15);
	assert_string_equal(time_format(date_resolve_near(&date, utc(), received), out),
		"2015-12-31T23:59:59Z");
	date_scan(SPAN("Jan  2 12:00:00 host"), &date);
	assert_string_equal(time_format(date_resolve_near(&date, utc(), received), out),
		"2016-01-02T12:00:00Z");
	assert_int_equal(date_resolve_near(&date, utc(), TIME_NONE), TIME_NONE);
}

/* A weekday in front leads past the reading of usual forms at once. */
static void
t13_usual_forms_mean_what_their_pieces_do(void **state)
{
	(void)state;
	static const char *const USUAL[] = {"6/1/2015 12:00:00 AM: behind it, x",
		"06/19/2015 03:00:01.123456 PM more of it", "19/6/2015 3:00:01 and more of it",
		"2015-06-19T03:00:01.123456+00:00 host", "2015-06-19T03:00:01Z host"};
	static const char BYTES[] = "0123456789/:-.,TZAPM +x";
	size_t dates = 0;
	srand(13);
	for (int round = 0; round < 100000; round++) {
		char text[80] = "Friday, ";
		char *plain = text + strlen(text);
		strcpy(plain, USUAL[round % (int)COUNT(USUAL)]);
		for (int changes = rand() % 3; changes > 0; changes--) {
			char *at = plain + (size_t)rand() % 30;
			if (rand() % 3 == 0)
				memmove(at, at + 1, strlen(at));
			else
				*at = BYTES[(size_t)rand() % (sizeof BYTES - 1)];
		}
		if (plain[0] < '0' || plain[0] > '9')
			continue;
		struct date usual, pieces;
		bool is_date = date_scan(span_of(plain), &usual);
		if (is_date && !usual.has_day) /* behind a weekday stands a day */
			continue;
		if (is_date != date_scan(span_of(text), &pieces))
			fail_msg("\"%s\" is a date in one way only", plain);
		if (!is_date)
			continue;
		dates++;
		pieces.length -= (size_t)(plain - text);
		if (memcmp(&usual, &pieces, sizeof usual) != 0)
			fail_msg("\"%s\" is read in two ways", plain);
	}
	assert_true(dates > 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_one_moment_in_every_form),
		cmocka_unit_test(t02_evening_noon_and_midnight),
		cmocka_unit_test(t03_every_month_in_every_language),
		cmocka_unit_test(t04_day_and_month_are_told_by_the_file),
		cmocka_unit_test(t05_number_over_twelve_or_order_of_lines_decides),
		cmocka_unit_test(t06_zone_of_the_tz_database_with_its_changes),
		cmocka_unit_test(t07_zone_agrees_with_the_library_of_the_system),
		cmocka_unit_test(t08_zone_that_is_none_is_refused),
		cmocka_unit_test(t09_no_time_where_something_is_missing),
		cmocka_unit_test(t10_what_is_no_date_is_none),
		cmocka_unit_test(t11_fraction_is_kept),
		cmocka_unit_test(t12_date_without_year_is_the_last_such_day),
		cmocka_unit_test(t13_usual_forms_mean_what_their_pieces_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
