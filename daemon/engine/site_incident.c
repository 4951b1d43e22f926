#include "daemon/engine/site_parts.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Incidents, and what is said of them. An incident is written to history when it opens, whenever
 * it changes and when it ends. What is said of it:
 *
 *   open ──may speak──► said ──repeat_every──► reminder …
 *    │ held                │ ends: resolved, kept back while held
 *    ▼                     ▼
 *   silent ──released──► said          ends while silent: history only
 */
struct line **
attempts_line(struct attempts *attempts, size_t i)
{
	struct line **const PLACE[LINE_PLACES] = {
		&attempts->enroll, &attempts->sync, &attempts->rejected, &attempts->forbidden};
	return PLACE[i];
}

size_t
attempts_find_line(struct attempts *attempts, const struct evidence *evidence)
{
	for (size_t i = 0; attempts && evidence->shared && i < LINE_PLACES; i++) {
		const struct line *line = *attempts_line(attempts, i);
		if (line && line->evidence.shared == evidence->shared &&
			line->evidence.read_at == evidence->read_at)
			return i;
	}
	return LINE_PLACES;
}

void
line_put(struct line **place, struct line *line)
{
	struct line *before = *place;
	if (line)
		line->references++;
	*place = line;
	if (!before || --before->references)
		return;
	evidence_fini(&before->evidence);
	free(before);
}

void
trouble_fini(struct trouble *trouble)
{
	incident_fini(&trouble->incident);
	free(trouble->advice);
	*trouble = (struct trouble){0};
}

void
attempts_free(struct attempts *attempts)
{
	if (!attempts)
		return;
	for (int i = 0; i < TROUBLES; i++)
		attempts_forget(attempts, (enum alert_kind)i);
	line_put(&attempts->enroll, NULL);
	line_put(&attempts->sync, NULL);
	line_put(&attempts->rejected, NULL);
	line_put(&attempts->forbidden, NULL);
	free(attempts);
}

struct trouble *
attempts_trouble(struct attempts *attempts, enum alert_kind kind)
{
	if (!attempts->trouble[kind]) {
		attempts->trouble[kind] = mem_new(sizeof *attempts->trouble[kind]);
		attempts->trouble[kind]->incident.kind = kind;
		attempts->trouble[kind]->incident.ended_at = TIME_NONE;
	}
	return attempts->trouble[kind];
}

void
attempts_forget(struct attempts *attempts, enum alert_kind kind)
{
	if (!attempts->trouble[kind])
		return;
	trouble_fini(attempts->trouble[kind]);
	free(attempts->trouble[kind]);
	attempts->trouble[kind] = NULL;
}

struct trouble *
site_open_trouble(const struct site *site)
{
	for (int i = 0; site->attempts && i < TROUBLES; i++) {
		if (trouble_is_open(site->attempts->trouble[i]))
			return site->attempts->trouble[i];
	}
	return NULL;
}

bool
site_is_held(const struct site *site)
{
	return site->holds || site->silenced_until != TIME_NONE;
}

/* The alert that the trouble makes as it stands; its id is still that of the firing. */
static struct alert
alert_of(const struct site *site, const struct trouble *trouble, int64_t at)
{
	const struct incident *incident = &trouble->incident;
	struct alert alert = {
		.kind = incident->kind,
		.firing = incident->ended_at == TIME_NONE,
		.severity = alert_kind_severity(incident->kind),
		.site = mem_text(site->name),
		.state = site->state,
		.previous_state = site->previous,
		.cause = mem_text(incident->cause),
		.started_at = incident->started_at,
		.updated_at = at,
		.resolved_at = incident->ended_at,
		.resolution = incident->resolution,
		.occurrences = incident->occurrences,
		.evidence_count = incident->evidence_count,
	};
	snprintf(alert.id, sizeof alert.id, "%s", incident->id);
	for (size_t i = 0; i < incident->evidence_count; i++)
		evidence_copy(&incident->evidence[i], &alert.evidence[i]);
	alert_write_texts(&alert, trouble->advice);
	return alert;
}

static void
say_firing(struct site *site, struct trouble *trouble, int64_t at, int64_t now,
	struct outcome *outcome)
{
	struct alert alert = alert_of(site, trouble, at);
	trouble->saying.said = true;
	trouble->saying.said_at = now;
	outcome_add_alert(outcome, &alert);
}

static void
say_resolved(struct site *site, const struct trouble *trouble, int64_t at, struct outcome *outcome)
{
	struct alert alert = alert_of(site, trouble, at);
	alert_id_of_follower(alert.id, site->name, alert.kind, "resolved", trouble->incident.id);
	if (!site_is_held(site)) {
		outcome_add_alert(outcome, &alert);
		return;
	}
	site->kept = mem_grow(site->kept, site->kept_count + 1, sizeof *site->kept);
	site->kept[site->kept_count++] = alert;
}

