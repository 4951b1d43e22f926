#ifndef AIWATCH_PARSERS_DATE_H
#define AIWATCH_PARSERS_DATE_H

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "parsers/zone.h"

/*
 * Dates as .NET writes them, in whatever culture the service's account has: ISO 8601, RFC 1123, the
 * short and long patterns with `/`, `-` or `.`, 12 or 24 hours, names of days and months in ten
 * languages (date_words.c). Two steps: date_scan says what stands there, date_resolve what it
 * means.
 */

/* Which of the day and the month comes first where both are numbers: kept for a file, on disk. */
enum date_order {
	DATE_ORDER_UNKNOWN,
	DATE_ORDER_DAY_FIRST,
	DATE_ORDER_MONTH_FIRST,
	DATE_ORDER_MIXED, /* the file holds both: a date that can be read both ways is not read */
	DATE_ORDERS,
};

/* "unknown", "day first", "month first", "mixed". Never NULL. */
const char *
date_order_words(enum date_order order);

struct date {
	size_t length; /* bytes, from the start of the text */
	bool has_day, has_time, has_zone;
	bool is_ambiguous;	/* two numbers may be day and month or month and day */
	enum date_order proves; /* the order that two numbers can only have; else unknown */
	unsigned first, second; /* those two, as they stand */
	unsigned year;		/* 0 for none */
	unsigned month, day;	/* where not ambiguous */
	unsigned hour, minute, seconds, microseconds;
	int zone_minutes; /* east of Greenwich, where has_zone */
};

/* Whether text begins with a date, a time, or both. What comes behind it is the caller's matter. */
bool
date_scan(struct span text, struct date *date);

/*
 * What a file has taught about its dates: which order, and the last ambiguous date, by which the
 * next may decide. A value, all zero at the start; its bytes are safe to keep on disk.
 */
struct date_memory {
	uint8_t order; /* enum date_order */
	uint8_t first, second;
	uint8_t year[2]; /* little endian */
};

/*
 * Learns from a date and says its time, TIME_NONE where it cannot be told; appends to `as` how it
 * was understood, or why not. A date decides the file's order by a number over 12, or by its place
 * behind the last one: later or the same under one order, earlier under the other.
 *
 * A time that a change of the clock skips is read with the offset before the change; one that it
 * repeats is the first of the two.
 */
int64_t
date_resolve(const struct date *date, struct date_memory *memory, const struct zone *zone,
	struct buf *as);

/* Whether text begins with the day from which `memory` learned last, in numbers alone and with a
 * blank behind it: as long as the order is unknown nothing more is to be learned from it. */
bool
date_is_last(struct span text, const struct date_memory *memory);

/* The time of a date that may lack a year (RFC 3164): the latest year that puts it at most a day
 * behind `received`. TIME_NONE where the date is ambiguous or has no time. */
int64_t
date_resolve_near(const struct date *date, const struct zone *zone, int64_t received);

#endif
