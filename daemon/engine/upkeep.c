#include "daemon/engine/upkeep.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/correlate.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum {
	RESOLVED_MAX = 1000,		   /* that are repeated */
	STANDING_MAX = CORRELATE_STANDING, /* that are repeated in a minute */
};

/* A resolution that is still repeated. */
struct closed {
	struct closed *prev, *next;
	struct alert alert;
	int64_t until;
};

/* One sink that wants to hear. */
struct hearer {
	struct sink *sink;
	int64_t heartbeat_due; /* TIME_NONE for never */
	bool beating;	       /* the last heartbeat is not answered yet */
	bool failed;	       /* the last one was not taken */
};

struct upkeep {
	char *collector;
	struct hearer *hearers;
	size_t count;
	int64_t repeat_due; /* TIME_NONE where no sink wants it */
	struct closed *closed;
	size_t closed_count;
	bool too_many; /* and that was said */
};

struct upkeep *
upkeep_new(const char *collector)
{
	struct upkeep *upkeep = mem_new(sizeof *upkeep);
	upkeep->collector = mem_text(collector);
	upkeep->repeat_due = TIME_NONE;
	return upkeep;
}

static void
forget(struct upkeep *upkeep, struct closed *closed)
{
	DL_DELETE(upkeep->closed, closed);
	upkeep->closed_count--;
	alert_fini(&closed->alert);
	free(closed);
}

void
upkeep_free(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	while (upkeep->closed)
		forget(upkeep, upkeep->closed);
	free(upkeep->hearers);
	free(upkeep->collector);
	free(upkeep);
}

/* A sink of the same name keeps its beat. */
static int64_t
beat_of(const struct upkeep *upkeep, const struct sink *sink, int64_t monotonic)
{
	if (sink_heartbeat(sink) == 0)
		return TIME_NONE;
	for (size_t i = 0; i < upkeep->count; i++) {
		const struct hearer *old = &upkeep->hearers[i];
		int64_t latest = monotonic + sink_heartbeat(sink);
		if (strcmp(sink_name(old->sink), sink_name(sink)) == 0 &&
			old->heartbeat_due != TIME_NONE)
			return old->heartbeat_due < latest ? old->heartbeat_due : latest;
	}
	return monotonic;
}

void
upkeep_set_sinks(struct upkeep *upkeep, struct sink *const *sinks, size_t count, int64_t monotonic)
{
	struct hearer *hearers = mem_array(count + 1, sizeof *hearers);
	bool repeats = false;
	for (size_t i = 0; i < count; i++) {
		hearers[i].sink = sinks[i];
		hearers[i].heartbeat_due = beat_of(upkeep, sinks[i], monotonic);
		repeats = repeats || sink_repeats(sinks[i]);
	}
	free(upkeep->hearers);
	upkeep->hearers = hearers;
	upkeep->count = count;
	if (!repeats)
		upkeep->repeat_due = TIME_NONE;
	else if (upkeep->repeat_due == TIME_NONE)
		upkeep->repeat_due = monotonic;
}

void
upkeep_note(struct upkeep *upkeep, const struct alert *alert, int64_t monotonic)
{
	struct closed *closed, *after;
	if (upkeep->repeat_due == TIME_NONE)
		return;
	DL_FOREACH_SAFE (upkeep->closed, closed, after) {
		if (closed->alert.kind == alert->kind &&
			strcmp(closed->alert.site, alert->site) == 0)
			forget(upkeep, closed);
	}
	if (alert->firing)
		return;
	closed = mem_new(sizeof *closed);
	alert_copy(alert, &closed->alert);
	closed->until = monotonic + UPKEEP_RESOLVED;
	DL_APPEND(upkeep->closed, closed);
	if (++upkeep->closed_count > RESOLVED_MAX)
		forget(upkeep, upkeep->closed);
}

