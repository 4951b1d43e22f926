#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/correlate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * The rules once more, written naively and apart from the machine: a list of all lines since the
 * last end of trouble, gone through from its beginning at every question. Random days of one site
 * must give the same states and alerts in both, with loads in between.
 */
enum { LINES_MAX = 400, STEPS = 120, RUNS = 400, FAILING_AFTER = 3 };

#define WINDOW	      (10 * MINUTE)
#define RESOLVE_AFTER (2 * DAY)

struct model_line {
	enum event_kind event;
	int64_t time, read_at;
	bool starts_anew; /* the count of failures: behind it a certificate was suspected */
};

struct model {
	struct model_line line[LINES_MAX];
	size_t count;
	enum site_state state;
	int open;      /* enum alert_kind, or -1 */
	int64_t waits; /* reading of the L1 whose window runs, or TIME_NONE */
	int64_t waits_time;
	int64_t last_read;
};

static bool
is_enroll(enum event_kind event)
{
	return event == EVENT_ENROLL_REJECTED || event == EVENT_ENROLL_FAILED;
}

static bool
together(const struct model_line *a, const struct model_line *b)
{
	bool own = a->time != TIME_NONE && b->time != TIME_NONE;
	int64_t apart = own ? b->time - a->time : b->read_at - a->read_at;
	return llabs(apart) <= WINDOW;
}

/* The line's partner in its attempt: joins[i] of each line, LINES_MAX for none. */
static void
join(const struct model *model, size_t joins[LINES_MAX])
{
	size_t last[2] = {LINES_MAX, LINES_MAX};
	for (size_t i = 0; i < model->count; i++) {
		bool enroll = is_enroll(model->line[i].event);
		size_t other = last[!enroll];
		joins[i] = LINES_MAX;
		if (other != LINES_MAX && joins[other] == LINES_MAX &&
			together(&model->line[other], &model->line[i])) {
			joins[other] = i;
			joins[i] = other;
		}
		last[enroll] = i;
	}
}

static bool
pairs(const struct model *model)
{
	const struct model_line *new = &model->line[model->count - 1];
	enum event_kind wanted = new->event == EVENT_ENROLL_REJECTED  ? EVENT_SYNC_FORBIDDEN
				 : new->event == EVENT_SYNC_FORBIDDEN ? EVENT_ENROLL_REJECTED
								      : EVENT_NONE;
	for (size_t i = 0; i + 1 < model->count; i++) {
		if (model->line[i].event == wanted && together(&model->line[i], new))
			return true;
	}
	return false;
}

/* Attempts that failed for another cause since the last 403: those with no 403 in them. */
static unsigned
failed_attempts(const struct model *model)
{
	size_t joins[LINES_MAX], from = 0;
	unsigned count = 0;
	join(model, joins);
	for (size_t i = 0; i < model->count; i++) {
		if (model->line[i].starts_anew)
			from = i + 1;
	}
	for (size_t i = from; i < model->count; i++) {
		bool counted_before = joins[i] < i && joins[i] >= from;
		enum event_kind event = model->line[i].event;
		enum event_kind other =
			joins[i] == LINES_MAX ? EVENT_NONE : model->line[joins[i]].event;
		bool fails = event == EVENT_SYNC_FAILED || event == EVENT_ENROLL_FAILED ||
			     other == EVENT_SYNC_FAILED || other == EVENT_ENROLL_FAILED;
		if (fails && !counted_before)
			count++;
	}
	return count;
}

static void
model_clear(struct model *model, enum site_state state)
{
	model->count = 0;
	model->open = -1;
	model->state = state;
	model->waits = TIME_NONE;
}

static void
model_window(struct model *model)
{
	if (model->state != SITE_ENROLL_REJECTED || model->open == ALERT_CERTIFICATE_SUSPECT)
		return;
	model->open = ALERT_CERTIFICATE_SUSPECT;
	model->line[model->count - 1].starts_anew = true;
}

