#include "parsers/date.h"

const char *
date_order_words(enum date_order order)
{
	static const char *const WORDS[DATE_ORDERS] = {
		[DATE_ORDER_UNKNOWN] = "unknown",
		[DATE_ORDER_DAY_FIRST] = "day first",
		[DATE_ORDER_MONTH_FIRST] = "month first",
		[DATE_ORDER_MIXED] = "mixed",
	};
	return order < DATE_ORDERS ? WORDS[order] : "unknown";
}

static int
compare_days(unsigned month_a, unsigned day_a, unsigned month_b, unsigned day_b)
{
	return (int)(month_a * 32 + day_a) - (int)(month_b * 32 + day_b);
}

static void
learn_by_place(struct date_memory *memory, const struct date *date)
{
	unsigned year = memory->year[0] | (unsigned)memory->year[1] << 8;
	unsigned first = memory->first, second = memory->second;
	if (first && year == date->year) {
		int day_first = compare_days(date->second, date->first, second, first);
		int month_first = compare_days(date->first, date->second, first, second);
		if (day_first >= 0 && month_first < 0)
			memory->order = DATE_ORDER_DAY_FIRST;
		if (month_first >= 0 && day_first < 0)
			memory->order = DATE_ORDER_MONTH_FIRST;
	}
	memory->first = (uint8_t)date->first;
	memory->second = (uint8_t)date->second;
	memory->year[0] = (uint8_t)(date->year & 0xff);
	memory->year[1] = (uint8_t)(date->year >> 8);
}

static void
learn(struct date_memory *memory, const struct date *date)
{
	if (memory->order >= DATE_ORDERS)
		*memory = (struct date_memory){0};
	if (date->proves != DATE_ORDER_UNKNOWN) {
		bool agrees = !memory->order || memory->order == date->proves;
		memory->order = (uint8_t)(agrees ? date->proves : DATE_ORDER_MIXED);
	} else if (date->is_ambiguous && memory->order == DATE_ORDER_UNKNOWN) {
		learn_by_place(memory, date);
	}
}

/* Day and month; false, with the reason appended, where they cannot be told apart. */
static bool
tell_apart(struct date *date, const struct date_memory *memory, struct buf *as)
{
	if (date->proves != DATE_ORDER_UNKNOWN) {
		buf_format(as, "%s by a number over 12", date_order_words(date->proves));
		return true;
	}
	if (!date->is_ambiguous) {
		buf_add_text(as, "unmistakable");
		return true;
	}
	if (memory->order == DATE_ORDER_UNKNOWN || memory->order == DATE_ORDER_MIXED) {
		buf_add_text(as, memory->order
					 ? "day and month cannot be told apart: the file holds "
					   "both orders"
					 : "day and month cannot be told apart yet");
		return false;
	}
	bool day_first = memory->order == DATE_ORDER_DAY_FIRST;
	date->day = day_first ? date->first : date->second;
	date->month = day_first ? date->second : date->first;
	buf_format(as, "%s, as the file has shown", date_order_words(memory->order));
	return true;
}

static int64_t
to_time(const struct date *date, const struct zone *zone, enum zone_fit *fit)
{
	int64_t local = date_to_days(date->year, date->month, date->day) * 86400 +
			(int64_t)date->hour * 3600 + (int64_t)date->minute * 60 + date->seconds;
	*fit = ZONE_ONCE;
	int64_t utc = date->has_zone ? local - (int64_t)date->zone_minutes * 60
				     : zone_to_utc(zone, local, fit);
	return utc * SECOND + date->microseconds;
}

/* The year of the common calendar; 0 where it is another's that is not converted. */
static unsigned
common_year(unsigned year)
{
	if (year > 2400 && year < 2700)
		return year - 543; /* Buddhist, as Thailand writes it */
	return year >= 1900 && year < 2400 ? year : 0;
}

int64_t
date_resolve(const struct date *scanned, struct date_memory *memory, const struct zone *zone,
	struct buf *as)
{
	static const char *const FIT[] = {
		[ZONE_ONCE] = "",
		[ZONE_SKIPPED] = ", a time that the change of the clock skips",
		[ZONE_REPEATED] = ", the first of two such times",
	};
	struct date date = *scanned;
	if (!date.has_day || !date.has_time || date.year == 0) {
		buf_add_text(as, !date.has_day	  ? "no day"
				 : !date.has_time ? "no time of day"
						  : "no year");
		return TIME_NONE;
	}
	date.year = common_year(date.year);
	if (date.year == 0) {
		buf_add_text(as, "a calendar that is not converted");
		return TIME_NONE;
	}
	learn(memory, &date);
	if (!tell_apart(&date, memory, as))
		return TIME_NONE;
	enum zone_fit fit;
	int64_t time = to_time(&date, zone, &fit);
	buf_format(
		as, ", %s%s", date.has_zone ? "zone in the text" : "zone as configured", FIT[fit]);
	return time;
}

int64_t
date_resolve_near(const struct date *scanned, const struct zone *zone, int64_t received)
{
	struct date date = *scanned;
	enum zone_fit fit;
	if (!date.has_day || !date.has_time || date.is_ambiguous)
		return TIME_NONE;
	if (date.year)
		return to_time(&date, zone, &fit);
	if (received == TIME_NONE)
		return TIME_NONE;
	date.year = (unsigned)(1970 + received / (DAY * 365 + DAY / 4)) + 1;
	int64_t time = to_time(&date, zone, &fit);
	for (int i = 0; i < 3 && time > received + DAY; i++) {
		date.year--;
		time = to_time(&date, zone, &fit);
	}
	return time;
}
