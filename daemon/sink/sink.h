#ifndef AIWATCH_SINK_SINK_H
#define AIWATCH_SINK_SINK_H

#include "config/config.h"
#include "daemon/engine/alert.h"

#include <systemd/sd-event.h>

/*
 * A sink delivers alerts; types are rows of one table in sink.c. Everything happens on the engine's
 * loop and nothing blocks: sink_send returns at once, the answer comes through `done`, exactly once
 * for every send, perhaps before sink_send returns. A sink may have many sends under way; the
 * outbox sends a site's alerts one after another.
 */
enum sink_outcome {
	SINK_DELIVERED,
	SINK_MISSED,  /* as SINK_RETRY, and the receiver surely has not taken it */
	SINK_RETRY,   /* try again, not before `retry_after` from now (0: the outbox decides) */
	SINK_REFUSED, /* final: a dead letter */
};

struct sink_answer {
	enum sink_outcome outcome;
	int64_t retry_after; /* duration */
	char text[256];	     /* what the receiver said, safe to pass on, without secrets */
};

typedef void
sink_on_done(void *owner, const struct sink_answer *answer);

struct sink;

/* Makes a sink of a configuration's row (copied). Opens nothing. NULL with a sentence. */
struct sink *
sink_new(const struct config_sink *config, const char *collector, sd_event *loop, struct err *err);

/* Adds a problem, at its place, for each row that sink_new would refuse. A row with a secret that
 * could not be read is left out. A config_check. */
void
sinks_check(const struct config *config, struct config_problems *problems);

/* Frees; sends under way are given up without a call of `done`. Takes NULL. */
void
sink_free(struct sink *sink);

const char *
sink_name(const struct sink *sink);
const char *
sink_type(const struct sink *sink);

/* Whether the configuration wants alerts like this one to go there (`only`). */
bool
sink_wants(const struct sink *sink, const struct alert *alert);

/* Whether what began and ended before it could be told is left out. */
bool
sink_collapses(const struct sink *sink);

/* How often it is told that the daemon lives; 0 for never. */
int64_t
sink_heartbeat(const struct sink *sink);

/* Whether its receiver forgets what it is not told again each minute. */
bool
sink_repeats(const struct sink *sink);

/*
 * Says again what stands, or that it is over; at the end of a round it is called with NULL. No
 * answer is wanted, and what the sink has no room for is left out: only where sink_repeats.
 */
void
sink_repeat(struct sink *sink, const struct alert *alert);

void
sink_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner);

/* The bytes that sink_send would send, as text for a person, to be freed: for dry runs. */
char *
sink_preview(struct sink *sink, const struct alert *alert);

#endif
