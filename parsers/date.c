#include "parsers/date.h"

#include "daemon/base/mem.h"
#include "parsers/date_parts.h"
#include "parsers/date_words.h"

#include <ctype.h>

/*
 * A date is taken from the front of a text piece by piece: each take_ function moves `s` behind
 * what it took, or leaves it where it was and returns false.
 */

/* Blanks that .NET's cultures use: tab, no-break, thin, narrow no-break, ideographic; and marks of
 * direction, which stand in dates of right-to-left cultures. */
static const char *const BLANKS[] = {" ", "\t", "\xc2\xa0", "\xe2\x80\x89", "\xe2\x80\xaf",
	"\xe3\x80\x80", "\xe2\x80\x8e", "\xe2\x80\x8f"};

static bool
take_text(struct span *s, const char *text)
{
	size_t n = 0;
	for (; text[n]; n++) {
		if (n == s->n || s->p[n] != text[n])
			return false;
	}
	*s = span_from(*s, n);
	return true;
}

static size_t
skip_blanks(struct span *s)
{
	size_t before = s->n;
	for (size_t i = 0; i < COUNT(BLANKS);) {
		if (s->n == 0 || (s->p[0] > ' ' && s->p[0] <= '~')) /* nearly always */
			break;
		i = take_text(s, BLANKS[i]) ? 0 : i + 1;
	}
	return before - s->n;
}

/* A number of `least` to `most` digits that no further digit follows. */
static bool
take_number(struct span *s, size_t least, size_t most, unsigned *number)
{
	size_t n = 0, end = s->n <= most ? s->n : most + 1;
	unsigned value = 0;
	for (unsigned digit; n < end && (digit = (unsigned)s->p[n] - '0') <= 9; n++)
		value = value * 10 + digit;
	*number = value;
	if (n < least || n > most)
		return false;
	*s = span_from(*s, n);
	return true;
}

static bool
take_word(struct span *s, enum date_word wanted, unsigned *month)
{
	unsigned ignored;
	if (s->n && (unsigned char)s->p[0] < 'A') /* no word begins so */
		return false;
	size_t n = date_word(*s, wanted, month ? month : &ignored);
	*s = span_from(*s, n);
	return n > 0;
}

static bool
skip_fillers(struct span *s)
{
	struct span start = *s;
	skip_blanks(s);
	while (span_take_byte(s, ',') || take_word(s, DATE_WORD_FILLER, NULL))
		skip_blanks(s);
	return s->n < start.n;
}

static void
skip_weekday(struct span *s)
{
	struct span start = *s;
	bool bracket = span_take_byte(s, '(');
	bool known = take_word(s, DATE_WORD_WEEKDAY, NULL) ||
		     (bracket && take_word(s, DATE_WORD_SHORT_WEEKDAY, NULL));
	if (!known || (bracket && !span_take_byte(s, ')'))) {
		*s = start;
		return;
	}
	span_take_byte(s, '.');
	skip_fillers(s);
}

static bool
take_year(struct span *s, unsigned *year)
{
	if (take_number(s, 4, 4, year))
		return true;
	if (!take_number(s, 2, 2, year))
		return false;
	*year += *year < 70 ? 2000 : 1900;
	return true;
}

bool
date_set_day_and_month(struct date *date, unsigned first, unsigned second, char separator)
{
	bool day_first = separator == '.'; /* no culture writes the month first and dots */
	if (first > 12 && second > 12)
		return false;
	if (!day_first && first != second && first <= 12 && second <= 12) {
		date->is_ambiguous = true;
		date->first = first;
		date->second = second;
		return first > 0 && second > 0;
	}
	if (separator != '.' && first != second)
		date->proves = first > 12 ? DATE_ORDER_DAY_FIRST : DATE_ORDER_MONTH_FIRST;
	day_first = day_first || first > 12;
	date->day = day_first ? first : second;
	date->month = day_first ? second : first;
	return true;
}

