#ifndef AIWATCH_ENGINE_ROSTER_H
#define AIWATCH_ENGINE_ROSTER_H

#include "daemon/base/table.h"
#include "daemon/engine/site.h"

/*
 * The correlator's table of sites: who is awake, who rests. A site at rest is packed and has left
 * texts behind (site_rest); it is woken to be changed, and unpacked for a moment to be looked at.
 *
 *  1. Only sites whose saved form is stored as they stand are laid to rest.
 *  2. Where nothing can be read again (no `read`) no site rests.
 *  3. Every site that is awake stands among the awake.
 */
struct row {
	union {
		struct site *site;
		struct resting_site *resting;
	};
	int64_t due;   /* where it has a slot */
	uint32_t slot; /* in the heap of timers: the correlator's */
	bool rests;
	bool loaded; /* and the first tick has not been */
	char name[]; /* the site's */
};

struct roster {
	struct table rows; /* by the names of their sites */
	/* As correlate_set_reading; NULL where no site may rest. */
	char *(*read)(void *owner, const char *site, struct err *err);
	void *read_owner;
	bool read_fails;
	struct row **awake;
	size_t awake_count, awake_room;
	size_t restless; /* of them: could not go to rest the last time */
};

/* All zero is an empty roster. */
void
roster_fini(struct roster *roster);

/* NULL where there is none. */
struct row *
roster_find(const struct roster *roster, const char *site);

/* A row for a site that has none, which is taken over. */
struct row *
roster_add(struct roster *roster, struct site *site);

/* As table_next. */
struct row *
roster_next(const struct roster *roster, size_t *place);

/* All rows in the order of names, to be freed. */
struct row **
roster_sort(const struct roster *roster);

/* The site, to be looked at and given back; perhaps bare. Of one that is awake it is the site. */
struct site *
roster_peek(const struct row *row);
void
roster_unpeek(const struct row *row, struct site *site);

/* The site, to be changed; perhaps bare. */
struct site *
roster_wake(struct roster *roster, struct row *row);

/*
 * Takes up the texts that the site, or an incident of one, left behind; of what is not bare there
 * are none. False with a sentence where they cannot be read now: then it stays bare.
 */
bool
roster_recall(struct roster *roster, struct site *site, struct err *err);
bool
roster_recall_incident(struct roster *roster, struct incident *incident, struct err *err);

/* The row was woken or added last, and is stored as it stands, texts at least: it may rest. */
void
roster_rest_last(struct roster *roster, struct row *row);

/* As correlate_rest. */
void
roster_rest(struct roster *roster, size_t most);

#endif
