#ifndef MODEL_FOLLOWER_H
#define MODEL_FOLLOWER_H

#include "daemon/input/input.h"

#include <stdio.h>

/*
 * The side that is judged: one real input over a directory, its queue, and a store in memory that
 * holds what was committed and nothing else. A kill is a stop whose batches are thrown away.
 */
struct follower;

struct follower_events {
	void *owner;
	/* A line was read: it stands in a batch that is not committed yet. */
	void (*read)(void *owner, unsigned number);
	/* It is committed. */
	void (*counted)(void *owner, unsigned number);
};

struct follower_options {
	bool by_inotify;   /* else it looks only when it is asked to */
	uint64_t max_line; /* what is kept of a line */
};

/* Follows every log below `directory`, which must exist. */
struct follower *
follower_new(const char *directory, const struct follower_options *options,
	const struct follower_events *events);
void
follower_free(struct follower *follower);

bool
follower_is_up(const struct follower *follower);
void
follower_start(struct follower *follower);
void
follower_stop(struct follower *follower); /* commits everything first */
void
follower_kill(struct follower *follower); /* what is not committed never was */

/* The same configuration again, as a reload gives it. */
void
follower_reload(struct follower *follower);

/* Lets the input look at everything, and takes what it reads. */
void
follower_look(struct follower *follower);

/* Takes what is there without asking for a look. */
void
follower_take(struct follower *follower);

/* Commits the oldest `count` batches that wait; all where there are fewer. */
void
follower_commit(struct follower *follower, size_t count);
size_t
follower_waiting(const struct follower *follower);

/* What the store remembers, for a person. */
void
follower_print(const struct follower *follower, FILE *out);

#endif
