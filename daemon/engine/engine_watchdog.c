#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/engine/watchdog.h"

#include <systemd/sd-daemon.h>

#define PATIENCE (30 * SECOND)

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

/* What systemd waits for a sign of life; 0 where it waits for none. */
static int64_t
limit(void)
{
	uint64_t limit = 0;
	return sd_watchdog_enabled(0, &limit) > 0 ? (int64_t)limit : 0;
}

static bool
may_rest(const struct engine *engine)
{
	return !engine->is_stuck && alarms_are_none(engine->alarms) &&
	       next_due(engine) == TIME_NONE && inputs_rest(engine->inputs);
}

static void
look_next(struct engine *engine, int64_t at)
{
	engine->look_at = at;
	if (at != TIME_NONE)
		sd_event_source_set_time(engine->on_life, (uint64_t)at);
	sd_event_source_set_enabled(
		engine->on_life, at == TIME_NONE ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

void
engine_arm_watch(struct engine *engine)
{
	if (!engine->rests)
		return;
	engine->rests = false;
	int64_t at = vitals_next_look(clock_monotonic(), limit(), false);
	if (engine->look_at == TIME_NONE || at < engine->look_at)
		look_next(engine, at);
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
	engine->rests = may_rest(engine);
	look_next(engine, vitals_next_look(now, limit(), engine->rests));
	return 0;
}

int
engine_watch(struct engine *engine)
{
	return sd_event_add_time(
		engine->loop, &engine->on_life, CLOCK_BOOTTIME, 0, 1000, on_life, engine);
}
