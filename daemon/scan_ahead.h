#ifndef AIWATCH_SCAN_AHEAD_H
#define AIWATCH_SCAN_AHEAD_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a regular file from where it stands to its end, a few blocks ahead of who searches them, by
 * a thread of its own and by the searcher while it would wait for that: with a warm cache, copying
 * the bytes takes longer than all the rest. Each block has `slack` bytes of room in front, for what
 * was left of the one before.
 */
struct scan_ahead;

/* NULL where no thread can be had. The descriptor is borrowed until scan_ahead_stop; where it
 * stands does not change. */
struct scan_ahead *
scan_ahead_start(int fd, size_t block, size_t slack);
void
scan_ahead_stop(struct scan_ahead *ahead); /* takes NULL; waits for a read that is under way */

/* The next block, which lasts until the next call. As read(2): 0 at the end, -1 with errno. */
ssize_t
scan_ahead_next(struct scan_ahead *ahead, char **bytes);

#endif
