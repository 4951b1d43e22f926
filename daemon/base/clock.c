#include "daemon/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec now;
	if (clock_gettime(id, &now) != 0)
		abort();
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t
clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_monotonic(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

struct timespec
clock_deadline_in(int64_t wait)
{
	int64_t at = read_clock(CLOCK_MONOTONIC) + wait;
	return (struct timespec){at / SECOND, at % SECOND * 1000};
}

/* Counts from 0000-03-01, so that the leap day is the last day of a year. */
int64_t
date_to_days(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

/* So many digits and what stands behind them. Dates are most of an alert's numbers, and the usual
 * functions take two thousand instructions for one. */
static char *
put(char *p, int64_t value, int width, char behind)
{
	for (int i = width; i-- > 0; value /= 10)
		p[i] = (char)('0' + value % 10);
	p[width] = behind;
	return p + width + 1;
}

const char *
time_format(int64_t time, char out[TIME_TEXT])
{
	out[0] = '\0';
	if (time == TIME_NONE)
		return out;
	int64_t fraction = time % SECOND;
	if (fraction < 0)
		fraction += SECOND;
	time_t seconds = (time_t)((time - fraction) / SECOND);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm))
		return out;
	int64_t year = INT64_C(1900) + tm.tm_year;
	char *p = year < 0 || year > 9999 ? out + snprintf(out, TIME_TEXT, "%" PRId64 "-", year)
					  : put(out, year, 4, '-');
	p = put(p, tm.tm_mon + 1, 2, '-');
	p = put(p, tm.tm_mday, 2, 'T');
	p = put(p, tm.tm_hour, 2, ':');
	p = put(p, tm.tm_min, 2, ':');
	p = put(p, tm.tm_sec, 2, fraction ? '.' : 'Z');
	if (fraction)
		p = fraction % 1000 ? put(p, fraction, 6, 'Z') : put(p, fraction / 1000, 3, 'Z');
	*p = '\0';
	return out;
}

/* Reads exactly `width` digits at *p and steps over them; -1 where there are none. */
static int
digits(const char **p, int width)
{
	int value = 0;
	for (int i = 0; i < width; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static bool
expect(const char **p, const char *any)
{
	return **p && strchr(any, **p) && (*p)++;
}

static bool
parse_fraction(const char **p, int64_t *micro)
{
	*micro = 0;
	if (**p != '.')
		return true;
	(*p)++;
	int64_t scale = SECOND / 10;
	const char *start = *p;
	for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
		*micro += (**p - '0') * scale;
	return *p != start;
}

static bool
parse_offset(const char **p, int64_t *offset)
{
	*offset = 0;
	if (expect(p, "Zz"))
		return true;
	int sign = **p == '-' ? -1 : 1;
	if (!expect(p, "+-"))
		return false;
	int hours = digits(p, 2);
	if (hours < 0 || hours > 23 || !expect(p, ":"))
		return false;
	int minutes = digits(p, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*offset = sign * (hours * HOUR + minutes * MINUTE);
	return true;
}

static int64_t
days_in(int year, int month)
{
	return month == 12 ? 31
			   : date_to_days(year, (unsigned)month + 1, 1) -
				     date_to_days(year, (unsigned)month, 1);
}

bool
time_parse(const char *text, int64_t *time)
{
	const char *p = text;
	int year, month, day, hour, minute, second;
	int64_t micro, offset;
	if ((year = digits(&p, 4)) < 0 || !expect(&p, "-") || (month = digits(&p, 2)) < 1 ||
		!expect(&p, "-") || (day = digits(&p, 2)) < 1 || !expect(&p, "Tt ") ||
		(hour = digits(&p, 2)) < 0 || !expect(&p, ":") || (minute = digits(&p, 2)) < 0 ||
		!expect(&p, ":") || (second = digits(&p, 2)) < 0)
		return false;
	if (month > 12 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60)
		return false;
	if (!parse_fraction(&p, &micro) || !parse_offset(&p, &offset) || *p)
		return false;
	*time = date_to_days(year, (unsigned)month, (unsigned)day) * DAY + hour * HOUR +
		minute * MINUTE + second * SECOND + micro - offset;
	return true;
}

static const struct unit {
	const char *name;
	int64_t length;
} UNIT[] = {{"w", 7 * DAY}, {"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1000}};

enum { UNITS = sizeof UNIT / sizeof UNIT[0] };

const char *
duration_format(int64_t duration, char out[TIME_TEXT])
{
	snprintf(out, TIME_TEXT, "0");
	for (int i = 1; i < UNITS && duration; i++) {
		if (duration % UNIT[i].length)
			continue;
		snprintf(out, TIME_TEXT, "%" PRId64 "%s", duration / UNIT[i].length, UNIT[i].name);
		break;
	}
	return out;
}

const char *
duration_words(int64_t duration, char out[TIME_TEXT])
{
	if (duration < SECOND) {
		snprintf(out, TIME_TEXT, "under 1 s");
		return out;
	}
	int i = 1;
	while (duration < UNIT[i].length)
		i++;
	int64_t whole = duration / UNIT[i].length;
	int n = snprintf(out, TIME_TEXT, "%" PRId64 " %s", whole, i == 3 ? "min" : UNIT[i].name);
	if (i + 1 >= UNITS - 1)
		return out;
	int64_t rest = duration % UNIT[i].length / UNIT[i + 1].length;
	if (rest)
		snprintf(out + n, TIME_TEXT - (size_t)n, " %" PRId64 " %s", rest,
			i + 1 == 3 ? "min" : UNIT[i + 1].name);
	return out;
}

bool
duration_parse(const char *text, int64_t *duration)
{
	int64_t number = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, *p - '0', &number))
			return false;
	}
	if (p == text)
		return false;
	if (*p == '\0' && number == 0) {
		*duration = 0;
		return true;
	}
	for (int i = 0; i < UNITS; i++) {
		if (strcmp(p, UNIT[i].name) == 0)
			return !__builtin_mul_overflow(number, UNIT[i].length, duration);
	}
	return false;
}
