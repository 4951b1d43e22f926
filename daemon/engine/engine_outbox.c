#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- dead letters are an alert of their own ---- */

static const char ADVICE[] =
	"See `aiwatch outbox list`; then `aiwatch outbox retry` or `aiwatch outbox drop`.";

static struct alert
alert_of(const struct outbox_alarm *alarm, int64_t now)
{
	char begun[TIME_TEXT];
	struct incident incident = {
		.site = mem_format("sink %s", alarm->sink),
		.started_at = alarm->first_at,
		.ended_at = alarm->over ? now : TIME_NONE,
		.resolution = alarm->over ? RESOLUTION_OPERATOR : RESOLUTION_NONE,
		.cause = mem_format("it does not take its alerts%s%s", alarm->error ? ": " : "",
			alarm->error ? alarm->error : ""),
		.occurrences = 1,
	};
	char *what = mem_format("%s %s", alarm->first_id, time_format(alarm->first_at, begun));
	alert_id_of_firing(incident.id, incident.site, ALERT_AIWATCH, NULL, 0, what);
	struct alert alert = alarm_alert(&incident, ADVICE, now);
	incident_fini(&incident);
	free(what);
	return alert;
}

void
engine_post_alarms(struct engine *engine, int64_t now)
{
	for (struct outbox_alarm alarm; outbox_next_alarm(engine->outbox, &alarm);) {
		struct alert alert = alert_of(&alarm, now);
		if (alarm.over)
			log_notice("sink %s has no dead letters any more", alarm.sink);
		else
			log_warning("%s", alert.summary);
		engine->counters.alerts[ALERT_AIWATCH][alert.firing]++;
		outbox_post_others(engine->outbox, &alert, now, alarm.sink);
		upkeep_note(engine->upkeep, &alert, clock_monotonic());
		alert_fini(&alert);
	}
}

struct round {
	int64_t now;
	void (*visit)(void *visitor, const struct alert *alert);
	void *visitor;
};

static void
visit_alarm(void *owner, const struct outbox_alarm *alarm)
{
	const struct round *round = owner;
	struct alert alert = alert_of(alarm, round->now);
	round->visit(round->visitor, &alert);
	alert_fini(&alert);
}

void
engine_each_standing(void *owner, int64_t now,
	void (*visit)(void *visitor, const struct alert *alert), void *visitor)
{
	const struct engine *engine = owner;
	struct round round = {now, visit, visitor};
	correlate_each_standing(engine->correlate, now, visit, visitor);
	alarms_each_standing(engine->alarms, now, visit, visitor);
	outbox_each_alarm(engine->outbox, visit_alarm, &round);
}

/* ---- what the verb `outbox` asks ---- */

enum { LISTED_MAX = 1000 }; /* deliveries in one answer */

struct listing {
	struct engine *engine;
	const struct outbox_choice *choice;
	json_t *rows;
	size_t count;
};

static bool
is_chosen(const struct outbox_choice *choice, const struct delivery *delivery)
{
	if (choice->sink && strcmp(choice->sink, delivery->sink) != 0)
		return false;
	for (size_t i = 0; i < choice->id_count; i++) {
		if (strcmp(choice->ids[i], delivery->id) == 0)
			return true;
	}
	return choice->id_count == 0;
}

static int64_t
next_try_of(const struct delivery *delivery)
{
	if (delivery->state == DELIVERY_DEAD || delivery->due == TIME_NONE)
		return TIME_NONE;
	int64_t wait = delivery->due - clock_monotonic();
	return clock_wall() + (wait > 0 ? wait : 0);
}

/* What it says; null where the store has it not, or not yet. */
static void
put_alert(struct engine *engine, const struct delivery *delivery, json_t *row)
{
	struct alert alert = {0};
	struct err err = ERR_INIT;
	bool ok = store_read_alert(engine->store, delivery->serial, &alert, &err);
	json_put(row, "kind", json_of_text(ok ? alert_kind_name(alert.kind) : NULL));
	json_put(row, "status", json_of_text(ok ? alert.firing ? "firing" : "resolved" : NULL));
	if (ok)
		alert_fini(&alert);
}

static void
list_delivery(void *owner, const struct delivery *delivery)
{
	struct listing *listing = owner;
	if (!is_chosen(listing->choice, delivery) || ++listing->count > LISTED_MAX)
		return;
	json_t *row = json_pack("{s:s, s:s, s:o, s:s, s:I, s:o, s:o, s:o}", "id", delivery->id,
		"sink", delivery->sink, "site", json_of_text(delivery->site), "state",
		delivery->state == DELIVERY_DEAD ? "dead" : "waiting", "attempts",
		(json_int_t)delivery->attempts, "created_at", json_of_time(delivery->created_at),
		"next_try_at", json_of_time(next_try_of(delivery)), "last_error",
		json_of_text(delivery->last_error));
	put_alert(listing->engine, delivery, row);
	json_array_append_new(listing->rows, row);
}

