#include "parsers/zone.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_LIMIT = 64 * 1024, DAY_SECONDS = 86400 };

/* When a rule of the footer changes the clock: `Mm.w.d/time`, `Jn/time` or `n/time`. */
struct change_rule {
	char form; /* 'M', 'J', or 'N' for the day counted from 0 */
	int month, week, day;
	int64_t time; /* seconds behind local midnight */
};

struct footer {
	bool is_there, has_summer;
	int64_t offset, summer_offset; /* seconds east */
	struct change_rule start, end;
};

struct zone {
	size_t count;
	int64_t *at;	 /* instants of change, ascending */
	int32_t *offset; /* from at[i] on */
	int32_t first;	 /* before at[0] */
	struct footer footer;
};

static int64_t
read_big(const char *p, size_t n)
{
	uint64_t value = (unsigned char)p[0] & 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | (unsigned char)p[i];
	return (int64_t)value;
}

static bool
take_number(struct span *s, int least, int most, int64_t *number)
{
	size_t n = 0;
	*number = 0;
	while (n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9')
		*number = *number * 10 + (s->p[n++] - '0');
	*s = span_from(*s, n);
	return n > 0 && *number >= least && *number <= most;
}

/* [+-]h[h][:mm[:ss]], up to a week as version 3 allows. */
static bool
take_hours(struct span *s, int64_t *seconds)
{
	bool minus = span_take_byte(s, '-');
	if (!minus)
		span_take_byte(s, '+');
	int64_t hours, minutes = 0, rest = 0;
	if (!take_number(s, 0, 167, &hours))
		return false;
	if (span_take_byte(s, ':') && !take_number(s, 0, 59, &minutes))
		return false;
	if (s->n && s->p[0] == ':' && (span_take_byte(s, ':'), !take_number(s, 0, 59, &rest)))
		return false;
	*seconds = (hours * 3600 + minutes * 60 + rest) * (minus ? -1 : 1);
	return true;
}

static bool
take_name(struct span *s)
{
	size_t n = 0;
	if (span_take_byte(s, '<')) {
		while (n < s->n && s->p[n] != '>')
			n++;
		*s = span_from(*s, n);
		return span_take_byte(s, '>');
	}
	while (n < s->n && ((s->p[n] | 0x20) >= 'a' && (s->p[n] | 0x20) <= 'z'))
		n++;
	*s = span_from(*s, n);
	return n >= 3;
}

static bool
take_rule(struct span *s, struct change_rule *rule)
{
	int64_t month = 0, week = 0, day;
	rule->form = span_take_byte(s, 'M') ? 'M' : span_take_byte(s, 'J') ? 'J' : 'N';
	if (rule->form == 'M' && !(take_number(s, 1, 12, &month) && span_take_byte(s, '.') &&
					 take_number(s, 1, 5, &week) && span_take_byte(s, '.')))
		return false;
	int least = rule->form == 'J' ? 1 : 0, most = rule->form == 'M' ? 6 : 365;
	if (!take_number(s, least, most, &day))
		return false;
	rule->month = (int)month;
	rule->week = (int)week;
	rule->day = (int)day;
	rule->time = 7200;
	return !span_take_byte(s, '/') || take_hours(s, &rule->time);
}

/* POSIX's TZ: std offset [dst [offset] , start , end]. Its offsets count west. */
static bool
parse_footer(struct span s, struct footer *footer)
{
	*footer = (struct footer){0};
	if (!take_name(&s) || !take_hours(&s, &footer->offset))
		return false;
	footer->offset = -footer->offset;
	footer->is_there = true;
	if (s.n == 0)
		return true;
	footer->has_summer = true;
	footer->summer_offset = footer->offset + 3600;
	if (!take_name(&s))
		return false;
	if (s.n && s.p[0] != ',') {
		if (!take_hours(&s, &footer->summer_offset))
			return false;
		footer->summer_offset = -footer->summer_offset;
	}
	return span_take_byte(&s, ',') && take_rule(&s, &footer->start) &&
	       span_take_byte(&s, ',') && take_rule(&s, &footer->end) && s.n == 0;
}

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The local second at which the rule changes the clock in that year. */
static int64_t
rule_second(const struct change_rule *rule, int64_t year)
{
	int64_t days = date_to_days(year, 1, 1);
	if (rule->form == 'N') {
		days += rule->day;
	} else if (rule->form == 'J') {
		days += rule->day - 1 + (is_leap(year) && rule->day >= 60);
	} else {
		int64_t first = date_to_days(year, (unsigned)rule->month, 1);
		int64_t next = rule->month == 12 ? date_to_days(year + 1, 1, 1)
						 : date_to_days(year, (unsigned)rule->month + 1, 1);
		int64_t weekday = ((first + 4) % 7 + 7) % 7;
		days = first + (rule->day - weekday + 7) % 7 + INT64_C(7) * (rule->week - 1);
		while (days >= next)
			days -= 7;
	}
	return days * DAY_SECONDS + rule->time;
}

static int64_t
footer_offset(const struct footer *footer, int64_t utc)
{
	if (!footer->has_summer)
		return footer->offset;
	int64_t local = utc + footer->offset;
	int64_t year = 1970 + local / 31556952 - (local < 0);
	while (date_to_days(year + 1, 1, 1) * DAY_SECONDS <= local)
		year++;
	while (date_to_days(year, 1, 1) * DAY_SECONDS > local)
		year--;
	int64_t start = rule_second(&footer->start, year) - footer->offset;
	int64_t end = rule_second(&footer->end, year) - footer->summer_offset;
	bool is_summer = start < end ? utc >= start && utc < end : utc >= start || utc < end;
	return is_summer ? footer->summer_offset : footer->offset;
}

static int64_t
offset_at(const struct zone *zone, int64_t utc)
{
	size_t low = 0, high = zone->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (zone->at[middle] <= utc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->footer.is_there)
		return footer_offset(&zone->footer, utc);
	return low == 0 ? zone->first : zone->offset[low - 1];
}

int64_t
zone_to_utc(const struct zone *zone, int64_t local, enum zone_fit *fit)
{
	int64_t before = offset_at(zone, local - DAY_SECONDS);
	int64_t after = offset_at(zone, local + DAY_SECONDS);
	int64_t early = local - before, late = local - after;
	bool early_fits = offset_at(zone, early) == before;
	bool late_fits = offset_at(zone, late) == after;
	*fit = !early_fits && !late_fits		  ? ZONE_SKIPPED
	       : early_fits && late_fits && early != late ? ZONE_REPEATED
							  : ZONE_ONCE;
	return early_fits || !late_fits ? early : late;
}

/* The six counts of a header. */
enum { UT_COUNT, STD_COUNT, LEAP_COUNT, TIME_COUNT, TYPE_COUNT, CHAR_COUNT, COUNTS };
enum { HEADER = 44, TYPE_SIZE = 6 };

static bool
read_header(struct span content, int64_t counts[COUNTS])
{
	if (content.n < HEADER || memcmp(content.p, "TZif", 4) != 0)
		return false;
	for (int i = 0; i < COUNTS; i++) {
		counts[i] = read_big(content.p + 20 + 4 * i, 4);
		if (counts[i] < 0 || counts[i] > FILE_LIMIT)
			return false;
	}
	return counts[TYPE_COUNT] > 0;
}

static size_t
block_size(const int64_t counts[COUNTS], size_t time_size)
{
	return (size_t)counts[TIME_COUNT] * (time_size + 1) +
	       (size_t)counts[TYPE_COUNT] * TYPE_SIZE + (size_t)counts[CHAR_COUNT] +
	       (size_t)counts[LEAP_COUNT] * (time_size + 4) + (size_t)counts[STD_COUNT] +
	       (size_t)counts[UT_COUNT];
}

static bool
read_block(struct zone *zone, const char *p, const int64_t counts[COUNTS], size_t time_size)
{
	zone->count = (size_t)counts[TIME_COUNT];
	zone->at = mem_array(zone->count, sizeof *zone->at);
	zone->offset = mem_array(zone->count, sizeof *zone->offset);
	const char *index = p + zone->count * time_size, *types = index + zone->count;
	for (size_t i = 0; i < zone->count; i++) {
		unsigned type = (unsigned char)index[i];
		zone->at[i] = read_big(p + i * time_size, time_size);
		if (type >= counts[TYPE_COUNT] || (i && zone->at[i] <= zone->at[i - 1]))
			return false;
		zone->offset[i] = (int32_t)read_big(types + (size_t)type * TYPE_SIZE, 4);
	}
	zone->first = (int32_t)read_big(types, 4);
	return true;
}

static bool
parse_content(struct zone *zone, struct span content)
{
	int64_t counts[COUNTS];
	if (!read_header(content, counts))
		return false;
	size_t size = block_size(counts, 4);
	size_t time_size = 4;
	if (content.n > HEADER && content.p[4] >= '2') {
		content = span_from(content, HEADER + size);
		if (!read_header(content, counts))
			return false;
		time_size = 8;
		size = block_size(counts, time_size);
	}
	if (content.n < HEADER + size || !read_block(zone, content.p + HEADER, counts, time_size))
		return false;
	struct span rest = span_from(content, HEADER + size);
	const char *end;
	if (span_take_byte(&rest, '\n') && rest.n && (end = memchr(rest.p, '\n', rest.n)) != NULL &&
		end > rest.p)
		return parse_footer(span_first(rest, (size_t)(end - rest.p)), &zone->footer);
	return true;
}

struct zone *
zone_parse(struct span content)
{
	struct zone *zone = mem_new(sizeof *zone);
	if (parse_content(zone, content))
		return zone;
	zone_free(zone);
	return NULL;
}

void
zone_free(struct zone *zone)
{
	if (!zone)
		return;
	free(zone->at);
	free(zone->offset);
	free(zone);
}

static struct zone *
read_file(const char *path, int *code)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		*code = errno;
		return NULL;
	}
	char *content = mem_new(FILE_LIMIT);
	size_t n = fread(content, 1, FILE_LIMIT, file);
	fclose(file);
	struct zone *zone = zone_parse((struct span){content, n});
	free(content);
	*code = zone ? 0 : EINVAL;
	return zone;
}

