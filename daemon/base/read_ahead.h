#ifndef AIWATCH_BASE_READ_AHEAD_H
#define AIWATCH_BASE_READ_AHEAD_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a regular file to its end, a few blocks ahead of who searches them, by a thread of its own
 * and by the searcher while it would wait for that: with a warm cache, copying the bytes takes
 * longer than all the rest.
 */
struct read_ahead;

struct read_ahead_setup {
	int fd;		/* borrowed until read_ahead_stop; where it stands does not change */
	off_t at;	/* of the first block */
	size_t block;	/* bytes of each */
	size_t blocks;	/* how many there are: 2 … READ_AHEAD_BLOCKS */
	size_t overlap; /* so many bytes of its end each block has in common with the next */
	size_t slack;	/* bytes of room in front of each block, for what was left of the last */
};

enum { READ_AHEAD_BLOCKS = 8 };

/* NULL where no thread can be had. */
struct read_ahead *
read_ahead_start(const struct read_ahead_setup *setup);
void
read_ahead_stop(struct read_ahead *ahead); /* takes NULL; waits for a read that is under way */

/* The next block, which lasts until the next call. As read(2): 0 at the end, -1 with errno. What
 * comes behind a block that was not full has nothing in common with it. */
ssize_t
read_ahead_next(struct read_ahead *ahead, char **bytes);

#endif