/* n SEP n SEP n, the year first or last; dots may have a blank behind them. */
static bool
take_numeric(struct span *s, struct date *date, unsigned first, bool year_first)
{
	struct span start = *s;
	char separator = s->n ? s->p[0] : '\0';
	if (separator != '/' && separator != '-' && separator != '.')
		return false;
	unsigned second, third;
	bool dots = separator == '.';
	span_take_byte(s, separator);
	if (dots)
		skip_blanks(s);
	if (!take_number(s, 1, 2, &second) || !span_take_byte(s, separator))
		goto none;
	if (dots)
		skip_blanks(s);
	if (year_first) {
		if (!take_number(s, 1, 2, &third))
			goto none;
		date->year = first;
		date->month = second;
		date->day = third;
	} else if (!take_year(s, &date->year) ||
		   !date_set_day_and_month(date, first, second, separator)) {
		goto none;
	}
	if (dots && s->n && s->p[0] == '.' && !date_is_digit_at(*s, 1))
		span_take_byte(s, '.');
	return true;
none:
	*s = start;
	return false;
}

static void
skip_ordinal(struct span *s)
{
	static const char *const SUFFIX[] = {".", "\xc2\xba", "er", "st", "nd", "rd", "th"};
	for (size_t i = 0; i < sizeof SUFFIX / sizeof SUFFIX[0]; i++) {
		if (take_text(s, SUFFIX[i]))
			return;
	}
}

/* Behind a number: a month's name, and the third part of the date. */
static bool
take_worded(struct span *s, struct date *date, unsigned first, bool year_first)
{
	struct span start = *s;
	skip_ordinal(s);
	if (!span_take_byte(s, '-'))
		skip_fillers(s);
	if (!take_word(s, DATE_WORD_MONTH, &date->month))
		goto none;
	span_take_byte(s, '.');
	if (!span_take_byte(s, '-'))
		skip_fillers(s);
	unsigned last;
	if (year_first ? !take_number(s, 1, 2, &last) : !take_year(s, &last))
		goto none;
	if (year_first)
		span_take_byte(s, '.');
	date->year = year_first ? first : last;
	date->day = year_first ? last : first;
	return true;
none:
	*s = start;
	return false;
}

/* Behind a year: 年 6 月 19 日. */
static bool
take_units(struct span *s, struct date *date, unsigned year)
{
	struct span start = *s;
	date->year = year;
	if (take_word(s, DATE_WORD_YEAR, NULL) && (skip_blanks(s), true) &&
		take_number(s, 1, 2, &date->month) && take_word(s, DATE_WORD_MONTH_UNIT, NULL) &&
		(skip_blanks(s), true) && take_number(s, 1, 2, &date->day) &&
		take_word(s, DATE_WORD_DAY_UNIT, NULL))
		return true;
	*s = start;
	return false;
}

/* Six digits, as nearly all who write microseconds do. */
static bool
take_usual_fraction(struct span *s, unsigned *microseconds)
{
	enum { LENGTH = sizeof ".000001" - 1 };
	if (s->n < LENGTH || date_is_digit_at(*s, LENGTH))
		return false;
	unsigned high = date_two_digits(s->p + 1), middle = date_two_digits(s->p + 3),
		 low = date_two_digits(s->p + 5);
	if (high == 100 || middle == 100 || low == 100)
		return false;
	*microseconds += high * 10000 + middle * 100 + low;
	*s = span_from(*s, LENGTH);
	return true;
}

bool
date_take_fraction(struct span *s, unsigned *microseconds)
{
	if (s->n < 2 || (s->p[0] != '.' && s->p[0] != ',') || !date_is_digit_at(*s, 1))
		return false;
	if (take_usual_fraction(s, microseconds))
		return true;
	unsigned unit = 100000, sum = 0;
	size_t n = 1;
	for (unsigned digit; n < s->n && (digit = (unsigned)s->p[n] - '0') <= 9; n++, unit /= 10)
		sum += digit * unit;
	*microseconds += sum;
	*s = span_from(*s, n);
	return true;
}

/* hh:mm, as nearly all who write an offset do. */
static bool
take_usual_offset(struct span *s, unsigned *hours, unsigned *minutes)
{
	enum { LENGTH = sizeof "hh:mm" - 1 };
	if (s->n < LENGTH || s->p[2] != ':' || date_is_digit_at(*s, LENGTH))
		return false;
	*hours = date_two_digits(s->p);
	*minutes = date_two_digits(s->p + 3);
	if (*hours == 100 || *minutes == 100)
		return false;
	*s = span_from(*s, LENGTH);
	return true;
}

