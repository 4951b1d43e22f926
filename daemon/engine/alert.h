#ifndef AIWATCH_ENGINE_ALERT_H
#define AIWATCH_ENGINE_ALERT_H

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "parsers/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The states of a site, in the order of the matrix. */
enum site_state {
	SITE_UNKNOWN,
	SITE_HEALTHY,
	SITE_ENROLL_REJECTED,
	SITE_SYNC_FORBIDDEN,
	SITE_EXPIRED,
	SITE_FAILING,
	SITE_STATES,
};

enum alert_kind {
	ALERT_CERTIFICATE_EXPIRED,
	ALERT_CERTIFICATE_SUSPECT,
	ALERT_SYNC_FAILING,
	ALERT_SITE_SILENT,
	ALERT_AIWATCH, /* about aiwatch itself: dead letters, a gap, an input that hangs */
	ALERT_TEST,
	ALERT_HEARTBEAT, /* the daemon lives: said again and again, for a dead man's switch */
	ALERT_KINDS,
};

enum alert_severity {
	ALERT_INFO,
	ALERT_WARNING,
	ALERT_CRITICAL,
	ALERT_SEVERITIES,
};

enum resolution {
	RESOLUTION_NONE, /* still firing */
	RESOLUTION_RECOVERED,
	RESOLUTION_OPERATOR,
	RESOLUTION_QUIET,
	RESOLUTION_SUPERSEDED,
	RESOLUTIONS,
};

/* Names as documents spell them ("expired", "certificate_expired", "critical", "recovered"). */
const char *
site_state_name(enum site_state state);
const char *
alert_kind_name(enum alert_kind kind);
const char *
alert_severity_name(enum alert_severity severity);
const char *
resolution_name(enum resolution resolution); /* NULL for RESOLUTION_NONE */
bool
site_state_from_name(const char *name, enum site_state *state);
bool
alert_kind_from_name(const char *name, enum alert_kind *kind);
bool
alert_severity_from_name(const char *name, enum alert_severity *severity);
bool
resolution_from_name(const char *name, enum resolution *resolution); /* not RESOLUTION_NONE */
enum alert_severity
alert_kind_severity(enum alert_kind kind);

/* One line that an alert rests on. The texts are owned and safe to pass on. Copies of evidence
 * whose texts are shared have them in common. One thread. */
struct evidence {
	enum event_kind event;
	int64_t time;	 /* the record's own, or TIME_NONE */
	int64_t read_at; /* when it was read */
	char *file;
	uint64_t offset;
	char *text;
	uint8_t digest[16];	     /* hash128 of the line's raw bytes: what ids are made of */
	struct shared_texts *shared; /* where file and text stand; NULL: each is owned alone */
};

enum { EVIDENCE_MAX = 4 }; /* lines of evidence that an alert keeps */

#define ALERT_ID_TEXT 33 /* 32 hexadecimal digits and a NUL */

/*
 * An alert as it goes to the sinks; all texts owned, NULL where the generic document (design:
 * section 6) says null. The same value stands in the store: see alert_save.
 */
struct alert {
	char id[ALERT_ID_TEXT];
	enum alert_kind kind;
	bool firing; /* else resolved */
	bool reminder;
	bool test;
	enum alert_severity severity;
	char *site;
	enum site_state state;
	enum site_state previous_state;
	char *summary;
	char *advice;
	char *cause;
	int64_t started_at;
	int64_t updated_at;
	int64_t resolved_at; /* TIME_NONE while firing */
	enum resolution resolution;
	uint64_t occurrences;
	struct evidence evidence[EVIDENCE_MAX];
	size_t evidence_count;
};

void
alert_fini(struct alert *alert);
void
alert_copy(const struct alert *from, struct alert *to); /* deep; to is overwritten */
void
evidence_fini(struct evidence *evidence);
void
evidence_copy(const struct evidence *from, struct evidence *to);
/* Puts the texts where copies can have them in common. */
void
evidence_share(struct evidence *evidence);
/* Copies these to there, in place of none. */
void
evidence_set_texts(struct evidence *evidence, const char *file, const char *text);
/*
 * Texts that were left behind: "" is set for them, and they stand elsewhere in this place, from 1;
 * 0 for not. Copies have the place in common too. The evidence has texts that can be shared.
 */
void
evidence_leave_at(struct evidence *evidence, unsigned place);
unsigned
evidence_left_at(const struct evidence *evidence);

/*
 * Adds a line to the evidence of one trouble, taking it over; *line is emptied. Where all is full,
 * the first half (what began it) stays and the oldest of the second half (the latest) goes.
 */
void
evidence_add(struct evidence list[EVIDENCE_MAX], size_t *count, struct evidence *line);

/*
 * Ids are content, so that a replay, a second daemon or one that lost its store say the same:
 *
 *   id of the firing  = SHA-256("aiwatch 1" SITE KIND "firing" then of each line OFFSET DIGEST)
 *   id of what follows = SHA-256("aiwatch 1" SITE KIND TRANSITION FIRING-ID)
 *
 * each text with a NUL behind it, OFFSET 8 bytes big endian, DIGEST its 16 bytes, FIRING-ID its 32
 * digits and a NUL; TRANSITION is "reminder N" (from 1) or "resolved". Of the 32 bytes the first 16
 * are written in hexadecimal digits. `more` stands for what tells two firings without evidence
 * apart, NULL for none.
 */
void
alert_id_of_firing(char out[ALERT_ID_TEXT], const char *site, enum alert_kind kind,
	const struct evidence *evidence, size_t count, const char *more);
void
alert_id_of_follower(char out[ALERT_ID_TEXT], const char *site, enum alert_kind kind,
	const char *transition, const char *firing_id);

/*
 * Writes summary and advice from the rest of the alert, replacing what is there. `advice` is the
 * rule's own, which wins; NULL for that of the kind and cause.
 */
void
alert_write_texts(struct alert *alert, const char *advice);

/* What is advised where the rule has nothing of its own, by kind, state and cause; static. */
const char *
alert_usual_advice(const struct alert *alert);

/* A label of the configuration, added to the document of one sink. */
struct label {
	char *name;
	char *value;
};

/*
 * The generic document, one line of JSON without a newline, to be freed. `collector` names this
 * host; labels may be NULL where count is 0. alert_save writes the same members for the store, to
 * be freed too, without spaces, what is none, what follows from the rest and the usual advice.
 * alert_from_json reads what either wrote: false with a sentence on anything else, and then nothing
 * is to be freed. What there is no room for (the digests and read_at of evidence) comes back as
 * zeros and TIME_NONE.
 */
char *
alert_to_json(const struct alert *alert, const char *collector, const struct label *labels,
	size_t label_count);
char *
alert_save(const struct alert *alert);
bool
alert_from_json(const char *document, struct alert *alert, struct err *err);

/* "key" of the document: KIND/SITE, to be freed. */
char *
alert_key(const struct alert *alert);

/* Links of the advice for this kind, NULL-terminated, static. */
const char *const *
alert_links(enum alert_kind kind);

#endif
