#ifndef AIWATCH_ENGINE_OUTBOX_H
#define AIWATCH_ENGINE_OUTBOX_H

#include "daemon/engine/store.h"
#include "daemon/sink/sink.h"

/*
 * The outbox: which alert waits for which sink. Persist before you speak: an alert that is posted,
 * and an answer that came back, are changes for the next transaction (outbox_collect); an alert
 * goes to its sinks only after outbox_saved. Per sink its own queue, in order per site, different
 * sites side by side; a sink that is down delays no other. Memory holds a row for each delivery,
 * not its document: that is read from the store when it is sent. No thread, no clock, no SQL: the
 * engine drives it.
 *
 *   posted ──outbox_saved──► waiting ──sent──► under way ──delivered──► done ──outbox_saved──► gone
 *                               ▲                  │ retry: backoff            refused, too old:
 *                               └──────────────────┘                           dead letter
 */
struct outbox_options {
	uint64_t max_alerts; /* waiting, over all sinks; at the limit outbox_is_full */
	int64_t max_age;     /* then a dead letter */
};

struct outbox;

/* `store` is borrowed, for reading documents; NULL keeps the documents in memory. */
struct outbox *
outbox_new(const struct outbox_options *options, struct store *store);
void
outbox_free(struct outbox *outbox);

/*
 * Replaces the sinks; borrowed until replaced, then free them (sends under way are given up and
 * tried again by the sink of the same name). Deliveries for a name that is gone become dead
 * letters.
 */
void
outbox_set_sinks(struct outbox *outbox, struct sink **sinks, size_t count);
void
outbox_configure(struct outbox *outbox, const struct outbox_options *options);

/* Takes back what the store remembers. Call once, after outbox_set_sinks. */
bool
outbox_load(struct outbox *outbox, int64_t now, struct err *err);

/* Posts a copy of the alert for every sink. */
void
outbox_post(struct outbox *outbox, const struct alert *alert, int64_t now);

/* Adds what changed since the last outbox_saved to `changes`; what it adds stays valid until then.
 */
void
outbox_collect(struct outbox *outbox, struct changes *changes);
bool
outbox_has_changes(const struct outbox *outbox);

/*
 * The transaction with the collected changes is over. `stored`: they are in the store. Else it
 * failed, or there is no store, and alerts go on regardless: documents stay in memory and go to
 * their sinks, and the next outbox_collect brings what is still to be stored again.
 */
void
outbox_saved(struct outbox *outbox, bool stored);

/* Sends what is due. Wall clock for ages, monotonic for waiting. */
void
outbox_tick(struct outbox *outbox, int64_t now, int64_t monotonic);

/* The monotonic time of the next thing to do, TIME_NONE for none. */
int64_t
outbox_next_due(const struct outbox *outbox);

bool
outbox_is_full(const struct outbox *outbox);

/* Called when an answer came and outbox_collect has something new. */
void
outbox_on_change(struct outbox *outbox, void (*changed)(void *owner), void *owner);

/* A sink as `status` shows it; texts borrow until the next call of anything. */
struct outbox_view {
	const char *sink;
	const char *type;
	uint64_t pending;
	int64_t oldest_at; /* wall; TIME_NONE where nothing waits */
	uint64_t delivered;
	uint64_t retried;
	uint64_t dead;
	const char *last_error; /* NULL for none */
};

void
outbox_each(const struct outbox *outbox, void (*visit)(void *owner, const struct outbox_view *view),
	void *owner);

#endif
