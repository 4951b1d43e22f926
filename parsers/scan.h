#ifndef AIWATCH_PARSERS_SCAN_H
#define AIWATCH_PARSERS_SCAN_H

#include "daemon/base/span.h"

/*
 * One pass over a block for any of several literals, and a count of line ends: what makes reading
 * as fast as memory, by the best means that the processor has. Immutable once made, safe for many
 * threads.
 */
struct scan;

/* From slow to fast; what is found is the same. */
enum scan_means { SCAN_BYTES, SCAN_AVX2, SCAN_VBMI };

/* Literals are copied; none is empty, none holds a line feed. One that holds another is left out.
 */
struct scan *
scan_new(const struct span *literals, size_t count);
void
scan_free(struct scan *scan); /* takes NULL */

/* Searches by no better means than `most`. */
void
scan_limit(struct scan *scan, enum scan_means most);

/* Where a literal stands whose start is at or behind `from`, in the first line that holds one;
 * block.n where there is none. With no literals: block.n. *lines: the line feeds from `from` to
 * there. */
size_t
scan_next(const struct scan *scan, struct span block, size_t from, size_t *lines);

/* How many line feeds there are. */
size_t
scan_count_lines(struct span block);

#endif
