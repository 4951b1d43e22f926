#ifndef CONFIG_CRON_H
#define CONFIG_CRON_H

#include "daemon/base/err.h"

#include <stdint.h>
#include <time.h>

/*
 * When something begins, as crontab(5) writes it: minute, hour, day of the month, month, day of the
 * week (0 to 7, 0 and 7 are Sunday; or names: mon, jan), each *, N, N-M, a list of these, with
 * /STEP behind * or N-M. Where both days are restricted, either of them is enough.
 */
struct cron {
	uint64_t minutes;
	uint32_t hours, days, months, weekdays; /* bits of those that match */
	bool any_day, any_weekday;
};

/* False with a sentence. */
bool
cron_parse(const char *text, struct cron *cron, struct err *err);

/* Whether it begins in the minute of this local time. */
bool
cron_matches(const struct cron *cron, const struct tm *tm);

#endif
