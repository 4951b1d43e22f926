#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/engine/watchdog.h"

#include <systemd/sd-daemon.h>

#define LOOK_INTERVAL (5 * SECOND)
#define PATIENCE      (30 * SECOND)

static const char *
look(const struct engine *engine, int64_t now)
{
	struct vitals vitals = {.due = outbox_next_due(engine->outbox)};
	int64_t retry = engine->store_retry_at;
	if (retry && (vitals.due == TIME_NONE || retry < vitals.due))
		vitals.due = retry;
	inputs_count(engine->inputs, &vitals.inputs, &vitals.spinning);
	return vitals_trouble(&vitals, now, PATIENCE);
}

/* Four times within what systemd waits. */
static int64_t
interval(void)
{
	uint64_t limit = 0;
	if (sd_watchdog_enabled(0, &limit) <= 0 || limit > 4 * LOOK_INTERVAL)
		return LOOK_INTERVAL;
	return (int64_t)limit / 4;
}

static int
on_life(sd_event_source *source, uint64_t at, void *owner)
{
	(void)at;
	struct engine *engine = owner;
	int64_t now = clock_monotonic();
	const char *trouble = look(engine, now);
	if (!trouble)
		sd_notify(0, "WATCHDOG=1");
	else if (!engine->is_stuck)
		log_error("the watchdog is not fed: %s", trouble);
	engine->is_stuck = trouble;
	engine_watch_inputs(engine);
	sd_event_source_set_time(source, (uint64_t)(now + interval()));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int
engine_watch(struct engine *engine)
{
	return sd_event_add_time(
		engine->loop, &engine->on_life, CLOCK_BOOTTIME, 0, 1000, on_life, engine);
}
