#include "daemon/engine/site_parts.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"

#include <stdlib.h>
#include <string.h>

struct site *
site_new(const char *name)
{
	size_t n = strlen(name) + 1;
	struct site *site = mem_new(sizeof *site + n);
	memcpy(site->name, name, n);
	site->since = TIME_NONE;
	site->last_event_at = TIME_NONE;
	site->last_time = TIME_NONE;
	site->active_at = TIME_NONE;
	site->silenced_until = TIME_NONE;
	return site;
}

static void
holds_free(struct holds *holds)
{
	for (size_t i = 0; holds && i < holds->count; i++)
		free(holds->file[i]);
	if (holds)
		free(holds->file);
	free(holds);
}

void
site_free(struct site *site)
{
	if (!site)
		return;
	attempts_free(site->attempts);
	if (site->silent)
		trouble_fini(site->silent);
	free(site->silent);
	holds_free(site->holds);
	for (size_t i = 0; i < site->kept_count; i++)
		alert_fini(&site->kept[i]);
	free(site->kept);
	free(site->silence_reason);
	free(site);
}

const char *
site_key(const struct site *site)
{
	return site->name;
}

/* Does the window of an L1 run, for which no alert stands yet? */
static bool
is_waiting(const struct site *site)
{
	return site->state == SITE_ENROLL_REJECTED &&
	       !trouble_is_open(site->attempts->trouble[ALERT_CERTIFICATE_SUSPECT]);
}

/* A record that lies behind the window ends it, whatever the clock says. */
static void
end_window_before(const struct turn *turn, const struct sighting *sighting)
{
	const struct attempts *attempts = turn->site->attempts;
	int64_t window = turn->options->window, end;
	if (!is_waiting(turn->site))
		return;
	if (attempts->waiting_time != TIME_NONE && sighting->time != TIME_NONE) {
		end = attempts->waiting_time + window;
		if (sighting->time <= end)
			return;
	} else {
		end = attempts->waiting_read_at + window;
		if ((attempts->waiting_backlog && sighting->backlog) || sighting->read_at <= end)
			return;
	}
	struct turn then = *turn;
	then.at = end;
	site_enter(&then, INPUT_WINDOW);
}

/*
 * Another file's old lines, found when the site is long past them: they would end what stands or
 * begin what is over.
 */
static bool
is_stale(const struct site *site, const struct correlate_options *options,
	const struct sighting *sighting, const uint8_t file[16])
{
	return sighting->backlog && !options->in_order && sighting->time != TIME_NONE &&
	       site->last_time != TIME_NONE && sighting->time < site->last_time - options->window &&
	       memcmp(site->last_file, file, sizeof site->last_file) != 0;
}

static size_t
hold_index(const struct site *site, const char *file)
{
	size_t i = 0;
	while (site->holds && i < site->holds->count && strcmp(site->holds->file[i], file) != 0)
		i++;
	return i;
}

bool
site_is_held_by(const struct site *site, const char *file)
{
	return site->holds && hold_index(site, file) < site->holds->count;
}

const char *
site_held_by(const struct site *site, size_t i)
{
	return site->holds && i < site->holds->count ? site->holds->file[i] : NULL;
}

static void
hold(struct site *site, const struct sighting *sighting)
{
	if (!site->holds)
		site->holds = mem_new(sizeof *site->holds);
	struct holds *holds = site->holds;
	holds->last_at = sighting->read_at;
	if (site_is_held_by(site, sighting->file) || holds->count == HOLDS_MAX)
		return;
	holds->file = mem_grow(holds->file, holds->count + 1, sizeof *holds->file);
	holds->file[holds->count++] = mem_text(sighting->file);
}

static void
drop_holds(struct site *site)
{
	holds_free(site->holds);
	site->holds = NULL;
}

void
site_on_backlog_end(struct site *site, const char *file, int64_t now, struct outcome *outcome)
{
	if (!site_is_held_by(site, file))
		return;
	struct holds *holds = site->holds;
	size_t i = hold_index(site, file);
	free(holds->file[i]);
	holds->file[i] = holds->file[--holds->count];
	if (holds->count == 0)
		drop_holds(site);
	site_release(site, now, outcome);
	outcome_add_site(outcome, site->name);
}