void
site_end(struct site *site, struct trouble *trouble, enum resolution resolution, int64_t at,
	struct outcome *outcome)
{
	struct incident *incident = &trouble->incident;
	incident->ended_at = at > incident->started_at ? at : incident->started_at;
	incident->resolution = resolution;
	outcome_add_incident(outcome, incident);
	if (trouble->saying.said)
		say_resolved(site, trouble, incident->ended_at, outcome);
	trouble_fini(trouble);
}

static void
begin(struct site *site, struct trouble *trouble, const char *more, int64_t at, int64_t now,
	struct outcome *outcome)
{
	struct incident *incident = &trouble->incident;
	incident->site = mem_text(site->name);
	incident->ended_at = TIME_NONE;
	alert_id_of_firing(incident->id, site->name, incident->kind, incident->evidence,
		incident->evidence_count, more);
	outcome_add_incident(outcome, incident);
	if (!site_is_held(site))
		say_firing(site, trouble, at, now, outcome);
}

void
site_open(struct site *site, enum alert_kind kind, int64_t at, int64_t now, struct outcome *outcome)
{
	struct trouble *before = site_open_trouble(site);
	struct trouble *trouble = attempts_trouble(site->attempts, kind);
	if (before == trouble)
		return;
	begin(site, trouble, NULL, at, now, outcome);
	if (!before)
		return;
	enum alert_kind superseded = before->incident.kind;
	site_end(site, before, RESOLUTION_SUPERSEDED, at, outcome);
	attempts_forget(site->attempts, superseded);
}

/* Without evidence the count of silences and the last event's line tell two of them apart. */
void
site_fall_silent(struct site *site, int64_t now, struct outcome *outcome)
{
	char digest[2 * sizeof site->last_digest + 1];
	hex_encode(site->last_digest, sizeof site->last_digest, digest);
	site->silences++;
	site->silent = mem_new(sizeof *site->silent);
	site->silent->incident.kind = ALERT_SITE_SILENT;
	site->silent->incident.started_at = site->active_at;
	site->silent->incident.occurrences = 1;
	char *more = mem_format("%" PRIu64 " %s", site->silences, digest);
	begin(site, site->silent, more, now, now, outcome);
	free(more);
}

static void
release_one(struct site *site, struct trouble *trouble, int64_t now, struct outcome *outcome)
{
	if (!trouble || trouble->saying.said)
		return;
	const struct incident *incident = &trouble->incident;
	size_t count = incident->evidence_count;
	int64_t at = count ? evidence_when(&incident->evidence[count - 1]) : now;
	say_firing(site, trouble, at, now, outcome);
}

void
site_release(struct site *site, int64_t now, struct outcome *outcome)
{
	if (site_is_held(site))
		return;
	for (size_t i = 0; i < site->kept_count; i++)
		outcome_add_alert(outcome, &site->kept[i]);
	free(site->kept);
	site->kept = NULL;
	site->kept_count = 0;
	release_one(site, site_open_trouble(site), now, outcome);
	release_one(site, site->silent, now, outcome);
}

int64_t
trouble_reminder_due(const struct site *site, const struct trouble *trouble,
	const struct correlate_options *options)
{
	if (!trouble || !trouble->saying.said || trouble->saying.acked ||
		options->repeat_every <= 0 || site_is_held(site))
		return TIME_NONE;
	return trouble->saying.said_at + options->repeat_every;
}

static void
remind_one(struct site *site, struct trouble *trouble, const struct correlate_options *options,
	int64_t now, struct outcome *outcome)
{
	int64_t due = trouble_reminder_due(site, trouble, options);
	if (due == TIME_NONE || due > now)
		return;
	char transition[40];
	snprintf(transition, sizeof transition, "reminder %" PRIu64, ++trouble->saying.reminders);
	struct alert alert = alert_of(site, trouble, now);
	alert.reminder = true;
	alert_id_of_follower(alert.id, site->name, alert.kind, transition, trouble->incident.id);
	trouble->saying.said_at = now;
	outcome_add_alert(outcome, &alert);
}

void
site_remind(struct site *site, const struct correlate_options *options, int64_t now,
	struct outcome *outcome)
{
	remind_one(site, site_open_trouble(site), options, now, outcome);
	remind_one(site, site->silent, options, now, outcome);
}

static bool
stands(const struct site *site, const struct trouble *trouble)
{
	return trouble && trouble->saying.said && !site_is_held(site);
}

bool
site_has_standing(const struct site *site)
{
	return stands(site, site_open_trouble(site)) || stands(site, site->silent);
}

void
site_each_standing(const struct site *site, int64_t now,
	void (*visit)(void *owner, const struct alert *alert), void *owner)
{
	const struct trouble *const OPEN[] = {site_open_trouble(site), site->silent};
	for (size_t i = 0; i < COUNT(OPEN); i++) {
		if (!stands(site, OPEN[i]))
			continue;
		struct alert alert = alert_of(site, OPEN[i], now);
		visit(owner, &alert);
		alert_fini(&alert);
	}
}
