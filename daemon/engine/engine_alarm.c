#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static void
see(struct engine *engine, const struct alarm_sign *sign, int64_t monotonic)
{
	alarms_see(engine->alarms, sign, clock_wall(), monotonic, &engine->outcome);
}

void
engine_see_gap(struct engine *engine, const struct input *input, const struct gap *gap)
{
	if (gap->reason == GAP_LONG_LINE)
		return;
	const char *name = gap_reason_name(gap->reason);
	char *bytes = gap->bytes ? mem_format("%" PRIu64 " bytes", gap->bytes)
				 : mem_text("an unknown number of bytes");
	char *cause = mem_format("%s of %s from offset %" PRIu64 " on could not be read (%s)",
		bytes, gap->file, gap->offset, name);
	char *what =
		mem_format("%s %s %" PRIu64 " %" PRIu64, name, gap->file, gap->offset, gap->bytes);
	struct alarm_sign sign = {ALARM_GAPS, input_name(input), cause, what, clock_wall()};
	see(engine, &sign, clock_monotonic());
	free(bytes);
	free(cause);
	free(what);
}

static void
see_store(struct engine *engine, enum alarm_kind kind, int64_t monotonic)
{
	char text[TIME_TEXT];
	int64_t now = clock_wall();
	char *what = mem_format("%s %s", time_format(now, text), engine->store_trouble);
	struct alarm_sign sign = {kind, "", engine->store_trouble, what, now};
	see(engine, &sign, monotonic);
	free(what);
}

void
engine_see_lost_store(struct engine *engine)
{
	if (engine->store_keeps && engine->store_trouble[0])
		see_store(engine, ALARM_STORE_LOST, clock_monotonic());
}

void
engine_see_store(struct engine *engine, int64_t monotonic)
{
	if (!engine->store_keeps)
		see_store(engine, ALARM_STORE_MEMORY, monotonic);
	else if (engine->store_backoff)
		see_store(engine, ALARM_STORE_FAILS, monotonic);
}

struct look {
	struct engine *engine;
	int64_t monotonic;
};

static void
on_status(void *owner, const struct input_status *status)
{
	struct look *look = owner;
	char text[TIME_TEXT];
	if (status->stalled_since == TIME_NONE)
		return;
	char *what = mem_format("stalled %s", time_format(status->stalled_since, text));
	struct alarm_sign sign = {ALARM_INPUT, status->name,
		"its files cannot be read: a read hangs", what, status->stalled_since};
	see(look->engine, &sign, look->monotonic);
	free(what);
}

void
engine_look_for_alarms(struct engine *engine)
{
	struct look look = {engine, clock_monotonic()};
	inputs_each(engine->inputs, on_status, &look);
	engine_see_store(engine, look.monotonic);
	alarms_tick(engine->alarms, clock_wall(), look.monotonic, &engine->outcome);
	if (engine->outcome.alert_count)
		engine_end_turn(engine);
}

void
engine_on_saved_alarm(void *owner, const struct incident *incident)
{
	struct engine *engine = owner;
	alarms_resume(engine->alarms, incident, clock_monotonic());
}