static json_t *
list(struct engine *engine, const struct outbox_choice *choice)
{
	struct listing listing = {.engine = engine, .choice = choice, .rows = json_array()};
	outbox_each_delivery(engine->outbox, list_delivery, &listing);
	return json_pack("{s:i, s:I, s:o}", "version", 1, "count", (json_int_t)listing.count,
		"deliveries", listing.rows);
}

static json_t *
retry(struct engine *engine, const struct outbox_choice *choice)
{
	size_t count = outbox_retry(engine->outbox, choice, clock_wall());
	return json_pack("{s:i, s:I}", "version", 1, "count", (json_int_t)count);
}

static json_t *
drop(struct engine *engine, const struct outbox_choice *choice)
{
	size_t count = outbox_drop(engine->outbox, choice);
	return json_pack("{s:i, s:I}", "version", 1, "count", (json_int_t)count);
}

static const struct {
	const char *name;
	json_t *(*act)(struct engine *engine, const struct outbox_choice *choice);
} ACTION[] = {{"list", list}, {"retry", retry}, {"drop", drop}};

static bool
has_sink(const struct engine *engine, const char *name)
{
	for (size_t i = 0; name && i < engine->sink_count; i++) {
		if (strcmp(sink_name(engine->sinks[i]), name) == 0)
			return true;
	}
	return false;
}

static void
find_sink(void *owner, const struct outbox_view *view)
{
	const char **name = owner;
	if (*name && strcmp(*name, view->sink) == 0)
		*name = NULL;
}

/* Dead letters outlive their sink. */
static bool
is_known(const struct engine *engine, const char *name)
{
	const char *sought = name;
	outbox_each(engine->outbox, find_sink, &sought);
	return !name || !sought || has_sink(engine, name);
}

/* An id as a person gives it: whole, or a beginning that only one has. */
enum { ID_LEAST = 8 };

struct finding {
	const char *given;
	char found[ALERT_ID_TEXT];
	bool is_doubtful;
};

static void
compare_id(void *owner, const struct delivery *delivery)
{
	struct finding *finding = owner;
	size_t n = strlen(finding->given);
	if (n < ID_LEAST || strncmp(delivery->id, finding->given, n) != 0)
		return;
	if (finding->found[0] && strcmp(finding->found, delivery->id) != 0)
		finding->is_doubtful = true;
	snprintf(finding->found, sizeof finding->found, "%s", delivery->id);
}

static bool
find_id(struct engine *engine, struct finding *finding, struct err *err)
{
	outbox_each_delivery(engine->outbox, compare_id, finding);
	if (finding->is_doubtful)
		return err_set(err, "%s begins more than one id", finding->given);
	return finding->found[0] || err_set(err,
					    "no alert that waits or is dead has the id %s; its "
					    "first %d characters are enough",
					    finding->given, ID_LEAST);
}

json_t *
engine_answer_outbox(struct engine *engine, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "action"));
	const json_t *ids = json_object_get(request, "ids");
	struct outbox_choice choice = {.sink = json_string_value(json_object_get(request, "sink")),
		.id_count = json_array_size(ids)};
	if (!is_known(engine, choice.sink))
		return json_pack("{s:s+}", "error", "no sink is called ", choice.sink);
	const char **texts = mem_array(choice.id_count, sizeof *texts);
	struct finding *findings = mem_array(choice.id_count, sizeof *findings);
	struct err err = ERR_INIT;
	json_t *answer = NULL;
	for (size_t i = 0; i < choice.id_count && !answer; i++) {
		const char *id = json_string_value(json_array_get(ids, i));
		findings[i].given = id ? id : "";
		texts[i] = findings[i].found;
		if (!find_id(engine, &findings[i], &err))
			answer = json_pack("{s:o}", "error", json_of_text(err.text));
	}
	choice.ids = texts;
	for (size_t i = 0; name && !answer && i < COUNT(ACTION); i++) {
		if (strcmp(name, ACTION[i].name) == 0)
			answer = ACTION[i].act(engine, &choice);
	}
	free(texts);
	free(findings);
	engine_end_order(engine);
	return answer ? answer
		      : json_pack("{s:s}", "error", "outbox: list, retry or drop is wanted");
}
