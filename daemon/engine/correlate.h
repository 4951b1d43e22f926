#ifndef AIWATCH_ENGINE_CORRELATE_H
#define AIWATCH_ENGINE_CORRELATE_H

#include "daemon/engine/alert.h"

/*
 * The correlator: the table of sites and their machines. Pure: events and time in, transitions out;
 * no clock, no I/O, no globals. Everything that happened is appended to an `struct outcome` that
 * the caller hands in, so that the store can write it in one transaction.
 */
struct correlate_options {
	int64_t window;
	uint64_t failing_after;
	int64_t repeat_every;
	int64_t resolve_after;
	int64_t silent_after;
	/* The caller reads files in the order of time: what another file's backlog tells of old is
	 * no stray. */
	bool in_order;
};

/* An event as it comes from an input. Texts borrow for the call. */
struct sighting {
	const char *site;
	enum event_kind event;
	int64_t time; /* the record's own, or TIME_NONE */
	int64_t read_at;
	const char *file;
	uint64_t offset;
	const char *text;   /* safe to pass on */
	const char *cause;  /* NULL for none */
	const char *advice; /* of the rule; NULL for the default */
	uint8_t digest[16]; /* of the line's raw bytes */
	bool backlog;	    /* read on the first look at its file */
};

struct transition {
	char *site;
	enum site_state from, to;
	const char
		*why; /* the input that caused it: an event's name, "window", "quiet", "operator" */
	int64_t at;   /* the record's own time, or that of reading */
};

/* One stretch of trouble of a site: what the history is made of. Texts owned. */
struct incident {
	char id[ALERT_ID_TEXT]; /* of its first firing alert */
	enum alert_kind kind;
	char *site;
	int64_t started_at;
	int64_t ended_at; /* TIME_NONE while it lasts */
	char *cause;
	uint64_t occurrences;
	struct evidence *evidence; /* may be NULL while there is none */
	size_t evidence_count;
	enum resolution resolution;
};

void
incident_fini(struct incident *incident);
/* Where its evidence stands, with room for `count`, not fewer than there are; the rest is zero. */
struct evidence *
incident_evidence(struct incident *incident, size_t count);

/* What one call, or several, brought about; arrays owned. Start with OUTCOME_INIT. */
struct outcome {
	struct transition *transitions;
	size_t transition_count;
	struct alert *alerts; /* to be delivered, in order */
	size_t alert_count;
	struct incident *incidents; /* new or changed, by id */
	size_t incident_count;
	char **sites; /* names of the sites whose saved form changed, each once */
	size_t site_count;
	struct outcome_index *index; /* private: finds what the arrays hold */
};

#define OUTCOME_INIT ((struct outcome){0})

void
outcome_fini(struct outcome *outcome);

/* Transitions and alerts; what is for the store stays, and goes on being gathered. */
void
outcome_forget_said(struct outcome *outcome);

struct correlate;

struct correlate *
correlate_new(const struct correlate_options *options);
void
correlate_free(struct correlate *correlate);
void
correlate_configure(struct correlate *correlate, const struct correlate_options *options);

void
correlate_sighting(
	struct correlate *correlate, const struct sighting *sighting, struct outcome *outcome);

/* The first look at `file` is over at time `now`: what still stands of its backlog is alerted. */
void
correlate_backlog_end(
	struct correlate *correlate, const char *file, int64_t now, struct outcome *outcome);

/* A site wrote something, whether a rule knows it or not; only `silent_after` rests on it. */
void
correlate_activity(
	struct correlate *correlate, const char *site, int64_t now, struct outcome *outcome);

/* Does all that is due at `now`. */
void
correlate_tick(struct correlate *correlate, int64_t now, struct outcome *outcome);

/*
 * The wall clock jumped by `jump` against the monotonic one: what was stamped by it moves along, so
 * that waiting lasts as long as it should. Nothing falls due by it.
 */
void
correlate_shift(struct correlate *correlate, int64_t jump, struct outcome *outcome);

/* When correlate_tick has something to do next; TIME_NONE for never. */
int64_t
correlate_next_due(const struct correlate *correlate);

