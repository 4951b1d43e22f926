#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include "daemon/base/buf.h"
#include "tests/model/calls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A history is a list of steps. A step holds all that it needs, so a history without one of its
 * steps is a history too: a step that makes no sense where it stands does nothing.
 */
struct step {
	uint8_t kind; /* row of the table in history.c */
	uint8_t stream;
	uint32_t draw; /* decides the details */
};

enum { HISTORY_STEPS = 64 };

struct history {
	uint32_t seed; /* of the set-up: streams, inotify or sweeps alone */
	struct step steps[HISTORY_STEPS];
	size_t count;
	enum calls_fault fault; /* at the call of that number, behind the set-up; 0 for none */
	unsigned fault_at;
};

/*
 * The history of a seed, with up to `longest` steps, none of them of a kind that the list `without`
 * names ("truncate,roll"). The same arguments give the same history.
 */
void
history_draw(struct history *history, uint64_t seed, size_t longest, const char *without);

/* As text: "SEED: step/stream/draw step/stream/draw …", the seed with "@FAULT/CALL" behind it where
 * a call fails, and back. */
void
history_print(const struct history *history, struct buf *out);
bool
history_parse(struct history *history, const char *text);

/*
 * Runs it in a new directory below `directory`, which is removed again. True where every line came
 * as it should; else `report` says what did not.
 */
bool
history_run(const struct history *history, const char *directory, bool verbose, struct buf *report);

#endif
