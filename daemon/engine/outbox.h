#ifndef AIWATCH_ENGINE_OUTBOX_H
#define AIWATCH_ENGINE_OUTBOX_H

#include "daemon/engine/store.h"
#include "daemon/sink/sink.h"

/*
 * The outbox: which alert waits for which sink. Persist before you speak: an alert that is posted,
 * and an answer that came back, are changes for the next transaction (outbox_collect); an alert
 * goes to its sinks only after outbox_saved. Per sink its own queue, in order per site, different
 * sites side by side; a sink that is down delays no other. Memory holds a row for each delivery
 * and the documents posted last; others are read from the store when they are sent. No thread, no
 * clock, no SQL: the engine drives it, and nothing here calls back but outbox_on_change.
 *
 *   posted ──outbox_saved──► waiting ──sent──► under way ──delivered──► done ──outbox_saved──► gone
 *                               ▲                  │ retry: backoff            refused, too old:
 *                               └──────────────────┘                           dead letter
 *
 * A site whose alert is to be tried again waits 1 s to 5 min, doubling, the whole of it by chance
 * (full jitter), or as long as the receiver said, at most max_age. Where three sites in a row
 * failed and none got through, the sink is taken to be down: one try at a time, at most 30 s apart
 * or as the receiver said, until one gets through; then all that waits goes. An alert dies of age
 * only when a try of its site, or of a sink that is down, has just failed: a clock that jumped
 * kills nothing that its sink would take.
 *
 * For a sink that collapses, a resolution takes the firing and the reminders of its trouble with it
 * where they still wait and the sink surely has not taken the firing: it hears of neither. What was
 * waiting when the daemon started is told.
 */
struct outbox_options {
	uint64_t max_alerts; /* deliveries waiting, over all sinks; then outbox_is_full */
	int64_t max_age;     /* then a dead letter */
};

enum {
	OUTBOX_UNDER_WAY = 16,	     /* sends of one sink at a time */
	OUTBOX_DOCUMENTS = 32 << 20, /* bytes of documents in memory; then outbox_is_full */
	OUTBOX_KEPT = 1 << 20,	     /* bytes of those that the store has too */
};

struct outbox;

/*
 * `store` is borrowed, for reading documents; NULL keeps the documents in memory and the caller
 * says outbox_saved(outbox, false).
 */
struct outbox *
outbox_new(const struct outbox_options *options, struct store *store);
void
outbox_free(struct outbox *outbox); /* takes NULL; its sinks go before, or right after */

/* Where chance comes from, instead of getrandom(2): for tests. */
void
outbox_set_random(struct outbox *outbox, uint32_t (*random)(void *owner), void *owner);

/*
 * Replaces the sinks; borrowed until replaced, then free them before anything else runs (sends
 * under way are given up and tried again by the sink of the same name). Deliveries for a name that
 * is gone become dead letters.
 */
void
outbox_set_sinks(struct outbox *outbox, struct sink **sinks, size_t count);
void
outbox_configure(struct outbox *outbox, const struct outbox_options *options);

/* Takes back what the store remembers; what was under way is sent again. Call once, after
 * outbox_set_sinks and before anything is posted. */
bool
outbox_load(struct outbox *outbox, int64_t now, struct err *err);

/* Posts a copy of the alert for every sink that wants it; _others leaves the named one out. */
void
outbox_post(struct outbox *outbox, const struct alert *alert, int64_t now);
void
outbox_post_others(struct outbox *outbox, const struct alert *alert, int64_t now, const char *sink);

/*
 * A sink has begun to have dead letters, or (over) has none left. Each change is told once; what
 * stood before outbox_load is taken to have been told. Texts borrow until the next call of
 * anything.
 */
struct outbox_alarm {
	const char *sink;
	bool over;
	const char *first_id; /* of the dead letter that began it */
	int64_t first_at;     /* when that was posted, or tried anew */
	const char *error;    /* what was said of it; NULL for nothing */
};

bool
outbox_next_alarm(struct outbox *outbox, struct outbox_alarm *alarm);

/* Those that were told, or taken to have been, and are not over. */
void
outbox_each_alarm(const struct outbox *outbox,
	void (*visit)(void *owner, const struct outbox_alarm *alarm), void *owner);

/*
 * Sets the postings, changed and done of `changes` to what is to be stored; it stays valid until
 * outbox_saved. outbox_has_changes tells whether there is a reason for a transaction: something
 * new, or left over by one that failed. Attempts that failed are none, they ride along.
 */
void
outbox_collect(struct outbox *outbox, struct changes *changes);
bool
outbox_has_changes(const struct outbox *outbox);

/*
 * The transaction with the collected changes is over. `stored`: they are in the store. Else it
 * failed, was not tried, or there is no store, and alerts go on regardless: all that was posted
 * goes to its sinks, from documents that stay in memory, and outbox_collect brings again what is
 * still to be stored.
 */
void
outbox_saved(struct outbox *outbox, bool stored);

/*
 * Takes up the answers and sends what is due, at most 256 alerts a sink and call. Wall clock for
 * ages, monotonic for waiting.
 */
void
outbox_tick(struct outbox *outbox, int64_t now, int64_t monotonic);

/* The wall clock jumped by so much: ages go on as before, over a restart too. */
void
outbox_shift(struct outbox *outbox, int64_t jump);

/* The monotonic time of the next thing for outbox_tick, perhaps past; TIME_NONE for none. */
int64_t
outbox_next_due(const struct outbox *outbox);

bool
outbox_is_full(const struct outbox *outbox);

/*
 * Called when an answer came: outbox_collect may have something new, and outbox_tick something to
 * do. It may be called from inside outbox_tick, and must only take note.
 */
void
outbox_on_change(struct outbox *outbox, void (*changed)(void *owner), void *owner);

/* Called when a sink acknowledged an alert that was posted at `created_at`. It must only take note.
 */
void
outbox_on_delivery(
	struct outbox *outbox, void (*delivered)(void *owner, int64_t created_at), void *owner);

/* A sink as `status` shows it; texts borrow until the next call of anything. */
struct outbox_view {
	const char *sink;
	const char *type; /* "" where only dead letters remain of a sink that is gone */
	uint64_t pending;
	int64_t oldest_at;  /* wall; TIME_NONE where nothing waits */
	uint64_t delivered; /* since the start, as is retried */
	uint64_t retried;
	uint64_t refused;	/* answers that were final; since the start */
	uint64_t collapsed;	/* left out: over before the sink could be told */
	uint64_t dead;		/* letters kept now */
	const char *last_error; /* since the last that was delivered; NULL for none */
};

void
outbox_each(const struct outbox *outbox, void (*visit)(void *owner, const struct outbox_view *view),
	void *owner);

/* The operator's view: every delivery but those done, by sink, the dead first, then by site. */
void
outbox_each_delivery(const struct outbox *outbox,
	void (*visit)(void *owner, const struct delivery *delivery), void *owner);

/* Which deliveries the operator means; all members borrowed, NULL and 0 for any. */
struct outbox_choice {
	const char *sink;
	const char *const *ids; /* of alerts */
	size_t id_count;
};

/* Tries the chosen ones now: dead letters begin anew, at the age of 0. Returns how many. */
size_t
outbox_retry(struct outbox *outbox, const struct outbox_choice *choice, int64_t now);

/* Drops the chosen ones, dead or waiting, but for those under way. Returns how many. */
size_t
outbox_drop(struct outbox *outbox, const struct outbox_choice *choice);

#endif
