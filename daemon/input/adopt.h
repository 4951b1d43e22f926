#ifndef AIWATCH_INPUT_ADOPT_H
#define AIWATCH_INPUT_ADOPT_H

#include "daemon/input/siblings.h"

/*
 * A sibling's content against that of all generations of a stream. One whose own object is gone
 * adopts a sibling that begins with what it consumed, and goes on there.
 */
enum adoption {
	ADOPT_NONE,	 /* nothing we know */
	ADOPT_UNDECIDED, /* may become one of the others */
	ADOPT_TAKEN,	 /* by a generation, which has the descriptor now unless it is packed */
};

/* fd is the sibling, of which `look` is the last look and `memo` what is remembered of it. Sets the
 * stream's `copied` and `older_waits`. */
enum adoption
adopt_compare(struct follow *follow, struct stream *stream, const struct sibling *sibling, int fd,
	const struct object_look *look, struct memo *memo);

/* The generation goes on in what the compressed sibling holds; false where that cannot be had. fd
 * stays the caller's. */
bool
adopt_packed(struct follow *follow, struct generation *generation, const struct sibling *sibling,
	int fd, const struct object_look *look);

/* Opens the generation's object where it was seen last; -1 with errno, ENOENT where something else
 * stands there. */
int
adopt_open_own(struct follow *follow, const struct generation *generation);

/* Closes what it reads, and opens that anew where its object was seen last and still stands. */
void
adopt_reopen(struct follow *follow, struct generation *generation);

/* A copy that somebody still writes is not whole: looked at again every second, a minute at most.
 * Until then the stream's `older_waits` is set. */
bool
adopt_is_settled(struct follow *follow, struct stream *stream, int fd, const struct memo *memo);

#endif
