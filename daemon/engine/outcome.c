#include "daemon/engine/outcome.h"

#include "daemon/base/mem.h"
#include "daemon/base/table.h"

#include <stdlib.h>
#include <string.h>

/* Where a site or an incident stands in the arrays, so that thousands in one outcome stay cheap. */
struct place {
	size_t at, n;
	char key[]; /* n bytes */
};

struct outcome_index {
	struct table sites, incidents;
};

static struct span
key_of(const void *item)
{
	const struct place *place = item;
	return (struct span){place->key, place->n};
}

/* The place of `key`, a new one at `next` where there is none. */
static size_t
place_of(struct table *table, const char *key, size_t next)
{
	struct span wanted = span_of(key);
	struct place *place = table_find(table, key_of, wanted);
	if (place)
		return place->at;
	place = mem_new(sizeof *place + wanted.n);
	place->at = next;
	place->n = wanted.n;
	memcpy(place->key, key, wanted.n);
	table_add(table, key_of, place);
	return next;
}

static void
places_free(struct table *table)
{
	size_t at = 0;
	for (struct place *place; (place = table_next(table, &at));)
		free(place);
	table_fini(table);
}

static struct outcome_index *
index_of(struct outcome *outcome)
{
	if (!outcome->index)
		outcome->index = mem_new(sizeof *outcome->index);
	return outcome->index;
}

/* Room for one more element behind `count`; arrays grow by doubling. */
static void *
room(void *array, size_t count, size_t size)
{
	return count & (count - 1) ? array : mem_grow(array, count ? 2 * count : 1, size);
}

void
incident_fini(struct incident *incident)
{
	free(incident->site);
	free(incident->cause);
	for (size_t i = 0; i < incident->evidence_count; i++)
		evidence_fini(&incident->evidence[i]);
	free(incident->evidence);
	*incident = (struct incident){0};
}

struct evidence *
incident_evidence(struct incident *incident, size_t count)
{
	size_t before = incident->evidence_count;
	if (before && count == before)
		return incident->evidence;
	incident->evidence = mem_grow(incident->evidence, count, sizeof *incident->evidence);
	memset(incident->evidence + before, 0, (count - before) * sizeof *incident->evidence);
	return incident->evidence;
}

/* As evidence_copy, over another one, or none. */
static void
evidence_renew(const struct evidence *from, struct evidence *to)
{
	if (from->shared && from->shared == to->shared) {
		*to = *from;
		return;
	}
	evidence_fini(to);
	evidence_copy(from, to);
}

/* Over what stands in `to`: mostly some of it is the same. */
static void
copy_evidence(const struct incident *from, struct incident *to)
{
	for (size_t i = from->evidence_count; i < to->evidence_count; i++)
		evidence_fini(&to->evidence[i]);
	if (from->evidence_count > to->evidence_count)
		incident_evidence(to, from->evidence_count);
	to->evidence_count = from->evidence_count;
	for (size_t i = 0; i < from->evidence_count; i++)
		evidence_renew(&from->evidence[i], &to->evidence[i]);
}

void
incident_copy(const struct incident *from, struct incident *to)
{
	*to = *from;
	to->site = mem_text(from->site);
	to->cause = mem_text(from->cause);
	to->evidence = NULL;
	to->evidence_count = 0;
	copy_evidence(from, to);
}

/* `old` where it says the same, else a copy in its place. */
static char *
renew_text(char *old, const char *text)
{
	if (old && text && strcmp(old, text) == 0)
		return old;
	free(old);
	return mem_text(text);
}

/* As incident_copy, over an older form of the same: mostly only its evidence has changed. */
static void
incident_renew(const struct incident *from, struct incident *to)
{
	struct incident old = *to;
	*to = *from;
	to->site = renew_text(old.site, from->site);
	to->cause = renew_text(old.cause, from->cause);
	to->evidence = old.evidence;
	to->evidence_count = old.evidence_count;
	copy_evidence(from, to);
}

void
outcome_add_transition(struct outcome *outcome, const char *site, enum site_state from,
	enum site_state to, const char *why, int64_t at)
{
	outcome->transitions =
		room(outcome->transitions, outcome->transition_count, sizeof *outcome->transitions);
	outcome->transitions[outcome->transition_count++] = (struct transition){
		.site = mem_text(site), .from = from, .to = to, .why = why, .at = at};
}

void
outcome_add_alert(struct outcome *outcome, struct alert *alert)
{
	outcome->alerts = room(outcome->alerts, outcome->alert_count, sizeof *outcome->alerts);
	outcome->alerts[outcome->alert_count++] = *alert;
	*alert = (struct alert){0};
}

void
outcome_add_incident(struct outcome *outcome, const struct incident *incident)
{
	size_t count = outcome->incident_count;
	bool is_last = count && strcmp(outcome->incidents[count - 1].id, incident->id) == 0;
	size_t at =
		is_last ? count - 1 : place_of(&index_of(outcome)->incidents, incident->id, count);
	if (at < count) {
		incident_renew(incident, &outcome->incidents[at]);
		return;
	}
	outcome->incidents = room(outcome->incidents, count, sizeof *outcome->incidents);
	incident_copy(incident, &outcome->incidents[outcome->incident_count++]);
}

void
outcome_add_site(struct outcome *outcome, const char *site)
{
	if (outcome->site_count && strcmp(outcome->sites[outcome->site_count - 1], site) == 0)
		return;
	if (place_of(&index_of(outcome)->sites, site, outcome->site_count) != outcome->site_count)
		return;
	outcome->sites = room(outcome->sites, outcome->site_count, sizeof *outcome->sites);
	outcome->sites[outcome->site_count++] = mem_text(site);
}

void
outcome_forget_said(struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->transition_count; i++)
		free(outcome->transitions[i].site);
	for (size_t i = 0; i < outcome->alert_count; i++)
		alert_fini(&outcome->alerts[i]);
	free(outcome->transitions);
	free(outcome->alerts);
	outcome->transitions = NULL;
	outcome->alerts = NULL;
	outcome->transition_count = outcome->alert_count = 0;
}

void
outcome_fini(struct outcome *outcome)
{
	outcome_forget_said(outcome);
	for (size_t i = 0; i < outcome->incident_count; i++)
		incident_fini(&outcome->incidents[i]);
	for (size_t i = 0; i < outcome->site_count; i++)
		free(outcome->sites[i]);
	free(outcome->incidents);
	free(outcome->sites);
	if (outcome->index) {
		places_free(&outcome->index->sites);
		places_free(&outcome->index->incidents);
		free(outcome->index);
	}
	*outcome = OUTCOME_INIT;
}