/*
 * The site that a person means: the one so called, else the only one that is so called without
 * regard to case, as in globs of sites. The name as the site has it, borrowed as long as there is a
 * correlator; NULL with a sentence, with the name that is nearest.
 */
const char *
correlate_find(const struct correlate *correlate, const char *name, struct err *err);

/* The operator's word. False with a sentence where the site is not known or nothing stands. */
bool
correlate_resolve(struct correlate *correlate, const char *site, int64_t now,
	struct outcome *outcome, struct err *err);
bool
correlate_ack(struct correlate *correlate, const char *site, int64_t now, struct outcome *outcome,
	struct err *err);

/* Silences until the time; TIME_NONE or a time not after `now` lifts it. The site need not be
 * known. */
bool
correlate_silence(struct correlate *correlate, const char *site, int64_t until, const char *reason,
	int64_t now, struct outcome *outcome, struct err *err);

/* Until when the site is silenced; TIME_NONE where it is not, or not known. */
int64_t
correlate_silenced_until(const struct correlate *correlate, const char *site);

/*
 * A site's saved form, one line of JSON to be freed, and back. NULL with a sentence where there is
 * no such site, or what it said before it rested cannot be read now: then it cannot be stored yet.
 * Load overwrites; false with a sentence where the form is not one.
 */
char *
correlate_save(const struct correlate *correlate, const char *site, struct err *err);
bool
correlate_load(struct correlate *correlate, const char *saved, struct err *err);

/*
 * Where sites that were stored may rest (correlate_rest): `read` gives the saved form of the site
 * that was stored last, to be freed, or NULL with a sentence, whose code is ENOENT where there is
 * none. It is asked for it when something happens to a site at rest, or all that is known of it is
 * wanted; where it fails, this is logged once and the site goes on, with empty texts in its
 * evidence and the default advice, until it is asked again, at the latest before the site is
 * stored. A resolution that is held back keeps the advice it was made with. Before the first load.
 */
void
correlate_set_reading(struct correlate *correlate,
	char *(*read)(void *owner, const char *site, struct err *err), void *owner);

/* Gives the incident, which such a site brought about, the texts that were not read then: before it
 * is stored. False with a sentence where they cannot be read now. */
bool
correlate_recall(const struct correlate *correlate, struct incident *incident, struct err *err);

/* All that was saved, and no change is unsaved, is stored: where more than `most` sites are awake,
 * all that can go to rest. Nothing is to be noticed of it but memory. */
void
correlate_rest(struct correlate *correlate, size_t most);

/* What is known of one site, for people and programs; texts borrow until the next change. */
struct site_view {
	const char *name;
	enum site_state state;
	int64_t since;	       /* TIME_NONE where nothing was recognised yet */
	int64_t last_event_at; /* by reading */
	uint64_t occurrences;
	const char *cause; /* NULL for none */
	bool acknowledged;
	int64_t silenced_until;		 /* TIME_NONE for not */
	const char *silence_reason;	 /* NULL for none */
	const struct incident *incident; /* the open one, or NULL */
	/* What the state rests on, also before it is an incident (no id); NULL where nothing. */
	const struct incident *trouble;
	const char *advice; /* of the rule for that trouble, NULL for the default */
};

/*
 * Calls `visit` with an alert, borrowed, for each that was said and is not over, of sites that may
 * be spoken of now: as it stands, with the id of its firing, updated at `now`. Behind the first
 * CORRELATE_STANDING, texts of evidence and advice of rules may be missing.
 */
enum { CORRELATE_STANDING = 10000 };
void
correlate_each_standing(const struct correlate *correlate, int64_t now,
	void (*visit)(void *owner, const struct alert *alert), void *owner);

/* Calls `visit` for each site, in the order of names. Texts of evidence and advice may be missing.
 */
void
correlate_each(const struct correlate *correlate,
	void (*visit)(void *owner, const struct site_view *view), void *owner);

/* The same with all texts, for each that `wants` is true of. */
void
correlate_each_whole(const struct correlate *correlate,
	bool (*wants)(const void *owner, const char *site),
	void (*visit)(void *owner, const struct site_view *view), void *owner);

#endif
