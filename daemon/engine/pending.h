#ifndef AIWATCH_ENGINE_PENDING_H
#define AIWATCH_ENGINE_PENDING_H

#include "daemon/engine/store.h"
#include "daemon/input/batch.h"

/*
 * What waits for the next transaction. Newer news of the same generation, site or incident takes
 * the place of the older, so what waits is bounded by what is followed, however long the store
 * fails.
 *
 *  1. What was merged stays until a commit that contained it succeeded.
 *  2. An input is told `committed` only for batches that are in the store.
 *  3. The ledger is evidence, not truth: over its bound its oldest digests are dropped, which costs
 * a proof, never a line.
 */
struct pending;

struct pending *
pending_new(void);
void
pending_free(struct pending *pending); /* takes NULL */

/* Takes over what the batch says of positions, forgotten generations and ledger; frees the batch.
 */
void
pending_merge_batch(struct pending *pending, struct batch *batch);

/* So many digests wait that they come near their bound. */
bool
pending_is_crowded(const struct pending *pending);

/* Takes the incidents over, copies the names of changed sites. */
void
pending_merge_outcome(struct pending *pending, struct outcome *outcome);

bool
pending_is_empty(const struct pending *pending);

/*
 * Fills the arrays of `changes` that are pending's own, borrowed until the next call; `correlate`
 * gives the sites' saved forms as they are now. False with a sentence where one cannot be had now:
 * then nothing of all that waits may be stored, for offsets and states go together.
 */
bool
pending_collect(struct pending *pending, const struct correlate *correlate, struct changes *changes,
	struct err *err);

/* What pending_collect gave is in the store: forgets it, and tells the inputs. */
void
pending_saved(struct pending *pending);

/* Whether a batch of this input waits. */
bool
pending_has_input(const struct pending *pending, const struct input *input);

/* Forgets all that is said of this input, which is about to be freed. */
void
pending_forget_input(struct pending *pending, const struct input *input);

#endif
