#ifndef AIWATCH_INPUT_QUEUE_H
#define AIWATCH_INPUT_QUEUE_H

#include "daemon/input/batch.h"

/*
 * The one bounded queue between the inputs' threads and the engine. Any thread puts, the engine
 * takes.
 */
struct queue;

struct queue *
queue_new(size_t limit); /* at most `limit` batches wait */
void
queue_free(struct queue *queue); /* frees what still waits; no thread may use it any more */

/* Becomes readable when batches wait: for the engine's loop. Borrowed. */
int
queue_fd(const struct queue *queue);

/* Takes the batch over. Blocks while the queue is full; false, and the batch stays, once it is
 * closed. */
bool
queue_put(struct queue *queue, struct batch *batch);

/* As queue_put, but gives up after `wait` (a duration); the batch stays then. Ask queue_is_closed.
 */
bool
queue_put_within(struct queue *queue, struct batch *batch, int64_t wait);
bool
queue_is_closed(struct queue *queue);

/* Makes queue_fd readable until the next queue_take, though no batch waits. */
void
queue_wake(struct queue *queue);

/* Makes every waiting queue_put_within give up now. */
void
queue_nudge(struct queue *queue);

/* The oldest batch, the caller's now, or NULL. Never blocks. */
struct batch *
queue_take(struct queue *queue);

/* Lets every waiting queue_put return false. */
void
queue_close(struct queue *queue);

#endif
