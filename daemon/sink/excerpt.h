#ifndef AIWATCH_SINK_EXCERPT_H
#define AIWATCH_SINK_EXCERPT_H

#include "daemon/base/buf.h"

/* A byte and what stands for it in the receiver's language. A table ends with a row of zeros. */
struct escape {
	char byte;
	const char *as;
};

/*
 * Appends a text (NULL: nothing) as a receiver may have it: made safe by text_sanitize, escaped by
 * the table (NULL: none), at most `limit` bytes after escaping, ending in an ellipsis (U+2026)
 * where it was cut, never inside a character or an escape. A limit under three gives nothing
 * instead of the ellipsis.
 */
void
excerpt_add(struct buf *out, const char *text, size_t limit, const struct escape *escapes);

#endif
