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
	int trouble; /* errno where a folder could not be listed for want of descriptors */
};

/*
 * Lists the siblings that stand there now, oldest first. Patterns may lead into other folders:
 * "../old/{stem}-*".
 */
struct siblings
siblings_find(struct follow *follow, const struct stream *stream);
/*
 * The last listing of a folder serves all the streams in it: of many names for a turn, and longer
 * where the folder does not change. Takes the names over; sorts them.
 */
void
siblings_keep_listing(struct follow *follow, const char *folder, const struct object_look *look,
	struct names *names);

/* Returns true where it may have been out of date. */
bool
siblings_forget_listing(struct follow *follow);

/* Whether the last listing, of the stream's folder, has a name that a pattern makes. */
bool
siblings_are_listed(const struct follow *follow, const struct stream *stream);

/* -1 with errno set; ENOENT where what is opened is not what was looked at. */
int
siblings_open(struct follow *follow, const struct sibling *sibling, struct object_look *look);
void
siblings_fini(struct siblings *siblings);

#endif