static bool
take_offset(struct span *s, struct date *date)
{
	struct span start = *s;
	bool minus = span_take_byte(s, '-');
	unsigned hours, minutes = 0, both;
	if (!minus && !span_take_byte(s, '+'))
		return false;
	struct span digits = *s;
	if (take_usual_offset(s, &hours, &minutes)) {
		/* as it is */
	} else if (take_number(s, 4, 4, &both)) {
		hours = both / 100;
		minutes = both % 100;
	} else {
		*s = digits;
		if (!take_number(s, 2, 2, &hours))
			goto none;
		digits = *s;
		if (!span_take_byte(s, ':') || !take_number(s, 2, 2, &minutes)) {
			*s = digits;
			minutes = 0;
		}
	}
	if (hours > 14 || minutes > 59)
		goto none;
	date->zone_minutes = (int)(hours * 60 + minutes) * (minus ? -1 : 1);
	date->has_zone = true;
	return true;
none:
	*s = start;
	return false;
}

static void
take_zone(struct span *s, struct date *date)
{
	struct span start = *s;
	skip_blanks(s);
	bool is_z = s->n && s->p[0] == 'Z' && (s->n == 1 || !isalnum((unsigned char)s->p[1]));
	if (is_z) {
		span_take_byte(s, 'Z');
	} else if (take_word(s, DATE_WORD_ZONE, NULL)) {
		take_offset(s, date);
	} else if (!take_offset(s, date)) {
		*s = start;
		return;
	}
	date->has_zone = true;
}

/* h:mm[:ss[.fff]] or h.mm[.ss] */
static bool
take_clock(struct span *s, struct date *date)
{
	if (!take_number(s, 1, 2, &date->hour) || s->n == 0)
		return false;
	char separator = s->p[0];
	if ((separator != ':' && (separator != '.' || !date->has_day)) ||
		!span_take_byte(s, separator) || !take_number(s, 2, 2, &date->minute))
		return false;
	struct span minutes = *s;
	if (span_take_byte(s, separator) && take_number(s, 2, 2, &date->seconds)) {
		date_take_fraction(s, &date->microseconds);
	} else {
		date->seconds = 0;
		*s = minutes;
	}
	return !date_goes_on(*s, separator);
}

/* 3時00分01秒 */
static bool
take_clock_units(struct span *s, struct date *date)
{
	if (!take_number(s, 1, 2, &date->hour) || !take_word(s, DATE_WORD_HOUR_UNIT, NULL))
		return false;
	skip_blanks(s);
	if (!take_number(s, 1, 2, &date->minute) || !take_word(s, DATE_WORD_MINUTE_UNIT, NULL))
		return false;
	struct span minutes = *s;
	skip_blanks(s);
	if (!take_number(s, 1, 2, &date->seconds) || !take_word(s, DATE_WORD_SECOND_UNIT, NULL)) {
		date->seconds = 0;
		*s = minutes;
	}
	return true;
}

enum half { HALF_NONE, HALF_MORNING, HALF_EVENING };

/* As nearly all who write one do; no other word begins so. */
static enum half
take_usual_half(struct span *s)
{
	bool is_usual = s->n >= 2 && (s->p[0] == 'A' || s->p[0] == 'P') && s->p[1] == 'M' &&
			(s->n == 2 || !isalnum((unsigned char)s->p[2]));
	if (!is_usual)
		return HALF_NONE;
	enum half half = s->p[0] == 'A' ? HALF_MORNING : HALF_EVENING;
	*s = span_from(*s, 2);
	return half;
}

static enum half
take_half(struct span *s)
{
	struct span start = *s;
	if (s->n == 0 ||
		(s->p[0] > ' ' && s->p[0] < 'A')) /* no word, and no blank in front of it */
		return HALF_NONE;
	skip_blanks(s);
	enum half half = take_usual_half(s);
	if (half != HALF_NONE)
		return half;
	if (take_word(s, DATE_WORD_MORNING, NULL))
		return HALF_MORNING;
	if (take_word(s, DATE_WORD_EVENING, NULL))
		return HALF_EVENING;
	*s = start;
	return HALF_NONE;
}

/* What may stand behind a clock: its half of the day, where none stood before it, and its zone. */
static void
end_time(struct span *s, struct date *date, enum half half)
{
	if (half == HALF_NONE)
		half = take_half(s);
	if (half == HALF_MORNING && date->hour == 12)
		date->hour = 0;
	if (half == HALF_EVENING && date->hour < 12)
		date->hour += 12;
	take_zone(s, date);
	date->has_time = true;
}