static struct zone *
utc(void)
{
	return mem_new(sizeof(struct zone));
}

static struct zone *
from_database(const char *name)
{
	if (name[0] == '\0' || name[0] == '/' || strstr(name, ".."))
		return NULL;
	char *path = mem_format("/usr/share/zoneinfo/%s", name);
	int code;
	struct zone *zone = read_file(path, &code);
	free(path);
	return zone;
}

/* TZ as tzset(3) reads it. What it names but is not there is UTC, as for everyone else. */
static struct zone *
local(void)
{
	const char *tz = getenv("TZ");
	int code;
	struct zone *zone = NULL;
	if (!tz) {
		zone = read_file("/etc/localtime", &code);
		return zone ? zone : utc();
	}
	if (tz[0] == ':')
		tz++;
	zone = tz[0] == '/' ? read_file(tz, &code) : from_database(tz);
	if (zone)
		return zone;
	zone = utc();
	if (!parse_footer(span_of(tz), &zone->footer))
		zone->footer = (struct footer){0};
	return zone;
}

struct zone *
zone_open(const char *name, struct err *err)
{
	if (strcmp(name, "local") == 0)
		return local();
	if (strcmp(name, "UTC") == 0 || strcmp(name, "utc") == 0)
		return utc();
	struct zone *zone = from_database(name);
	if (!zone)
		err_set(err,
			"no time zone is named %s (wanted \"local\", \"UTC\" or a name of the tz "
			"database, such as Europe/Berlin)",
			name);
	return zone;
}
