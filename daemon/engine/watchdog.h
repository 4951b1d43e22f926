#ifndef AIWATCH_ENGINE_WATCHDOG_H
#define AIWATCH_ENGINE_WATCHDOG_H

#include <stddef.h>
#include <stdint.h>

/* What the loop sees of those that it waits for; times are monotonic. */
struct vitals {
	size_t inputs;	/* that run */
	size_t hanging; /* of them */
	int64_t due;	/* the earliest thing that sinks or store wait for; TIME_NONE for none */
};

/*
 * NULL where there is progress, else a sentence on what has stopped: every input, or what was due
 * `patience` ago and is not done. One input that hangs beside others, as on a share whose server is
 * gone, hurts nobody else, and a restart would not mend it.
 */
const char *
vitals_trouble(const struct vitals *vitals, int64_t now, int64_t patience);

#endif
