#include "daemon/sink/excerpt.h"

#include "parsers/text.h"

static const struct span ELLIPSIS = {"\xe2\x80\xa6", 3};

static struct span
escape_of(const struct escape *escapes, struct span character)
{
	for (; escapes && escapes->byte; escapes++) {
		if (escapes->byte == character.p[0])
			return span_of(escapes->as);
	}
	return character;
}

/* The first character of valid UTF-8. */
static struct span
first_character(struct span s)
{
	size_t n = 1;
	while (n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n++;
	return span_first(s, n);
}

void
excerpt_add(struct buf *out, const char *text, size_t limit, const struct escape *escapes)
{
	struct buf safe = BUF_INIT;
	text_sanitize(&safe, span_of(text), limit + 4);
	size_t start = out->n, fits = out->n; /* how far it fits with an ellipsis behind it */
	struct span left = buf_span(&safe);
	while (left.n > 0) {
		struct span character = first_character(left);
		struct span escaped = escape_of(escapes, character);
		if (out->n - start + escaped.n > limit)
			break;
		buf_add_span(out, escaped);
		if (out->n - start + ELLIPSIS.n <= limit)
			fits = out->n;
		left = span_from(left, character.n);
	}
	if (left.n > 0) {
		out->n = fits;
		if (ELLIPSIS.n <= limit)
			buf_add_span(out, ELLIPSIS);
		else if (out->p)
			out->p[out->n] = '\0';
	}
	buf_fini(&safe);
}
