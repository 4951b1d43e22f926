#ifndef AIWATCH_ENGINE_COUNTERS_H
#define AIWATCH_ENGINE_COUNTERS_H

#include "daemon/engine/correlate.h"

enum { LATENCY_BUCKETS = 8 };

/* Upper bounds of the latency histogram's buckets, seconds, ascending. */
extern const double LATENCY_BOUND[LATENCY_BUCKETS];

/* What the engine counts since it started. A value; all zero at the start. */
struct counters {
	uint64_t events[EVENT_KINDS];
	uint64_t transitions[SITE_STATES][SITE_STATES];
	uint64_t alerts[ALERT_KINDS][2];       /* resolved, firing; a reminder is firing */
	uint64_t latency[LATENCY_BUCKETS + 1]; /* each bucket by itself; the last has no bound */
	double latency_sum;
};

/* Counts the transitions and alerts. */
void
counters_add_outcome(struct counters *counters, const struct outcome *outcome);

/* Counts a delivery, so long after the line was read. Negative is 0: the clock may be set back. */
void
counters_add_latency(struct counters *counters, int64_t duration);

#endif
