#ifndef AIWATCH_ENGINE_WATCHDOG_H
#define AIWATCH_ENGINE_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the loop sees of those that it waits for; times are monotonic. */
struct vitals {
	size_t inputs;	 /* that run */
	size_t spinning; /* of them: work without getting on */
	int64_t due;	 /* the earliest thing that sinks or store wait for; TIME_NONE for none */
	int64_t seen_at; /* when the loop was looked at last */
};

/*
 * NULL where there is progress, else a sentence on what has stopped: every input spins, or what was
 * due `patience` ago is not done. An input that waits for a share whose server is gone is no
 * trouble here, even where it is the only one: a restart would not mend it, and would end what
 * still works. Nor is what was due while nobody looked: the host was suspended, or the loop held
 * up, and it may be done next.
 */
const char *
vitals_trouble(const struct vitals *vitals, int64_t now, int64_t patience);

/*
 * When to look next, TIME_NONE for not at all: every five seconds, or four times within `limit`,
 * for which systemd waits for a sign of life (0: it waits for none). Where all rests there is
 * nothing but that sign, which sd_watchdog_enabled(3) asks for at half of the time.
 */
int64_t
vitals_next_look(int64_t now, int64_t limit, bool rests);

#endif
