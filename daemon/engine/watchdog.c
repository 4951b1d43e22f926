#include "daemon/engine/watchdog.h"

#include "daemon/base/clock.h"

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
