#ifndef AIWATCH_INPUT_FOLLOW_H
#define AIWATCH_INPUT_FOLLOW_H

#include "daemon/input/input.h"

/*
 * The follower: all that an input knows of its files, and the one repeatable function that looks at
 * a file and decides (follow_look.c). Without a thread and without a clock: the caller brings the
 * times and takes the batches. Events of inotify are only hints which file to look at first; the
 * sweep looks at every one.
 */
struct follow;

/* A copy that outlives the configuration it comes from (its place is not copied). */
struct config_input *
config_input_copy(const struct config_input *config);
void
config_input_free(struct config_input *config); /* takes NULL */

struct follow_setup {
	const struct config_input *config; /* copied */
	struct rules *rules;		   /* shared: a reference is taken; may be NULL */
	const struct position *positions;  /* copied */
	size_t position_count;
	input_read_ledger *read_ledger; /* may be NULL */
	void *ledger_owner;
	bool lost_state;
	bool report_activity;
	_Atomic uint64_t *steps; /* counts what is done, as a sign of life; may be NULL */
	size_t max_open;	 /* descriptors kept open; 0: the usual number */
};

/* NULL with a sentence where a pattern, the template, the encoding or the time zone is wrong. */
struct follow *
follow_new(const struct follow_setup *setup, struct err *err);
void
follow_free(struct follow *follow); /* takes NULL */

/* Positions and descriptors stay. False with a sentence, and nothing has changed. */
bool
follow_configure(struct follow *follow, const struct config_input *config, struct rules *rules,
	bool report_activity, struct err *err);

/*
 * Takes hints, looks at what is due and reads, until the batch holds enough or nothing is left.
 * `now` is monotonic, `wall` the time of day. batch->serial must be set; a batch to which nothing
 * was added need not be put, and its serial may be used again. Returns true where more is to be
 * done at once.
 */
bool
follow_turn(struct follow *follow, int64_t now, int64_t wall, struct batch *batch);
bool
batch_is_empty(const struct batch *batch);

/* The monotonic time of the next turn where nothing happens before. */
int64_t
follow_next_due(const struct follow *follow);

/* Becomes readable when there are hints; -1 where there are none. May change with each turn. */
int
follow_fd(const struct follow *follow);

/* The next turn looks at everything. */
void
follow_wake(struct follow *follow);

void
follow_committed(struct follow *follow, uint64_t serial);

/* Fills all but name and progress_at. */
void
follow_get_status(const struct follow *follow, struct input_status *status);

#endif
