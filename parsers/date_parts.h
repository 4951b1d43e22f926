#ifndef AIWATCH_PARSERS_DATE_PARTS_H
#define AIWATCH_PARSERS_DATE_PARTS_H

#include "parsers/date.h"

/* What date.c, which takes a date apart piece by piece, and date_usual.c share. Nobody else
 * includes this. */

static inline bool
date_is_digit_at(struct span s, size_t i)
{
	return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

/* Two digits as a number, 100 where they are none. */
static inline unsigned
date_two_digits(const char *p)
{
	unsigned tens = (unsigned)p[0] - '0', ones = (unsigned)p[1] - '0';
	return tens <= 9 && ones <= 9 ? tens * 10 + ones : 100;
}

/* Whether more digits follow, as in 03:00:01:123: no clock that is known, its end not guessed. */
static inline bool
date_goes_on(struct span s, char separator)
{
	return s.n > 1 && s.p[0] == separator && date_is_digit_at(s, 1);
}

/* Two numbers beside a year: which is the day, as far as this one date tells. */
bool
date_set_day_and_month(struct date *date, unsigned first, unsigned second, char separator);

/* `.` or `,` and digits are added to *microseconds. */
bool
date_take_fraction(struct span *s, unsigned *microseconds);

/* A stamp or a date with slashes, and its clock, up to where its half of the day or its zone would
 * stand. *date is written anew; where it is neither, false, and nothing is changed. */
bool
date_take_usual(struct span *s, struct date *date);

#endif
