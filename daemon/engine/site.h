#ifndef AIWATCH_ENGINE_SITE_H
#define AIWATCH_ENGINE_SITE_H

#include "daemon/base/buf.h"
#include "daemon/engine/correlate.h"

/*
 * The machine of one site: what a sync point's records mean together. Pure, like the correlator
 * that owns the table of them; times are those of correlate.h. Every call appends what it brought
 * about to the outcome.
 */
struct site;

struct site *
site_new(const char *name);
void
site_free(struct site *site); /* takes NULL */
const char *
site_key(const struct site *site);

void
site_on_sighting(struct site *site, const struct correlate_options *options,
	const struct sighting *sighting, struct outcome *outcome);
void
site_on_activity(struct site *site, int64_t now, struct outcome *outcome);

/* The first look at `file` is over; nothing happens where it holds nothing back. */
void
site_on_backlog_end(struct site *site, const char *file, int64_t now, struct outcome *outcome);

bool
site_is_held_by(const struct site *site, const char *file);

/* The i-th file whose first look holds the site's alerts back; NULL behind the last. */
const char *
site_held_by(const struct site *site, size_t i);

/* The clock jumped by `jump`: what was stamped by it moves along, what records say of themselves
 * stays. */
void
site_shift(struct site *site, int64_t jump);

/* Does all that is due at `now`; then site_due is after `now`. */
void
site_tick(struct site *site, const struct correlate_options *options, int64_t now,
	struct outcome *outcome);
int64_t
site_due(const struct site *site, const struct correlate_options *options); /* TIME_NONE: never */

/* The operator's word; as correlate_resolve, correlate_ack, correlate_silence. */
bool
site_resolve(struct site *site, int64_t now, struct outcome *outcome, struct err *err);
bool
site_ack(struct site *site, struct outcome *outcome, struct err *err);
void
site_silence(
	struct site *site, int64_t until, const char *reason, int64_t now, struct outcome *outcome);

/* As correlate_each_standing; whether there is one. */
bool
site_has_standing(const struct site *site);
void
site_each_standing(const struct site *site, int64_t now,
	void (*visit)(void *owner, const struct alert *alert), void *owner);

void
site_get_view(const struct site *site, struct site_view *view);

/* The saved form, one line of JSON, to be freed; and a site from it, NULL with a sentence. */
char *
site_save(const struct site *site);
struct site *
site_load(const char *saved, struct err *err);

/*
 * A site at rest takes a quarter of the memory: all that decides, packed, without the texts of its
 * evidence and the advice of rules, which are in its saved form too. site_rest takes the site over;
 * NULL, and nothing done, while it holds something back. The form is freed by free, and has no
 * name. site_wake makes the site anew, bare where it has such texts: it may be changed and spoken
 * of without them, not saved nor kept in history before site_recall and incident_recall have taken
 * them from the saved form, which stays as it was until then.
 */
struct resting_site;

struct resting_site *
site_rest(struct site *site);
struct site *
site_wake(const struct resting_site *resting, const char *name);
bool
site_is_bare(const struct site *site);
bool
incident_is_bare(const struct incident *incident); /* one that a bare site brought about */

/*
 * Nothing is done to what is not bare, and nothing is bare behind it. False with a sentence where
 * the saved form is not one, or not of these lines; where it is NULL err has the sentence. Then ""
 * stays for what could not be had.
 */
bool
site_recall(struct site *site, const char *saved, struct err *err);
bool
incident_recall(struct incident *incident, const char *saved, struct err *err);

/* The machine as a table for people and for the golden file. */
void
site_print_machine(struct buf *out);

/* Aborts where what is said above the machine is not true. */
void
site_check(const struct site *site);

#endif
