#ifndef AIWATCH_INPUT_PACKED_H
#define AIWATCH_INPUT_PACKED_H

#include "daemon/input/follow_parts.h"

/*
 * A compressed sibling is read as what it holds. It begins no generation of its own; it holds the
 * rest of one whose object is gone.
 */
bool
packed_is_named(const char *path);

/* Compares what it holds with what the generation consumed; *size is that of all it holds where it
 * begins with that, as far as it can be read. fd is the compressed file. */
enum content_verdict
packed_compare(struct follow *follow, struct generation *generation, int fd, uint64_t *size);

/* Whether the compressed file and the plain one begin alike: as far as both go, or PACKED_ALIKE
 * bytes. */
#define PACKED_ALIKE (UINT64_C(16) << 20)

bool
packed_begins_as(int fd, int plain);

/*
 * A descriptor of what stands behind the anchor, at its place, in memory; *size is that of all it
 * holds. -1 where it is damaged or more than PACKED_REST would have to be kept.
 */
#define PACKED_REST (INT64_C(1) << 30)

int
packed_open_rest(const struct generation *generation, int fd, uint64_t *size);

#endif
