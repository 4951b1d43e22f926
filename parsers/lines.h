#ifndef AIWATCH_PARSERS_LINES_H
#define AIWATCH_PARSERS_LINES_H

#include "daemon/base/span.h"

#include <stdint.h>

/*
 * Cuts raw bytes into lines, at code units of one, two or four bytes.
 *
 * - Only a line feed ends a line; one carriage return before it belongs to the line end. But for
 *   messages of RFC 5424 behind octet counts (RFC 6587) with nothing between them, as a capture of
 *   TCP has them: where the file begins with a count that leads to the next one, counts end lines.
 * - NULs before a line's first character are no part of it: a hole in the file.
 * - NULs at the end of the bytes are not there yet: room that a writer reserved.
 * - Of a line over the limit the beginning is given, marked truncated, cut between characters; the
 *   rest is skipped.
 * - What is given for the same bytes is the same however they were presented in parts.
 */
struct line {
	struct span raw; /* without the line end */
	uint64_t offset;
	uint64_t length; /* raw bytes with the line end; of a truncated line those of `raw` */
	bool incomplete;
	bool truncated;
};

enum lines_skip {
	LINES_READ,
	LINES_SKIP_LONG,  /* the rest of a line over the limit: counted */
	LINES_SKIP_TAKEN, /* the rest of a line that was given before it had ended */
};

struct lines {
	struct span bytes;
	uint64_t at;  /* raw offset of bytes.p[0] */
	size_t place; /* all before it is consumed */
	size_t limit; /* bytes kept of a line */
	unsigned unit;
	bool big_endian;
	bool last; /* nothing comes behind bytes: what is left is a line too */
	enum lines_skip skipping;
	bool counted;				    /* an octet count ended the line before */
	uint64_t complete, too_long, skipped_bytes; /* counted up */
};

/* Takes NULs at the end off; the other fields are set by the owner before. */
void
lines_start(struct lines *lines);

/* The next line. False where none is complete (or, with `last`, left). */
bool
lines_next(struct lines *lines, struct line *line);

/* Whether a line stands next that an octet count may end. */
bool
lines_may_be_counted(const struct lines *lines);

/*
 * Passes over all complete lines that end before `stop`, counting them as lines_next would; `count`
 * line feeds stand from the place to there. For units of one byte, outside a skipped line, where no
 * line may be counted.
 */
void
lines_pass(struct lines *lines, size_t stop, size_t count);

#endif
