#ifndef AIWATCH_BASE_TERM_H
#define AIWATCH_BASE_TERM_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Text for people on a terminal. Colour only where the stream is a terminal, TERM is not "dumb" and
 * NO_COLOR is not set.
 */
enum term_style {
	TERM_PLAIN,
	TERM_BOLD,
	TERM_DIM,
	TERM_RED,
	TERM_YELLOW,
	TERM_GREEN,
	TERM_STYLES,
};

bool
term_has_colour(int fd);

/* The escape sequence that begins a style, "" where colour is false. TERM_PLAIN ends all styles. */
const char *
term_style(enum term_style style, bool colour);

/* How many columns the UTF-8 text takes; invalid bytes count one each. */
size_t
term_width(const char *text);

/* Columns of the terminal behind fd, `otherwise` where it is none. */
size_t
term_columns(int fd, size_t otherwise);

/* Appends the text's words in lines of `columns`, at least 40, each behind `indent` blanks. */
void
term_wrap(struct buf *out, const char *text, size_t indent, size_t columns);

#endif
