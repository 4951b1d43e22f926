#ifndef AIWATCH_ENGINE_INPUTS_H
#define AIWATCH_ENGINE_INPUTS_H

#include "daemon/engine/store.h"
#include "daemon/input/input.h"

/*
 * The inputs that run, by name, through reloads: prepared before anything changes, then adopted
 * whole.
 *
 *   inputs_prepare ──► inputs_adopt: new ones start, known ones take their new configuration over,
 *          │                         missing ones are asked to stop and freed when they have
 *          └─────────► inputs_discard
 */
struct inputs;

struct inputs *
inputs_new(struct store *store, struct queue *queue, bool lost_state);

/*
 * Makes the inputs that `config` names and that do not run yet. `config` and `rules` are borrowed
 * until inputs_adopt or inputs_discard. False with a sentence: nothing has changed. One that was
 * missing and is named again must have gone before: what it read last is in the store only then.
 */
bool
inputs_prepare(
	struct inputs *inputs, const struct config *config, struct rules *rules, struct err *err);
void
inputs_discard(struct inputs *inputs);

/* What was prepared is what runs from now on. A thread that cannot be started is logged. */
void
inputs_adopt(struct inputs *inputs);

/* Waits until `deadline` (monotonic) for those that were asked to stop and are named again. */
void
inputs_await(const struct inputs *inputs, const struct config *config, int64_t deadline);

/*
 * Tries again to start what could not be started, and frees those that have stopped since and of
 * which `may_go` says that they may. To be called now and then while it is wanted.
 */
void
inputs_tend(
	struct inputs *inputs, bool (*may_go)(void *owner, const struct input *input), void *owner);
bool
inputs_want_tending(const struct inputs *inputs);

/* How many run, and how many of them spin: see input_life. */
void
inputs_count(const struct inputs *inputs, size_t *running, size_t *spinning);

/* Whether all of them rest: see input_rests. */
bool
inputs_rest(const struct inputs *inputs);

/* Looks at everything now. */
void
inputs_wake(struct inputs *inputs);

/* Calls `visit` for each that runs, in the order of the configuration. */
void
inputs_each(const struct inputs *inputs,
	void (*visit)(void *owner, const struct input_status *status), void *owner);

/*
 * Asks all to stop and waits until `deadline` (monotonic). They stay, since batches that wait name
 * them, until inputs_free. One that hangs is left behind and logged; false then: the queue and the
 * store it uses must not be freed.
 */
bool
inputs_stop(struct inputs *inputs, int64_t deadline);

/* After inputs_stop; where one was left behind none is freed. Takes NULL. */
void
inputs_free(struct inputs *inputs);

#endif
