#include "daemon/engine/watchdog.h"

#include "daemon/base/clock.h"

#define LOOK_INTERVAL (5 * SECOND)

const char *
vitals_trouble(const struct vitals *vitals, int64_t now, int64_t patience)
{
	if (vitals->inputs > 0 && vitals->spinning == vitals->inputs)
		return "no input gets on, though they work";
	bool was_looked_at = now - vitals->seen_at <= patience;
	if (vitals->due != TIME_NONE && now - vitals->due > patience && was_looked_at)
		return "what sinks or store wait for is not done";
	return NULL;
}

int64_t
vitals_next_look(int64_t now, int64_t limit, bool rests)
{
	if (rests)
		return limit ? now + limit / 2 : TIME_NONE;
	return now + (limit && limit < 4 * LOOK_INTERVAL ? limit / 4 : LOOK_INTERVAL);
}
