#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/engine/watchdog.h"

#include <systemd/sd-daemon.h>

#define LOOK_INTERVAL (5 * SECOND)
#define PATIENCE      (30 * SECOND)

/* What sinks or store wait for; TIME_NONE for nothing. */
static int64_t
next_due(const struct engine *engine)
{
	int64_t due = outbox_next_due(engine->outbox), retry = engine->store_retry_at;
	return retry && (due == TIME_NONE || retry < due) ? retry : due;
}

static const char *
look(const struct engine *engine, int64_t now)
{
	struct vitals vitals = {.due = next_due(engine), .seen_at = engine->looked_at};
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

static bool
may_sleep(const struct engine *engine)
{
	return sd_watchdog_enabled(0, NULL) <= 0 && !engine->is_stuck &&
	       alarms_are_none(engine->alarms) && next_due(engine) == TIME_NONE &&
	       inputs_rest(engine->inputs);
}

static void
look_later(struct engine *engine)
{
	sd_event_source_set_time(engine->on_life, (uint64_t)(clock_monotonic() + interval()));
	sd_event_source_set_enabled(engine->on_life, SD_EVENT_ONESHOT);
}

void
engine_arm_watch(struct engine *engine)
{
	int enabled = SD_EVENT_OFF;
	if (sd_event_source_get_enabled(engine->on_life, &enabled) == 0)
		look_later(engine);
}

static int
on_life(sd_event_source *source, uint64_t at, void *owner)
{
	(void)source;
	(void)at;
	struct engine *engine = owner;
	int64_t now = clock_monotonic();
	const char *trouble = look(engine, now);
	engine->looked_at = now;
	if (!trouble)
		sd_notify(0, "WATCHDOG=1");
	else if (!engine->is_stuck)
		log_error("the watchdog is not fed: %s", trouble);
	engine->is_stuck = trouble;
	engine_look_for_alarms(engine);
	if (may_sleep(engine))
		sd_event_source_set_enabled(engine->on_life, SD_EVENT_OFF);
	else
		look_later(engine);
	return 0;
}

int
engine_watch(struct engine *engine)
{
	return sd_event_add_time(
		engine->loop, &engine->on_life, CLOCK_BOOTTIME, 0, 1000, on_life, engine);
}