void
site_on_activity(struct site *site, int64_t now, struct outcome *outcome)
{
	bool note = site->active_at == TIME_NONE || site->silent ||
		    now - site->active_noted_at >= ACTIVITY_NOTE;
	site->active_at = now;
	if (site->silent) {
		site_end(site, site->silent, RESOLUTION_RECOVERED, now, outcome);
		free(site->silent);
		site->silent = NULL;
	}
	if (note) {
		site->active_noted_at = now;
		outcome_add_site(outcome, site->name);
	}
}

static void
remember(struct site *site, const struct sighting *sighting, const uint8_t file[16])
{
	site->last_event_at = sighting->read_at;
	site->last_time = sighting->time;
	memcpy(site->last_digest, sighting->digest, sizeof site->last_digest);
	memcpy(site->last_file, file, sizeof site->last_file);
}

static void
take(const struct turn *turn, const struct sighting *sighting)
{
	end_window_before(turn, sighting);
	switch (sighting->event) {
	case EVENT_SYNC_SUCCEEDED:
		site_enter(turn, INPUT_SYNC_SUCCEEDED);
		break;
	case EVENT_ENROLL_SUCCEEDED:
		site_enter(turn, INPUT_ENROLL_SUCCEEDED);
		break;
	default:
		site_take_failure(turn, sighting);
	}
}

void
site_on_sighting(struct site *site, const struct correlate_options *options,
	const struct sighting *sighting, struct outcome *outcome)
{
	struct hash128 file = hash128(sighting->file, strlen(sighting->file));
	struct turn turn = {site, options, outcome, sighting->time, sighting->read_at};
	if (turn.at == TIME_NONE)
		turn.at = sighting->read_at;
	site_on_activity(site, sighting->read_at, outcome);
	if (sighting->backlog)
		hold(site, sighting);
	else
		site_on_backlog_end(site, sighting->file, sighting->read_at, outcome);
	if (sighting->event != EVENT_NONE && !is_stale(site, options, sighting, file.byte)) {
		take(&turn, sighting);
		remember(site, sighting, file.byte);
	}
	outcome_add_site(outcome, site->name);
	site_check(site);
}

static void
shift(int64_t *time, int64_t jump)
{
	if (*time != TIME_NONE)
		*time += jump;
}

static void
shift_attempts(struct attempts *attempts, int64_t jump)
{
	struct line *const LINE[] = {attempts->enroll, attempts->sync,
		attempts->rejected != attempts->enroll ? attempts->rejected : NULL,
		attempts->forbidden != attempts->sync ? attempts->forbidden : NULL};
	for (size_t i = 0; i < COUNT(LINE); i++) {
		if (LINE[i])
			shift(&LINE[i]->evidence.read_at, jump);
	}
	for (size_t i = 0; i < TROUBLES; i++) {
		if (attempts->trouble[i])
			shift(&attempts->trouble[i]->saying.said_at, jump);
	}
	shift(&attempts->waiting_read_at, jump);
}

void
site_shift(struct site *site, int64_t jump)
{
	int64_t *const TIME[] = {&site->last_event_at, &site->active_at, &site->active_noted_at,
		&site->silenced_until};
	for (size_t i = 0; i < COUNT(TIME); i++)
		shift(TIME[i], jump);
	if (site->attempts)
		shift_attempts(site->attempts, jump);
	if (site->silent)
		shift(&site->silent->saying.said_at, jump);
	if (site->holds)
		shift(&site->holds->last_at, jump);
}

static int64_t
quiet_due(const struct site *site, const struct correlate_options *options)
{
	return site->attempts && options->resolve_after > 0
		       ? site->last_event_at + options->resolve_after
		       : TIME_NONE;
}

static int64_t
window_due(const struct site *site, const struct correlate_options *options)
{
	return is_waiting(site) ? site->attempts->waiting_read_at + options->window : TIME_NONE;
}

static int64_t
silent_due(const struct site *site, const struct correlate_options *options)
{
	return options->silent_after > 0 && site->active_at != TIME_NONE && !site->silent
		       ? site->active_at + options->silent_after
		       : TIME_NONE;
}

static int64_t
hold_due(const struct site *site)
{
	return site->holds ? site->holds->last_at + HOLD_LONGEST : TIME_NONE;
}