static enum site_state
next_state(const struct model *model, enum event_kind event)
{
	size_t joins[LINES_MAX];
	join(model, joins);
	size_t other = joins[model->count - 1];
	if (model->state == SITE_EXPIRED || pairs(model))
		return SITE_EXPIRED;
	switch (event) {
	case EVENT_SYNC_FORBIDDEN:
		return SITE_SYNC_FORBIDDEN;
	case EVENT_SYNC_FAILED:
		return SITE_FAILING;
	case EVENT_ENROLL_FAILED:
		return model->state == SITE_UNKNOWN || model->state == SITE_HEALTHY ? SITE_FAILING
										    : model->state;
	default:
		if (model->state == SITE_SYNC_FORBIDDEN)
			return model->state;
		return model->state == SITE_FAILING && other != LINES_MAX ? SITE_FAILING
									  : SITE_ENROLL_REJECTED;
	}
}

static void
model_line(struct model *model, enum event_kind event, int64_t time, int64_t read_at)
{
	if (model->state == SITE_ENROLL_REJECTED) {
		bool own = time != TIME_NONE && model->waits_time != TIME_NONE;
		if (own ? time > model->waits_time + WINDOW : read_at > model->waits + WINDOW)
			model_window(model);
	}
	model->last_read = read_at;
	if (event == EVENT_SYNC_SUCCEEDED || event == EVENT_ENROLL_SUCCEEDED)
		return model_clear(model, SITE_HEALTHY);
	assert_true(model->count < LINES_MAX);
	struct model_line *line = &model->line[model->count++];
	*line = (struct model_line){event, time, read_at, false};
	enum site_state before = model->state;
	model->state = next_state(model, event);
	line->starts_anew = model->state == SITE_SYNC_FORBIDDEN;
	if (model->state == SITE_ENROLL_REJECTED && before != SITE_ENROLL_REJECTED) {
		model->waits = read_at;
		model->waits_time = time;
	}
	if (model->state == SITE_EXPIRED)
		model->open = ALERT_CERTIFICATE_EXPIRED;
	else if (model->state == SITE_SYNC_FORBIDDEN)
		model->open = ALERT_CERTIFICATE_SUSPECT;
	else if (model->state == SITE_FAILING && failed_attempts(model) >= FAILING_AFTER)
		model->open = ALERT_SYNC_FAILING;
}

static void
model_clock(struct model *model, int64_t now)
{
	bool trouble = model->state != SITE_UNKNOWN && model->state != SITE_HEALTHY;
	if (model->state == SITE_ENROLL_REJECTED && now >= model->waits + WINDOW)
		model_window(model);
	if (trouble && now >= model->last_read + RESOLVE_AFTER)
		model_clear(model, SITE_UNKNOWN);
}

struct judged {
	enum site_state state;
	int open;
};

static void
judge(void *owner, const struct site_view *view)
{
	struct judged *judged = owner;
	judged->state = view->state;
	judged->open = view->incident ? (int)view->incident->kind : -1;
}

/* What went out so far: the kind that fires, by the alerts alone. */
static void
follow_alerts(int *firing, const struct outcome *outcome, char ids[][ALERT_ID_TEXT], size_t *count)
{
	bool on[ALERT_KINDS] = {false};
	if (*firing >= 0)
		on[*firing] = true;
	for (size_t i = 0; i < outcome->alert_count; i++) {
		const struct alert *alert = &outcome->alerts[i];
		assert_int_not_equal(on[alert->kind], alert->firing);
		on[alert->kind] = alert->firing;
		for (size_t k = 0; k < *count; k++)
			assert_string_not_equal(ids[k], alert->id);
		memcpy(ids[(*count)++], alert->id, ALERT_ID_TEXT);
	}
	*firing = -1;
	for (int kind = 0; kind < ALERT_KINDS; kind++) {
		if (on[kind]) {
			assert_int_equal(*firing, -1);
			*firing = kind;
		}
	}
}

static unsigned seed;

static unsigned
roll(unsigned sides)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % sides;
}

static const struct correlate_options OPTIONS = {
	.window = WINDOW, .failing_after = FAILING_AFTER, .resolve_after = RESOLVE_AFTER};

/* What is stored of the one site; NULL for nothing. */
static char *stored;

static char *
read_stored(void *owner, const char *site, struct err *err)
{
	(void)owner;
	assert_string_equal(site, "CM01");
	(void)err;
	return mem_text(stored);
}

