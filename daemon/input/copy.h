#ifndef AIWATCH_INPUT_COPY_H
#define AIWATCH_INPUT_COPY_H

#include "daemon/input/follow_parts.h"

/*
 * A file that was never looked at, matches `paths` and holds nothing but the beginning of another
 * log in its folder is a copy that somebody dropped there: its lines count where they were read.
 */
enum copy {
	COPY_NONE,
	COPY_GROWS, /* so far, and somebody still writes it, or it cannot be told yet */
	COPY_WHOLE,
};

enum copy
copy_of_other(struct follow *follow, struct stream *stream, const struct arrival *arrival);

#endif
