#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One trouble of the watcher itself that was said and stands. */
struct alarm {
	struct engine_alarm said;
	int64_t until; /* monotonic; TIME_NONE: until it is not seen any more */
	bool is_seen;
	struct alarm *next;
};

#define GAP_STANDS   HOUR /* without another one of the input */
#define STORE_STANDS HOUR /* after a start without what was kept before */

struct alert
engine_alarm_alert(const struct engine_alarm *alarm, enum resolution over, int64_t now)
{
	char firing[ALERT_ID_TEXT];
	struct alert alert = {
		.kind = ALERT_AIWATCH,
		.firing = over == RESOLUTION_NONE,
		.severity = alert_kind_severity(ALERT_AIWATCH),
		.site = mem_text(alarm->subject),
		.cause = mem_text(alarm->cause),
		.started_at = alarm->started_at,
		.updated_at = now,
		.resolved_at = over == RESOLUTION_NONE ? TIME_NONE : now,
		.resolution = over,
		.occurrences = 1,
	};
	alert_id_of_firing(firing, alert.site, alert.kind, NULL, 0, alarm->what);
	if (alert.firing)
		memcpy(alert.id, firing, sizeof firing);
	else
		alert_id_of_follower(alert.id, alert.site, alert.kind, "resolved", firing);
	alert_write_texts(&alert, alarm->advice);
	return alert;
}

static void
post(struct engine *engine, const struct alarm *alarm, enum resolution over)
{
	int64_t now = clock_wall();
	struct alert alert = engine_alarm_alert(&alarm->said, over, now);
	engine->counters.alerts[ALERT_AIWATCH][alert.firing]++;
	outbox_post(engine->outbox, &alert, now);
	upkeep_note(engine->upkeep, &alert, clock_monotonic());
	alert_fini(&alert);
}

static struct alarm *
find(const struct engine *engine, const char *subject)
{
	struct alarm *alarm = engine->alarms;
	while (alarm && strcmp(alarm->said.subject, subject) != 0)
		alarm = alarm->next;
	return alarm;
}

static void
forget(struct engine *engine, struct alarm *alarm)
{
	struct alarm **at = &engine->alarms;
	while (*at != alarm)
		at = &(*at)->next;
	*at = alarm->next;
	free(alarm->said.subject);
	free(alarm->said.cause);
	free(alarm->said.what);
	free(alarm);
}

/* Takes the texts over. Said once, as long as it stands. */
static void
raise_alarm(struct engine *engine, struct engine_alarm said, int64_t until)
{
	struct alarm *alarm = find(engine, said.subject);
	bool is_new = !alarm;
	if (is_new) {
		alarm = mem_new(sizeof *alarm);
		alarm->said = said;
		alarm->next = engine->alarms;
		engine->alarms = alarm;
		post(engine, alarm, RESOLUTION_NONE);
	} else {
		free(said.subject);
		free(said.cause);
		free(said.what);
	}
	alarm->until = until;
	alarm->is_seen = true;
}

void
engine_raise_gap(struct engine *engine, const struct input *input, const struct gap *gap)
{
	if (gap->reason == GAP_LONG_LINE)
		return;
	const char *name = gap_reason_name(gap->reason);
	char *bytes = gap->bytes ? mem_format("%" PRIu64 " bytes", gap->bytes)
				 : mem_text("an unknown number of bytes");
	raise_alarm(engine,
		(struct engine_alarm){
			.subject = mem_format("gaps of input %s", input_name(input)),
			.cause = mem_format("%s of %s from offset %" PRIu64
					    " on could not be read (%s)",
				bytes, gap->file, gap->offset, name),
			.what = mem_format("%s %s %" PRIu64 " %" PRIu64, name, gap->file,
				gap->offset, gap->bytes),
			.advice =
				"What stood there was not evaluated. The log of the service names "
				"each gap, see aiwatch(8).",
			.started_at = clock_wall(),
		},
		clock_monotonic() + GAP_STANDS);
	free(bytes);
}

static void
raise_store(struct engine *engine, int64_t until)
{
	char text[TIME_TEXT];
	int64_t now = clock_wall();
	raise_alarm(engine,
		(struct engine_alarm){
			.subject = mem_text("store"),
			.cause = mem_text(engine->store_trouble),
			.what = mem_format("%s %s", time_format(now, text), engine->store_trouble),
			.advice = "Alerts go on. What cannot be kept is lost with a restart, and "
				  "logs are "
				  "read again after it: see whether its disk is full, read only or "
				  "failing. "
				  "A store that is damaged is set aside at the next start.",
			.started_at = now,
		},
		until);
}

void
engine_raise_store(struct engine *engine)
{
	if (engine->store_trouble[0])
		raise_store(engine, clock_monotonic() + STORE_STANDS);
}

static void
on_status(void *owner, const struct input_status *status)
{
	char text[TIME_TEXT];
	if (status->stalled_since == TIME_NONE)
		return;
	raise_alarm(owner,
		(struct engine_alarm){
			.subject = mem_format("input %s", status->name),
			.cause = mem_text("its files cannot be read: a read hangs"),
			.what = mem_format("stalled %s", time_format(status->stalled_since, text)),
			.advice =
				"See whether the share or disk of its files answers. Other inputs "
				"and all alerts go on; it goes on by itself when the read returns.",
			.started_at = status->stalled_since,
		},
		TIME_NONE);
}

void
engine_watch_inputs(struct engine *engine)
{
	int64_t now = clock_monotonic();
	bool changed = false;
	struct alarm *alarm, *next;
	for (alarm = engine->alarms; alarm; alarm = alarm->next)
		alarm->is_seen = alarm->until != TIME_NONE && now < alarm->until;
	struct alarm *before = engine->alarms;
	inputs_each(engine->inputs, on_status, engine);
	if (engine->store_trouble[0])
		raise_store(engine, TIME_NONE);
	changed = engine->alarms != before;
	for (alarm = engine->alarms; alarm; alarm = next) {
		next = alarm->next;
		if (alarm->is_seen)
			continue;
		post(engine, alarm,
			alarm->until == TIME_NONE ? RESOLUTION_RECOVERED : RESOLUTION_QUIET);
		forget(engine, alarm);
		changed = true;
	}
	if (changed)
		engine_end_turn(engine);
}

void
engine_forget_alarms(struct engine *engine)
{
	while (engine->alarms)
		forget(engine, engine->alarms);
}
