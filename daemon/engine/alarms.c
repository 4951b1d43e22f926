#include "daemon/engine/alarms.h"

#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct alarm {
	enum alarm_kind kind;
	struct incident incident; /* its site is the subject */
	bool is_said;
	int64_t since; /* monotonic, of the first sign */
	int64_t until; /* monotonic: when it is calm */
	struct alarm *next;
};

struct alarms {
	struct alarm *list;
};

static const char ADVICE_GAPS[] = "What stood there was not evaluated."
				  " The log of the service names each gap, see aiwatch(8).";
static const char ADVICE_INPUT[] = "See whether the share or disk of its files answers."
				   " Other inputs and all alerts go on;"
				   " it goes on by itself when the read returns.";
static const char ADVICE_STORE[] =
	"Alerts go on. What cannot be kept is lost with a restart, and logs are read again after"
	" it: see whether its disk is full, read only or failing."
	" A store that is damaged is set aside at the next start.";

static const struct {
	const char *subject; /* the name of the input follows */
	int64_t after, calm;
	enum resolution over;
	const char *advice;
} KIND[ALARM_KINDS] = {
	[ALARM_GAPS] = {"gaps of input ", 0, ALARM_GAP_CALM, RESOLUTION_QUIET, ADVICE_GAPS},
	[ALARM_INPUT] = {"input ", 0, 0, RESOLUTION_RECOVERED, ADVICE_INPUT},
	[ALARM_STORE_LOST] = {"store", 0, ALARM_LOST_CALM, RESOLUTION_QUIET, ADVICE_STORE},
	[ALARM_STORE_MEMORY] = {"store", 0, ALARM_STORE_CALM, RESOLUTION_RECOVERED, ADVICE_STORE},
	[ALARM_STORE_FAILS] = {"store", ALARM_STORE_AFTER, ALARM_STORE_CALM, RESOLUTION_RECOVERED,
		ADVICE_STORE},
};

struct alarms *
alarms_new(void)
{
	return mem_new(sizeof(struct alarms));
}

static void
forget(struct alarms *alarms, struct alarm *alarm)
{
	LL_DELETE(alarms->list, alarm);
	incident_fini(&alarm->incident);
	free(alarm);
}

void
alarms_free(struct alarms *alarms)
{
	if (!alarms)
		return;
	while (alarms->list)
		forget(alarms, alarms->list);
	free(alarms);
}

bool
alarms_are_none(const struct alarms *alarms)
{
	return !alarms->list;
}

struct alert
alarm_alert(const struct incident *incident, const char *advice, int64_t now)
{
	struct alert alert = {
		.kind = ALERT_AIWATCH,
		.firing = incident->ended_at == TIME_NONE,
		.severity = alert_kind_severity(ALERT_AIWATCH),
		.site = mem_text(incident->site),
		.cause = mem_text(incident->cause),
		.started_at = incident->started_at,
		.updated_at = now,
		.resolved_at = incident->ended_at,
		.resolution = incident->resolution,
		.occurrences = incident->occurrences,
	};
	if (alert.firing)
		memcpy(alert.id, incident->id, sizeof alert.id);
	else
		alert_id_of_follower(alert.id, alert.site, alert.kind, "resolved", incident->id);
	alert_write_texts(&alert, advice);
	return alert;
}

static void
tell(const struct alarm *alarm, int64_t now, struct outcome *outcome)
{
	struct alert alert = alarm_alert(&alarm->incident, KIND[alarm->kind].advice, now);
	outcome_add_alert(outcome, &alert);
	outcome_add_incident(outcome, &alarm->incident);
}

static struct alarm *
add(struct alarms *alarms, enum alarm_kind kind, int64_t monotonic)
{
	struct alarm *alarm = mem_new(sizeof *alarm);
	alarm->kind = kind;
	alarm->since = monotonic;
	alarm->until = monotonic;
	LL_PREPEND(alarms->list, alarm);
	return alarm;
}

