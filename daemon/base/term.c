#include "daemon/base/term.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool
term_has_colour(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && !getenv("NO_COLOR") && !(term && strcmp(term, "dumb") == 0);
}

const char *
term_style(enum term_style style, bool colour)
{
	static const char *const SEQUENCE[TERM_STYLES] = {
		[TERM_PLAIN] = "\033[0m",
		[TERM_BOLD] = "\033[1m",
		[TERM_DIM] = "\033[2m",
		[TERM_RED] = "\033[1;31m",
		[TERM_YELLOW] = "\033[33m",
		[TERM_GREEN] = "\033[32m",
	};
	return colour ? SEQUENCE[style] : "";
}

/* Counts the bytes that begin a character: wide and combining characters are not told apart. */
size_t
term_width(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

size_t
term_columns(int fd, size_t otherwise)
{
	struct winsize size;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

void
term_wrap(struct buf *out, const char *text, size_t indent, size_t columns)
{
	size_t width = columns > 40 ? columns : 40, at = width + 1;
	while (*text) {
		size_t n = strcspn(text, " ");
		char *word = mem_copy(text, n);
		size_t word_width = term_width(word);
		if (at + 1 + word_width > width) {
			buf_format(out, "%s%*s", at > width ? "" : "\n", (int)indent, "");
			at = indent;
		} else {
			buf_add_text(out, " ");
			at++;
		}
		buf_add_text(out, word);
		at += word_width;
		free(word);
		text += n + strspn(text + n, " ");
	}
	buf_add_text(out, "\n");
}
