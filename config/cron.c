#include "config/cron.h"

#include "daemon/base/mem.h"
#include "daemon/base/span.h"

#include <stdlib.h>
#include <strings.h>

static const char *const MONTH[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const WEEKDAY[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
	const char *name;
	int least, most;
	const char *const *names; /* of least and those behind it; NULL for none */
} FIELD[] = {
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of the month", 1, 31, NULL},
	{"month", 1, 12, MONTH},
	{"day of the week", 0, 7, WEEKDAY},
};

enum { FIELDS = COUNT(FIELD) };

static bool
read_value(const struct field *field, const char **p, int *value)
{
	for (int i = 0; field->names && field->names[i]; i++) {
		if (strncasecmp(*p, field->names[i], 3) == 0) {
			*value = field->least + i;
			*p += 3;
			return true;
		}
	}
	char *end;
	if (**p < '0' || **p > '9')
		return false;
	long number = strtol(*p, &end, 10);
	*p = end;
	*value = (int)number;
	return number >= field->least && number <= field->most;
}

/* One of the list: "*", "N", "N-M", with "/STEP". */
static bool
read_part(const struct field *field, const char **p, uint64_t *bits)
{
	int from = field->least, to = field->most, step = 1;
	bool is_range = true;
	if (**p == '*') {
		(*p)++;
	} else {
		if (!read_value(field, p, &from))
			return false;
		to = from;
		is_range = **p == '-';
		if (is_range && ((*p)++, !read_value(field, p, &to)))
			return false;
	}
	if (**p == '/') {
		char *end;
		long number = strtol(*p + 1, &end, 10);
		if (!is_range || end == *p + 1 || number < 1 || number > 60)
			return false;
		step = (int)number;
		*p = end;
	}
	for (int i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	return from <= to;
}

static bool
read_field(const struct field *field, const char **p, uint64_t *bits)
{
	*bits = 0;
	for (;;) {
		if (!read_part(field, p, bits))
			return false;
		if (**p != ',')
			return **p == '\0' || **p == ' ';
		(*p)++;
	}
}

bool
cron_parse(const char *text, struct cron *cron, struct err *err)
{
	uint64_t bits[FIELDS];
	bool any[FIELDS];
	const char *p = text;
	for (size_t i = 0; i < FIELDS; i++) {
		p += strspn(p, " ");
		if (*p == '\0')
			return err_set(err,
				"\"%s\" has %zu of the five fields: minute, hour, day of the"
				" month, month, day of the week",
				text, i);
		any[i] = *p == '*';
		if (!read_field(&FIELD[i], &p, &bits[i]))
			return err_set(err,
				"\"%s\": the %s is none: %d to %d, *, lists and ranges "
				"of them are",
				text, FIELD[i].name, FIELD[i].least, FIELD[i].most);
	}
	if (p[strspn(p, " ")])
		return err_set(err, "\"%s\" has more than five fields", text);
	*cron = (struct cron){
		.minutes = bits[0],
		.hours = (uint32_t)bits[1],
		.days = (uint32_t)bits[2],
		.months = (uint32_t)bits[3],
		.weekdays = (uint32_t)(bits[4] | bits[4] >> 7) & 0x7f,
		.any_day = any[2],
		.any_weekday = any[4],
	};
	return true;
}

bool
cron_matches(const struct cron *cron, const struct tm *tm)
{
	bool day = cron->days >> tm->tm_mday & 1;
	bool weekday = cron->weekdays >> tm->tm_wday & 1;
	bool today = cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
	return today && (cron->minutes >> tm->tm_min & 1) && (cron->hours >> tm->tm_hour & 1) &&
	       (cron->months >> (tm->tm_mon + 1) & 1);
}
