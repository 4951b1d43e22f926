#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/correlate.h"
#include "daemon/engine/upkeep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A sink that writes down what it is told. */
struct sink {
	const char *name;
	bool repeats;
	int64_t heartbeat;
	struct buf said;
	sink_on_done *done;
	void *owner;
};

const char *
sink_name(const struct sink *sink)
{
	return sink->name;
}

bool
sink_repeats(const struct sink *sink)
{
	return sink->repeats;
}

bool
sink_wants(const struct sink *sink, const struct alert *alert)
{
	(void)sink;
	return strcmp(alert->site, "ELSEWHERE") != 0;
}

int64_t
sink_heartbeat(const struct sink *sink)
{
	return sink->heartbeat;
}

void
sink_repeat(struct sink *sink, const struct alert *alert)
{
	if (alert)
		buf_format(&sink->said, "%s %s;", alert->site, alert->firing ? "stands" : "over");
	else
		buf_add_text(&sink->said, "end;");
}

void
sink_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	buf_format(&sink->said, "%s %s;", alert_kind_name(alert->kind), alert->site);
	sink->done = done;
	sink->owner = owner;
}

struct bench {
	struct sink sink;
	struct sink *sinks[1];
	struct correlate *correlate;
	struct upkeep *upkeep;
	int64_t now, monotonic;
};

static struct bench *
begin(bool repeats, int64_t heartbeat)
{
	static const struct correlate_options OPTIONS = {.window = 10 * MINUTE,
		.failing_after = 3,
		.repeat_every = DAY,
		.resolve_after = 35 * DAY};
	struct bench *bench = mem_new(sizeof *bench);
	bench->sink = (struct sink){.name = "am", .repeats = repeats, .heartbeat = heartbeat};
	bench->sinks[0] = &bench->sink;
	bench->now = INT64_C(1800000000) * SECOND;
	bench->monotonic = 1000 * SECOND;
	bench->correlate = correlate_new(&OPTIONS);
	bench->upkeep = upkeep_new("loghost");
	upkeep_set_sinks(bench->upkeep, bench->sinks, 1, bench->monotonic);
	return bench;
}

static void
end(struct bench *bench)
{
	upkeep_free(bench->upkeep);
	correlate_free(bench->correlate);
	buf_fini(&bench->sink.said);
	free(bench);
}

/* The site says this; what follows is noted, as the engine does. */
static void
see(struct bench *bench, const char *site, enum event_kind event)
{
	struct outcome outcome = OUTCOME_INIT;
	struct sighting sighting = {.site = site,
		.event = event,
		.time = TIME_NONE,
		.read_at = bench->now,
		.file = "f",
		.offset = (uint64_t)bench->now,
		.text = "x"};
	correlate_sighting(bench->correlate, &sighting, &outcome);
	for (size_t i = 0; i < outcome.alert_count; i++)
		upkeep_note(bench->upkeep, &outcome.alerts[i], bench->monotonic);
	outcome_fini(&outcome);
}

static void
each_standing(void *owner, int64_t now, void (*visit)(void *visitor, const struct alert *alert),
	void *visitor)
{
	const struct bench *bench = owner;
	correlate_each_standing(bench->correlate, now, visit, visitor);
}

static void
assert_said(struct bench *bench, int64_t after, const char *wanted)
{
	bench->now += after;
	bench->monotonic += after;
	buf_clear(&bench->sink.said);
	upkeep_tick(bench->upkeep, each_standing, bench, bench->now, bench->monotonic);
	assert_string_equal(bench->sink.said.p ? bench->sink.said.p : "", wanted);
}

static void
t01_what_stands_is_said_each_minute_and_what_is_over_for_five(void **state)
{
	(void)state;
	struct bench *bench = begin(true, 0);
	see(bench, "CM01", EVENT_SYNC_FORBIDDEN);
	see(bench, "ELSEWHERE", EVENT_SYNC_FORBIDDEN);
	assert_said(bench, 0, "CM01 stands;end;");
	assert_said(bench, MINUTE - 1, "");
	assert_said(bench, 1, "CM01 stands;end;");
	see(bench, "CM01", EVENT_SYNC_SUCCEEDED);
	for (int i = 0; i < 4; i++)
		assert_said(bench, MINUTE, "CM01 over;end;");
	assert_said(bench, MINUTE, "end;");
	assert_int_equal(upkeep_next_due(bench->upkeep), bench->monotonic + MINUTE);
	end(bench);
}

static void
t02_what_fires_again_is_not_over(void **state)
{
	(void)state;
	struct bench *bench = begin(true, 0);
	see(bench, "CM01", EVENT_SYNC_FORBIDDEN);
	see(bench, "CM01", EVENT_SYNC_SUCCEEDED);
	bench->now += HOUR;
	see(bench, "CM01", EVENT_SYNC_FORBIDDEN);
	assert_said(bench, 0, "CM01 stands;end;");
	end(bench);
}

static void
t03_a_silenced_site_is_not_spoken_of(void **state)
{
	(void)state;
	struct bench *bench = begin(true, 0);
	struct outcome outcome = OUTCOME_INIT;
	struct err err = ERR_INIT;
	see(bench, "CM01", EVENT_SYNC_FORBIDDEN);
	assert_true(correlate_silence(
		bench->correlate, "CM01", bench->now + HOUR, "works", bench->now, &outcome, &err));
	outcome_fini(&outcome);
	assert_said(bench, 0, "end;");
	end(bench);
}

static void
t04_a_heartbeat_comes_as_often_as_asked_but_not_two_at_once(void **state)
{
	(void)state;
	struct bench *bench = begin(false, 30 * SECOND);
	const struct sink_answer OK = {.outcome = SINK_DELIVERED};
	assert_int_equal(upkeep_next_due(bench->upkeep), bench->monotonic);
	assert_said(bench, 0, "heartbeat loghost;");
	assert_said(bench, 30 * SECOND, ""); /* the first has no answer yet */
	bench->sink.done(bench->sink.owner, &OK);
	assert_said(bench, 30 * SECOND, "heartbeat loghost;");
	assert_said(bench, 1, "");
	end(bench);
}

static void
t05_who_wants_nothing_is_told_nothing(void **state)
{
	(void)state;
	struct bench *bench = begin(false, 0);
	see(bench, "CM01", EVENT_SYNC_FORBIDDEN);
	assert_int_equal(upkeep_next_due(bench->upkeep), TIME_NONE);
	assert_said(bench, HOUR, "");
	end(bench);
}

static void
t06_a_reload_keeps_the_beat(void **state)
{
	(void)state;
	struct bench *bench = begin(false, MINUTE);
	assert_said(bench, 0, "heartbeat loghost;");
	int64_t due = upkeep_next_due(bench->upkeep);
	upkeep_set_sinks(bench->upkeep, bench->sinks, 1, bench->monotonic + SECOND);
	assert_int_equal(upkeep_next_due(bench->upkeep), due);
	end(bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_what_stands_is_said_each_minute_and_what_is_over_for_five),
		cmocka_unit_test(t02_what_fires_again_is_not_over),
		cmocka_unit_test(t03_a_silenced_site_is_not_spoken_of),
		cmocka_unit_test(t04_a_heartbeat_comes_as_often_as_asked_but_not_two_at_once),
		cmocka_unit_test(t05_who_wants_nothing_is_told_nothing),
		cmocka_unit_test(t06_a_reload_keeps_the_beat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
