#include "daemon/engine/counters.h"

const double LATENCY_BOUND[LATENCY_BUCKETS] = {0.01, 0.05, 0.1, 0.5, 1, 5, 60, 3600};

void
counters_add_outcome(struct counters *counters, const struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->transition_count; i++) {
		const struct transition *transition = &outcome->transitions[i];
		counters->transitions[transition->from][transition->to]++;
	}
	for (size_t i = 0; i < outcome->alert_count; i++) {
		const struct alert *alert = &outcome->alerts[i];
		counters->alerts[alert->kind][alert->firing]++;
	}
}

void
counters_add_latency(struct counters *counters, int64_t duration)
{
	double seconds = duration > 0 ? (double)duration / (double)SECOND : 0.0;
	int bucket = 0;
	while (bucket < LATENCY_BUCKETS && seconds > LATENCY_BOUND[bucket])
		bucket++;
	counters->latency[bucket]++;
	counters->latency_sum += seconds;
}