int64_t
upkeep_next_due(const struct upkeep *upkeep)
{
	int64_t due = upkeep->repeat_due;
	for (size_t i = 0; i < upkeep->count; i++) {
		int64_t beat = upkeep->hearers[i].heartbeat_due;
		if (beat != TIME_NONE && (due == TIME_NONE || beat < due))
			due = beat;
	}
	return due;
}

/* ---- what stands ---- */

struct round {
	struct upkeep *upkeep;
	size_t said;
};

static void
repeat(void *owner, const struct alert *alert)
{
	struct round *round = owner;
	struct upkeep *upkeep = round->upkeep;
	if (round->said++ >= STANDING_MAX)
		return;
	for (size_t i = 0; i < upkeep->count; i++) {
		struct sink *sink = upkeep->hearers[i].sink;
		if (sink_repeats(sink) && sink_wants(sink, alert))
			sink_repeat(sink, alert);
	}
}

static void
repeat_all(
	struct upkeep *upkeep, upkeep_standing *each, void *owner, int64_t now, int64_t monotonic)
{
	struct round round = {.upkeep = upkeep};
	struct closed *closed, *after;
	each(owner, now, repeat, &round);
	if (round.said > STANDING_MAX && !upkeep->too_many)
		log_warning("%zu alerts stand; only %d of them are said again each minute",
			round.said, STANDING_MAX);
	upkeep->too_many = round.said > STANDING_MAX;
	round.said = 0;
	DL_FOREACH_SAFE (upkeep->closed, closed, after) {
		if (closed->until <= monotonic)
			forget(upkeep, closed);
		else
			repeat(&round, &closed->alert);
	}
	for (size_t i = 0; i < upkeep->count; i++) {
		if (sink_repeats(upkeep->hearers[i].sink))
			sink_repeat(upkeep->hearers[i].sink, NULL);
	}
}

/* ---- signs of life ---- */

static void
on_beaten(void *owner, const struct sink_answer *answer)
{
	struct hearer *hearer = owner;
	bool failed = answer->outcome != SINK_DELIVERED;
	hearer->beating = false;
	if (failed && !hearer->failed)
		log_warning("sink %s: no heartbeat gets through: %s", sink_name(hearer->sink),
			answer->text);
	else if (!failed && hearer->failed)
		log_notice("sink %s: heartbeats get through again", sink_name(hearer->sink));
	hearer->failed = failed;
}

static void
beat(const struct upkeep *upkeep, struct hearer *hearer, int64_t now)
{
	char stamp[TIME_TEXT];
	struct alert alert = {
		.kind = ALERT_HEARTBEAT,
		.firing = true,
		.severity = alert_kind_severity(ALERT_HEARTBEAT),
		.site = mem_text(upkeep->collector),
		.started_at = now - now % SECOND,
		.updated_at = now - now % SECOND,
		.resolved_at = TIME_NONE,
		.occurrences = 1,
	};
	alert_id_of_firing(
		alert.id, alert.site, alert.kind, NULL, 0, time_format(alert.updated_at, stamp));
	alert_write_texts(&alert, NULL);
	hearer->beating = true;
	sink_send(hearer->sink, &alert, on_beaten, hearer);
	alert_fini(&alert);
}

void
upkeep_tick(
	struct upkeep *upkeep, upkeep_standing *each, void *owner, int64_t now, int64_t monotonic)
{
	for (size_t i = 0; i < upkeep->count; i++) {
		struct hearer *hearer = &upkeep->hearers[i];
		if (hearer->heartbeat_due == TIME_NONE || hearer->heartbeat_due > monotonic)
			continue;
		hearer->heartbeat_due = monotonic + sink_heartbeat(hearer->sink);
		if (!hearer->beating)
			beat(upkeep, hearer, now);
	}
	if (upkeep->repeat_due == TIME_NONE || upkeep->repeat_due > monotonic)
		return;
	upkeep->repeat_due = monotonic + UPKEEP_INTERVAL;
	repeat_all(upkeep, each, owner, now, monotonic);
}
