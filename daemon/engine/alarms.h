#ifndef AIWATCH_ENGINE_ALARMS_H
#define AIWATCH_ENGINE_ALARMS_H

#include "daemon/engine/correlate.h"

/*
 * Alarms: trouble of the watcher itself, as alerts of kind aiwatch. Pure, as the correlator is:
 * signs and time in; alerts, and incidents by which a restart knows what stands, out.
 *
 *   none ──sign──► doubted ──signs for `after`──► said ──no sign for `calm`──► over
 *                     └──────no sign for `after`──► none
 *
 * A doubted one whose `after` is 0 is said at once. Times are wall clock (`now`) for dates, and
 * monotonic for waiting.
 */
enum alarm_kind {
	ALARM_GAPS,	    /* the first one of an input */
	ALARM_INPUT,	    /* an input hangs in a read */
	ALARM_STORE_LOST,   /* the store was set aside at the start */
	ALARM_STORE_MEMORY, /* it keeps nothing over a restart */
	ALARM_STORE_FAILS,  /* it does not take what happens */
	ALARM_KINDS,
};

/*
 * Durations; the manual names them. The last is the least for what a restart took over, which is
 * looked for anew.
 */
#define ALARM_GAP_CALM	   HOUR
#define ALARM_LOST_CALM	   HOUR
#define ALARM_STORE_AFTER  (30 * SECOND)
#define ALARM_STORE_CALM   (5 * MINUTE)
#define ALARM_RESTART_CALM MINUTE

/* That there is trouble now; all borrowed. One alarm of a subject stands at a time. */
struct alarm_sign {
	enum alarm_kind kind;
	const char *input; /* "" where it is of no input */
	const char *cause;
	const char *what;   /* tells two alarms of one subject apart: what the id is made of */
	int64_t started_at; /* wall */
};

struct alarms;

struct alarms *
alarms_new(void);
void
alarms_free(struct alarms *alarms); /* takes NULL */

void
alarms_see(struct alarms *alarms, const struct alarm_sign *sign, int64_t now, int64_t monotonic,
	struct outcome *outcome);

/* All were looked for, at the `monotonic` of the signs that were seen: what is calm is over. */
void
alarms_tick(struct alarms *alarms, int64_t now, int64_t monotonic, struct outcome *outcome);

/* Ends what was said, by the operator. */
void
alarms_end(struct alarms *alarms, int64_t now, struct outcome *outcome);

/* The incident lasted when the daemon stopped. */
void
alarms_resume(struct alarms *alarms, const struct incident *incident, int64_t monotonic);

/* Whether none is said or doubted: alarms_tick has nothing to do. */
bool
alarms_are_none(const struct alarms *alarms);

/* As correlate_each_standing. */
void
alarms_each_standing(const struct alarms *alarms, int64_t now,
	void (*visit)(void *owner, const struct alert *alert), void *owner);

/* The alert that such an incident is told by, to be finished: firing while it has not ended. */
struct alert
alarm_alert(const struct incident *incident, const char *advice, int64_t now);

#endif
