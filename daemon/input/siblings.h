#ifndef AIWATCH_INPUT_SIBLINGS_H
#define AIWATCH_INPUT_SIBLINGS_H

#include "daemon/input/follow_parts.h"

/* A file beside a stream whose name one of the patterns of `rotated` makes. */
struct sibling {
	char *path;
	struct object_look look;
	struct object_key key;
};

struct siblings {
	struct sibling *item;
	size_t count;
};

/*
 * Lists the siblings that stand there now, oldest first. Patterns may lead into other folders:
 * "../old/{stem}-*".
 */
struct siblings
siblings_find(const struct follow *follow, const struct stream *stream);
void
siblings_fini(struct siblings *siblings);

#endif