static bool
take_time(struct span *s, struct date *date)
{
	struct span start = *s;
	enum half half = take_half(s);
	skip_blanks(s);
	struct span clock = *s;
	if (!take_clock(s, date)) {
		*s = clock;
		date->minute = date->seconds = 0;
		if (!take_clock_units(s, date)) {
			*s = start;
			return false;
		}
	}
	end_time(s, date, half);
	return true;
}

/* Jun 19, 2015; Jun 19 03:00:01 2015; Jun 19 03:00:01 */
static bool
take_month_first(struct span *s, struct date *date)
{
	if (!take_word(s, DATE_WORD_MONTH, &date->month))
		return false;
	span_take_byte(s, '.');
	if (!span_take_byte(s, '-'))
		skip_fillers(s);
	if (!take_number(s, 1, 2, &date->day))
		return false;
	skip_ordinal(s);
	if (!span_take_byte(s, '-'))
		skip_fillers(s);
	struct span behind = *s;
	if (take_number(s, 4, 4, &date->year))
		return true;
	*s = behind;
	date->year = 0;
	date->has_day = true;
	if (!take_time(s, date))
		return false;
	behind = *s;
	if (!skip_blanks(s) || !take_number(s, 4, 4, &date->year) || (s->n && s->p[0] == '-')) {
		*s = behind;
		date->year = 0;
	}
	return true;
}

static bool
take_day(struct span *s, struct date *date)
{
	skip_weekday(s);
	if (!date_is_digit_at(*s, 0))
		return take_month_first(s, date);
	unsigned first;
	struct span start = *s;
	bool year_first = take_number(s, 4, 4, &first);
	if (!year_first) {
		*s = start;
		if (!take_number(s, 1, 2, &first))
			return false;
	}
	if (year_first && take_units(s, date, first)) {
		skip_blanks(s);
		skip_weekday(s);
		return true;
	}
	return take_numeric(s, date, first, year_first) || take_worded(s, date, first, year_first);
}

static bool
is_possible(const struct date *date)
{
	static const unsigned DAYS[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (date->hour > 23 || date->minute > 59 || date->seconds > 60)
		return false;
	if (!date->has_day || date->is_ambiguous)
		return true;
	return date->month >= 1 && date->month <= 12 && date->day >= 1 &&
	       date->day <= DAYS[date->month];
}

/* "Uhr" behind a time, where nothing but a colon follows. */
static void
skip_last_word(struct span *s, const struct date *date)
{
	struct span rest = *s;
	skip_blanks(&rest);
	if (!date->has_time || rest.n == 0 || !take_word(&rest, DATE_WORD_FILLER, NULL))
		return;
	struct span behind = rest;
	skip_blanks(&behind);
	if (behind.n == 0 || behind.p[0] == ':')
		*s = rest;
}

static void
take_pieces(struct span *s, struct date *date)
{
	struct span start = *s;
	*date = (struct date){0};
	if (take_day(s, date)) {
		date->has_day = true;
	} else {
		*date = (struct date){0};
		*s = start;
	}
	if (date->has_time)
		return;
	struct span behind = *s;
	if (date->has_day && !(date_is_digit_at(*s, 1) && span_take_byte(s, 'T')))
		skip_fillers(s);
	if (!take_time(s, date))
		*s = behind;
}

bool
date_scan(struct span text, struct date *date)
{
	struct span s = text;
	if (date_take_usual(&s, date))
		end_time(&s, date, HALF_NONE);
	else
		take_pieces(&s, date);
	skip_last_word(&s, date);
	date->length = text.n - s.n;
	return (date->has_day || date->has_time) && is_possible(date);
}

bool
date_is_last(struct span text, const struct date_memory *memory)
{
	unsigned first, second, year;
	if (!take_number(&text, 1, 2, &first) || text.n == 0 || !strchr("/-.", text.p[0]))
		return false;
	char separator = text.p[0];
	return span_take_byte(&text, separator) && take_number(&text, 1, 2, &second) &&
	       span_take_byte(&text, separator) && take_number(&text, 4, 4, &year) && text.n &&
	       text.p[0] == ' ' && first == memory->first && second == memory->second &&
	       year == (memory->year[0] | (unsigned)memory->year[1] << 8);
}
