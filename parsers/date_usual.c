#include "parsers/date_parts.h"

/*
 * The two forms that nearly all dates have, read by their places, without a question for each of
 * the pieces that they do not have. What they mean is what date.c finds piece by piece.
 */

/* One digit or two and the byte behind them: the length of it all, 0 where it is not that. */
static size_t
short_field(const char *p, char behind, unsigned *number)
{
	unsigned both = date_two_digits(p), one = (unsigned)p[0] - '0';
	size_t n = both < 100 ? 2 : 1;
	*number = both < 100 ? both : one;
	return one <= 9 && p[n] == behind ? n + 1 : 0;
}

/* 2015-06-19T03:00:01 */
static bool
take_stamp(struct span *s, struct date *date)
{
	enum { LENGTH = sizeof "2015-06-19T03:00:01" - 1 };
	const char *p = s->p;
	if (s->n < LENGTH || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' ||
		p[16] != ':' || date_is_digit_at(*s, LENGTH))
		return false;
	unsigned century = date_two_digits(p), year = date_two_digits(p + 2);
	date->year = century * 100 + year;
	date->month = date_two_digits(p + 5);
	date->day = date_two_digits(p + 8);
	date->hour = date_two_digits(p + 11);
	date->minute = date_two_digits(p + 14);
	date->seconds = date_two_digits(p + 17);
	*s = span_from(*s, LENGTH);
	return century < 100 && year < 100 && date->month < 100 && date->day < 100 &&
	       date->hour < 100 && date->minute < 100 && date->seconds < 100;
}

/* 6/19/2015 3:00:01, where as much stands behind it as the longest would take */
static bool
take_slashes(struct span *s, struct date *date)
{
	enum { LONGEST = sizeof "06/19/2015 03:00:01" - 1 };
	const char *p = s->p;
	unsigned first, second;
	size_t n;
	if (s->n <= LONGEST || !(n = short_field(p, '/', &first)))
		return false;
	p += n;
	if (!(n = short_field(p, '/', &second)))
		return false;
	p += n;
	unsigned century = date_two_digits(p), year = date_two_digits(p + 2);
	date->year = century * 100 + year;
	if (century == 100 || year == 100 || p[4] != ' ' ||
		!(n = short_field(p + 5, ':', &date->hour)))
		return false;
	p += 5 + n;
	date->minute = date_two_digits(p);
	date->seconds = date_two_digits(p + 3);
	*s = span_from(*s, (size_t)(p + 5 - s->p));
	return date->minute < 100 && p[2] == ':' && date->seconds < 100 &&
	       !date_is_digit_at(*s, 0) && date_set_day_and_month(date, first, second, '/');
}

bool
date_take_usual(struct span *s, struct date *date)
{
	struct span rest = *s;
	struct date usual = {.has_day = true};
	bool is_stamp = rest.n > 4 && rest.p[4] == '-';
	if (!(is_stamp ? take_stamp : take_slashes)(&rest, &usual))
		return false;
	date_take_fraction(&rest, &usual.microseconds);
	if (date_goes_on(rest, ':'))
		return false;
	*s = rest;
	*date = usual;
	return true;
}