/* Takes the subject over. */
static struct alarm *
doubt(struct alarms *alarms, const struct alarm_sign *sign, char *subject, int64_t monotonic)
{
	struct alarm *alarm = add(alarms, sign->kind, monotonic);
	alarm->incident = (struct incident){
		.site = subject,
		.kind = ALERT_AIWATCH,
		.started_at = sign->started_at,
		.ended_at = TIME_NONE,
		.cause = mem_text(sign->cause),
		.occurrences = 1,
	};
	alert_id_of_firing(alarm->incident.id, subject, ALERT_AIWATCH, NULL, 0, sign->what);
	return alarm;
}

static struct alarm *
find(const struct alarms *alarms, const char *subject)
{
	struct alarm *alarm = alarms->list;
	while (alarm && strcmp(alarm->incident.site, subject) != 0)
		alarm = alarm->next;
	return alarm;
}

void
alarms_see(struct alarms *alarms, const struct alarm_sign *sign, int64_t now, int64_t monotonic,
	struct outcome *outcome)
{
	char *subject = mem_format("%s%s", KIND[sign->kind].subject, sign->input);
	struct alarm *alarm = find(alarms, subject);
	if (alarm)
		free(subject);
	else
		alarm = doubt(alarms, sign, subject, monotonic);
	int64_t after = KIND[sign->kind].after;
	if (!alarm->is_said && monotonic - alarm->since >= after) {
		alarm->is_said = true;
		tell(alarm, now, outcome);
	}
	int64_t until = monotonic + (alarm->is_said ? KIND[sign->kind].calm : after);
	if (until > alarm->until)
		alarm->until = until;
}

static void
end(struct alarms *alarms, struct alarm *alarm, enum resolution over, int64_t now,
	struct outcome *outcome)
{
	alarm->incident.ended_at = now;
	alarm->incident.resolution = over;
	if (alarm->is_said)
		tell(alarm, now, outcome);
	forget(alarms, alarm);
}

void
alarms_tick(struct alarms *alarms, int64_t now, int64_t monotonic, struct outcome *outcome)
{
	struct alarm *alarm, *next;
	LL_FOREACH_SAFE (alarms->list, alarm, next) {
		if (monotonic > alarm->until)
			end(alarms, alarm, KIND[alarm->kind].over, now, outcome);
	}
}

void
alarms_end(struct alarms *alarms, int64_t now, struct outcome *outcome)
{
	while (alarms->list)
		end(alarms, alarms->list, RESOLUTION_OPERATOR, now, outcome);
}

/* Of those with the same subject the last: what was lost before this start is not lost by it. */
static enum alarm_kind
kind_of(const char *subject)
{
	int kind = ALARM_KINDS - 1;
	while (kind > 0 && strncmp(subject, KIND[kind].subject, strlen(KIND[kind].subject)) != 0)
		kind--;
	return (enum alarm_kind)kind;
}

void
alarms_resume(struct alarms *alarms, const struct incident *incident, int64_t monotonic)
{
	enum alarm_kind kind = kind_of(incident->site);
	int64_t calm = KIND[kind].calm;
	struct alarm *alarm = add(alarms, kind, monotonic);
	incident_copy(incident, &alarm->incident);
	alarm->is_said = true;
	alarm->until = monotonic + (calm > ALARM_RESTART_CALM ? calm : ALARM_RESTART_CALM);
}

void
alarms_each_standing(const struct alarms *alarms, int64_t now,
	void (*visit)(void *owner, const struct alert *alert), void *owner)
{
	const struct alarm *alarm;
	LL_FOREACH (alarms->list, alarm) {
		if (!alarm->is_said)
			continue;
		struct alert alert = alarm_alert(&alarm->incident, KIND[alarm->kind].advice, now);
		visit(owner, &alert);
		alert_fini(&alert);
	}
}
