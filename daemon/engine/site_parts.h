#ifndef AIWATCH_ENGINE_SITE_PARTS_H
#define AIWATCH_ENGINE_SITE_PARTS_H

#include "daemon/engine/site.h"

/*
 * What a site is made of: shared by the files site*.c (see daemon/engine/site.h). Nobody else
 * includes this.
 */

/* One line of an attempt, kept as long as another may pair with it. */
struct line {
	uint16_t references; /* at most as many as there are places */
	bool backlog;
	bool taken;	      /* its attempt has both its lines */
	enum alert_kind kind; /* of trouble that its attempt was counted to */
	uint64_t syncs;	      /* sync lines that the site had seen with it */
	struct evidence evidence;
};

/* The kinds of trouble that follow from lines; the first of enum alert_kind. */
#define TROUBLES (ALERT_SYNC_FAILING + 1)

/* What was said of an incident. */
struct saying {
	bool said;  /* its firing alert went out */
	bool acked; /* no reminders */
	uint64_t reminders;
	int64_t said_at; /* the last firing or reminder, by the clock */
};

/* Trouble in the making, or open: then the incident has an id. */
struct trouble {
	struct incident incident;
	char *advice; /* of the rule, NULL for the default */
	struct saying saying;
	bool lacks_advice; /* it is only in the saved form */
};

/* All that a site remembers while it is neither unknown nor healthy. NULL is a trouble of which
 * nothing has been seen, a line that has not come; one line may stand in two places. */
struct attempts {
	struct trouble *trouble[TROUBLES];
	struct line *enroll;	/* the last line of an enrolment */
	struct line *sync;	/* the last line of a sync */
	struct line *rejected;	/* the last L1 */
	struct line *forbidden; /* the last 403 */
	uint64_t syncs;
	/* the L1 whose window runs, in the state enroll_rejected */
	int64_t waiting_time; /* its own, or TIME_NONE */
	int64_t waiting_read_at;
	bool waiting_backlog;
};

enum { HOLDS_MAX = 64 };	 /* files whose first look may hold one site's alerts back */
enum { KEPT_MAX = 2 };		 /* resolutions that may wait: of a trouble, of a silence */
#define HOLD_LONGEST	  HOUR	 /* without another line of a backlog: its end was lost */
#define ACTIVITY_NOTE	  MINUTE /* how old a saved active_at may be */
#define EVIDENCE_TEXT_MAX 1024	 /* bytes of a line's text that a site keeps */
#define CAUSE_TEXT_MAX	  256

struct holds {
	char **file;
	size_t count;
	int64_t last_at; /* the last backlog sighting, by reading */
};

struct site {
	enum site_state state;
	enum site_state previous;
	int64_t since;
	int64_t last_event_at;	   /* by reading */
	int64_t last_time;	   /* the last event's own time, TIME_NONE where not read */
	int64_t active_at;	   /* wrote something, by reading; TIME_NONE: not watched */
	int64_t active_noted_at;   /* active_at when it was last to be saved */
	uint8_t last_digest[16];   /* of the last event's line */
	uint8_t last_file[16];	   /* hash128 of the last event's file */
	uint64_t silences;	   /* how often it fell silent */
	struct attempts *attempts; /* NULL in the states unknown and healthy */
	struct trouble *silent;	   /* site_silent, NULL while it writes */
	struct holds *holds;	   /* NULL where nothing is held back */
	int64_t silenced_until;	   /* TIME_NONE for not */
	char *silence_reason;
	bool is_bare;	    /* texts of its attempts are only in its saved form */
	struct alert *kept; /* resolutions that wait until the site may speak again */
	size_t kept_count;
	char name[];
};