static char *
save(const struct correlate *correlate, const char *site)
{
	struct err err = ERR_INIT;
	char *saved = correlate_save(correlate, site, &err);
	assert_non_null(saved);
	return saved;
}

/* Nothing is to be noticed of a rest, and nothing of a look at who rests. */
static void
rest(struct correlate *correlate)
{
	free(stored);
	stored = save(correlate, "CM01");
	correlate_rest(correlate, 0);
	char *again = save(correlate, "CM01");
	assert_string_equal(stored, again);
	free(again);
}

static void
reload(struct correlate **correlate, int64_t now)
{
	struct err err = ERR_INIT;
	struct outcome outcome = OUTCOME_INIT;
	char *saved = save(*correlate, "CM01");
	correlate_free(*correlate);
	*correlate = correlate_new(&OPTIONS);
	correlate_set_reading(*correlate, read_stored, NULL);
	free(stored);
	stored = mem_text(saved);
	assert_true(correlate_load(*correlate, saved, &err));
	correlate_tick(*correlate, now, &outcome);
	assert_int_equal(outcome.alert_count, 0);
	outcome_fini(&outcome);
	free(saved);
}

/* A random event; steps between are such that no timer falls within a minute behind a load. */
static enum event_kind
random_event(void)
{
	static const enum event_kind EVENT[] = {EVENT_ENROLL_REJECTED, EVENT_ENROLL_REJECTED,
		EVENT_SYNC_FORBIDDEN, EVENT_SYNC_FORBIDDEN, EVENT_ENROLL_FAILED,
		EVENT_ENROLL_FAILED, EVENT_SYNC_FAILED, EVENT_SYNC_FAILED, EVENT_SYNC_FAILED,
		EVENT_SYNC_SUCCEEDED, EVENT_ENROLL_SUCCEEDED};
	return EVENT[roll(COUNT(EVENT))];
}

static void
step_clock(struct correlate *correlate, struct model *model, int64_t now, struct outcome *outcome)
{
	int64_t due;
	while ((due = correlate_next_due(correlate)) != TIME_NONE && due <= now) {
		correlate_tick(correlate, due, outcome);
		model_clock(model, due);
	}
	model_clock(model, now);
}

static void
run_one(unsigned run)
{
	static char ids[4 * STEPS][ALERT_ID_TEXT];
	size_t id_count = 0;
	struct model model = {.state = SITE_UNKNOWN, .open = -1, .waits = TIME_NONE};
	struct correlate *correlate = correlate_new(&OPTIONS);
	correlate_set_reading(correlate, read_stored, NULL);
	int64_t now = 1434682801 * SECOND;
	int firing = -1;
	seed = run;
	for (uint64_t i = 0; i < STEPS; i++) {
		struct outcome outcome = OUTCOME_INIT;
		now += roll(40) == 0 ? 3 * DAY : roll(4) * 4 * MINUTE + roll(3) * SECOND;
		step_clock(correlate, &model, now, &outcome);
		struct sighting sighting = {
			.site = "CM01",
			.event = random_event(),
			.time = roll(4) ? now - HOUR : TIME_NONE,
			.read_at = now,
			.file = "f",
			.offset = i,
			.text = "t",
			.cause = "c",
			.digest = {(uint8_t)i},
		};
		correlate_sighting(correlate, &sighting, &outcome);
		model_line(&model, sighting.event, sighting.time, now);
		struct judged judged = {0};
		correlate_each(correlate, judge, &judged);
		if (judged.state != model.state || judged.open != model.open)
			fail_msg("run %u, step %d: %s with alert %d, the model says %s with %d",
				run, (int)i, site_state_name(judged.state), judged.open,
				site_state_name(model.state), model.open);
		follow_alerts(&firing, &outcome, ids, &id_count);
		assert_int_equal(firing, model.open);
		outcome_fini(&outcome);
		if (roll(3) == 0)
			rest(correlate);
		if (roll(5) == 0 && model.state != SITE_ENROLL_REJECTED)
			reload(&correlate, now);
	}
	correlate_free(correlate);
}

static void
t01_machine_and_model_agree(void **unused)
{
	(void)unused;
	for (unsigned run = 1; run <= RUNS; run++)
		run_one(run);
	free(stored);
	stored = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(t01_machine_and_model_agree)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
