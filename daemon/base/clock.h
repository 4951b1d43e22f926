#ifndef AIWATCH_BASE_CLOCK_H
#define AIWATCH_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Times are microseconds since 1970-01-01T00:00:00Z in an int64_t; durations are microseconds too.
 * All that thinks takes time as an argument: only loops, threads' tops and verbs read the clock.
 */
#define TIME_NONE INT64_MIN /* no time is known */
#define SECOND	  INT64_C(1000000)
#define MINUTE	  (60 * SECOND)
#define HOUR	  (60 * MINUTE)
#define DAY	  (24 * HOUR)

int64_t
clock_wall(void); /* the time of day; may jump */
int64_t
clock_monotonic(void); /* never jumps, counts suspend: CLOCK_BOOTTIME */

/* `wait` (at least 0) from now by CLOCK_MONOTONIC, the only one that threads can wait by: see
 * pthread_cond_clockwait(3). */
struct timespec
clock_deadline_in(int64_t wait);

/* Room for any text that time_format and duration_format write, with its NUL. */
#define TIME_TEXT 40

/* RFC 3339 in UTC, whole seconds where the fraction is 0, else milli- or microseconds; "" for
 * TIME_NONE. */
const char *
time_format(int64_t time, char out[TIME_TEXT]);

/* Reads RFC 3339 (with `Z` or an offset). False where the text is anything else. */
bool
time_parse(const char *text, int64_t *time);

/* The configuration's spelling: "0", "30s", "10m", "24h", "35d", or "90m" where no larger unit
 * divides. */
const char *
duration_format(int64_t duration, char out[TIME_TEXT]);

/* For people: the two largest units, "3 d 4 h", "12 s", "under 1 s". */
const char *
duration_words(int64_t duration, char out[TIME_TEXT]);

/* Reads "0" or a whole number with one of ms s m h d w. False on anything else and where it
 * overflows. */
bool
duration_parse(const char *text, int64_t *duration);

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; month 1 to 12, day 1 to 31.
 */
int64_t
date_to_days(int64_t year, unsigned month, unsigned day);

#endif
