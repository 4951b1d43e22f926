#ifndef AIWATCH_ENGINE_UPKEEP_H
#define AIWATCH_ENGINE_UPKEEP_H

#include "daemon/engine/alert.h"
#include "daemon/sink/sink.h"

/*
 * Upkeep: what sinks are told without anything having happened. Some receivers forget: they are
 * told each minute what stands, and for five minutes what was resolved (sink_repeats). Others wait
 * for a sign of life (sink_heartbeat). None of it is kept or tried again: the next one comes. What
 * stands comes from who said it, and so from the store, so a restart changes nothing.
 *
 * Times are monotonic unless said otherwise; alerts are copied.
 */
#define UPKEEP_INTERVAL MINUTE
#define UPKEEP_RESOLVED (5 * MINUTE)

struct upkeep;

/* Calls `visit` with an alert, borrowed, for each that stands at `now`: wall clock. */
typedef void
upkeep_standing(void *owner, int64_t now, void (*visit)(void *visitor, const struct alert *alert),
	void *visitor);

struct upkeep *
upkeep_new(const char *collector);
void
upkeep_free(struct upkeep *upkeep); /* takes NULL; before its sinks are freed */

/* Replaces the sinks; borrowed until replaced. */
void
upkeep_set_sinks(struct upkeep *upkeep, struct sink *const *sinks, size_t count, int64_t monotonic);

/* An alert was posted: what is resolved is repeated for a while, what fires again no longer. */
void
upkeep_note(struct upkeep *upkeep, const struct alert *alert, int64_t monotonic);

/* When upkeep_tick has something to do next, perhaps past; TIME_NONE for never. */
int64_t
upkeep_next_due(const struct upkeep *upkeep);

/* `now` is wall clock; `owner` is handed to `each`. */
void
upkeep_tick(
	struct upkeep *upkeep, upkeep_standing *each, void *owner, int64_t now, int64_t monotonic);

#endif