enum site_input {
	INPUT_ENROLL_REJECTED,	    /* L1, of an attempt of its own */
	INPUT_ENROLL_REJECTED_LATE, /* L1 behind the failed sync of its attempt */
	INPUT_ENROLL_REJECTED_PAIR, /* L1 within the window of a 403 */
	INPUT_SYNC_FORBIDDEN,
	INPUT_SYNC_FORBIDDEN_PAIR, /* 403 within the window of an L1 */
	INPUT_REPORTED_EXPIRED,
	INPUT_REPORTED_BAD, /* stands for a 403 */
	INPUT_REPORTED_BAD_PAIR,
	INPUT_ENROLL_FAILED,
	INPUT_SYNC_FAILED,
	INPUT_SYNC_SUCCEEDED,
	INPUT_ENROLL_SUCCEEDED,
	INPUT_WINDOW,	/* an L1's window has passed without its sync line */
	INPUT_OPERATOR, /* resolved by the operator */
	INPUT_QUIET,	/* nothing recognised for resolve_after */
	SITE_INPUTS,
};

/* What one call of a site works with. */
struct turn {
	struct site *site;
	const struct correlate_options *options;
	struct outcome *outcome;
	int64_t at;  /* where it stands in history */
	int64_t now; /* the clock */
};

/* Gives the input to the machine: the one place that writes a state. */
void
site_enter(const struct turn *turn, enum site_input input);

/* Takes a failing line: what it means, its attempt, the input it is. */
void
site_take_failure(const struct turn *turn, const struct sighting *sighting);

/* Forgets trouble in the making; what is open stays until it is ended. */
void
site_forget(struct site *site, enum alert_kind kind);

/* False with a sentence where what is said above the machine is not true. */
bool
site_is_sound(const struct site *site, struct err *err);

void
site_replace_text(char **text, char *with); /* takes `with` over, NULL for none */

/* The kind of trouble of each state; ALERT_KINDS where it has none. */
enum alert_kind
site_kind_of(enum site_state state);

/* When a line stands in history: its own time, else when it was read. */
static inline int64_t
evidence_when(const struct evidence *evidence)
{
	return evidence->time != TIME_NONE ? evidence->time : evidence->read_at;
}

/* The i-th of the places where a line is kept, in the order of struct attempts. */
enum { LINE_PLACES = 4 };
struct line **
attempts_line(struct attempts *attempts, size_t i);

/* The first place where this evidence stands; LINE_PLACES for none, or without attempts. */
size_t
attempts_find_line(struct attempts *attempts, const struct evidence *evidence);

/* Takes a share of the line, NULL for none, to where another may have stood. */
void
line_put(struct line **place, struct line *line);
void
trouble_fini(struct trouble *trouble);
void
attempts_free(struct attempts *attempts); /* takes NULL */

/* The trouble of that kind, made if need be. */
struct trouble *
attempts_trouble(struct attempts *attempts, enum alert_kind kind);
void
attempts_forget(struct attempts *attempts, enum alert_kind kind);

/* The trouble that is open; NULL for none. */
struct trouble *
site_open_trouble(const struct site *site);
static inline bool
trouble_is_open(const struct trouble *trouble) /* NULL: no */
{
	return trouble && trouble->incident.id[0] != '\0';
}

/* May nothing be said of the site now? */
bool
site_is_held(const struct site *site);

/* Opens the trouble in the making of this kind, ends as superseded what was open. */
void
site_open(
	struct site *site, enum alert_kind kind, int64_t at, int64_t now, struct outcome *outcome);

/* Ends the incident. */
void
site_end(struct site *site, struct trouble *trouble, enum resolution resolution, int64_t at,
	struct outcome *outcome);

/* Begins or ends site_silent. */
void
site_fall_silent(struct site *site, int64_t now, struct outcome *outcome);

/* Says what was held back, where the site may speak again. */
void
site_release(struct site *site, int64_t now, struct outcome *outcome);

/* Sends a reminder of the open troubles for which one is due. */
void
site_remind(struct site *site, const struct correlate_options *options, int64_t now,
	struct outcome *outcome);
int64_t
trouble_reminder_due(const struct site *site, const struct trouble *trouble,
	const struct correlate_options *options);

#endif
