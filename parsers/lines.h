#ifndef AIWATCH_PARSERS_LINES_H
#define AIWATCH_PARSERS_LINES_H

#include "daemon/base/span.h"

#include <stdint.h>

/*
 * Cuts raw bytes into lines, at code units of one, two or four bytes.
 *
 * - Only a line feed ends a line; one carriage return before it belongs to the line end.
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
	uint64_t complete, too_long, skipped_bytes; /* counted up */
};

/* Takes NULs at the end off; the other fields are set by the owner before. */
void
lines_start(struct lines *lines);

/* The next line. False where none is complete (or, with `last`, left). */
bool
lines_next(struct lines *lines, struct line *line);

/*
 * Passes over all complete lines that end before `stop`, counting them as lines_next would. For
 * units of one byte, outside a skipped line.
 */
void
lines_pass(struct lines *lines, size_t stop);

#endif