static bool
is_past(int64_t due, int64_t now)
{
	return due != TIME_NONE && due <= now;
}

int64_t
site_due(const struct site *site, const struct correlate_options *options)
{
	const int64_t due[] = {site->silenced_until, hold_due(site), window_due(site, options),
		quiet_due(site, options), silent_due(site, options),
		trouble_reminder_due(site, site_open_trouble(site), options),
		trouble_reminder_due(site, site->silent, options)};
	int64_t first = TIME_NONE;
	for (size_t i = 0; i < COUNT(due); i++) {
		if (due[i] != TIME_NONE && (first == TIME_NONE || due[i] < first))
			first = due[i];
	}
	return first;
}

static void
lift_silence(struct site *site)
{
	site->silenced_until = TIME_NONE;
	site_replace_text(&site->silence_reason, NULL);
}

void
site_tick(struct site *site, const struct correlate_options *options, int64_t now,
	struct outcome *outcome)
{
	struct turn turn = {site, options, outcome, now, now};
	if (!is_past(site_due(site, options), now))
		return;
	if (is_past(site->silenced_until, now))
		lift_silence(site);
	if (is_past(hold_due(site), now))
		drop_holds(site);
	site_release(site, now, outcome);
	if (is_past(window_due(site, options), now))
		site_enter(&turn, INPUT_WINDOW);
	if (is_past(quiet_due(site, options), now))
		site_enter(&turn, INPUT_QUIET);
	if (is_past(silent_due(site, options), now))
		site_fall_silent(site, now, outcome);
	site_remind(site, options, now, outcome);
	outcome_add_site(outcome, site->name);
	site_check(site);
}

bool
site_resolve(struct site *site, int64_t now, struct outcome *outcome, struct err *err)
{
	static const struct correlate_options NO_OPTIONS;
	struct turn turn = {site, &NO_OPTIONS, outcome, now, now};
	if (!site->attempts && !site->silent)
		return err_set(err, "site %s is %s: nothing stands", site->name,
			site_state_name(site->state));
	if (site->attempts)
		site_enter(&turn, INPUT_OPERATOR);
	if (site->silent) {
		site_end(site, site->silent, RESOLUTION_OPERATOR, now, outcome);
		free(site->silent);
		site->silent = NULL;
		site->active_at = TIME_NONE;
	}
	outcome_add_site(outcome, site->name);
	site_check(site);
	return true;
}

bool
site_ack(struct site *site, struct outcome *outcome, struct err *err)
{
	struct trouble *open = site_open_trouble(site);
	if (!open && !site->silent)
		return err_set(err, "site %s is %s: no alert stands", site->name,
			site_state_name(site->state));
	if (open)
		open->saying.acked = true;
	if (site->silent)
		site->silent->saying.acked = true;
	outcome_add_site(outcome, site->name);
	return true;
}

void
site_silence(
	struct site *site, int64_t until, const char *reason, int64_t now, struct outcome *outcome)
{
	if (until == TIME_NONE || until <= now) {
		lift_silence(site);
		site_release(site, now, outcome);
	} else {
		site->silenced_until = until;
		site_replace_text(&site->silence_reason, mem_text(reason));
	}
	outcome_add_site(outcome, site->name);
}

void
site_get_view(const struct site *site, struct site_view *view)
{
	const struct trouble *open = site_open_trouble(site);
	enum alert_kind kind = site_kind_of(site->state);
	static const struct trouble NONE;
	const struct trouble *trouble = kind == ALERT_KINDS ? NULL : site->attempts->trouble[kind];
	if (!trouble && kind != ALERT_KINDS)
		trouble = &NONE;
	const struct incident *of_state = trouble ? &trouble->incident : NULL;
	*view = (struct site_view){
		.name = site->name,
		.state = site->state,
		.since = site->since,
		.last_event_at = site->last_event_at,
		.occurrences = of_state ? of_state->occurrences : 0,
		.cause = of_state ? of_state->cause : NULL,
		.acknowledged = open && open->saying.acked,
		.silenced_until = site->silenced_until,
		.silence_reason = site->silence_reason,
		.incident = open	   ? &open->incident
			    : site->silent ? &site->silent->incident
					   : NULL,
		.trouble = of_state,
		.advice = trouble ? trouble->advice : NULL,
	};
}
