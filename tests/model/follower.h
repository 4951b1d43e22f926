#ifndef MODEL_FOLLOWER_H
#define MODEL_FOLLOWER_H

#include "daemon/input/follow.h"

#include <stdio.h>

/*
 * The side that is judged: the real follower of an input over a directory, with a clock that the
 * model sets, and a store in memory that holds what was committed and nothing else. A kill frees it
 * and throws away the batches that were not committed.
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
	bool by_inotify;   /* else it polls */
	size_t max_open;   /* descriptors; 0 for as many as it likes */
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

/* `passed` microseconds later: looks at everything, until nothing is left to read. */
void
follower_look(struct follower *follower, int64_t passed);

/* `passed` microseconds later: at most `turns` turns, at what is due or hinted at alone. */
void
follower_turn(struct follower *follower, int64_t passed, size_t turns);

/* Commits the oldest `count` batches that wait; all where there are fewer. */
void
follower_commit(struct follower *follower, size_t count);
size_t
follower_waiting(const struct follower *follower);

/* What the store remembers, for a person. */
void
follower_print(const struct follower *follower, FILE *out);

#endif
