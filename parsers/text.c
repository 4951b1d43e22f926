#include "parsers/text.h"

#include "daemon/base/utf8.h"

#include <stdint.h>

static const char ELLIPSIS[] = "\xe2\x80\xa6";
enum { ELLIPSIS_ROOM = sizeof ELLIPSIS - 1 };
static const char REPLACEMENT[] = "\xef\xbf\xbd";

/* Characters that show nothing and change how others are shown or ordered (Unicode's category Cf,
 * and those that only look like nothing). */
static const struct {
	uint32_t first, last;
} INVISIBLE[] = {
	{0x00ad, 0x00ad},
	{0x034f, 0x034f},
	{0x0600, 0x0605},
	{0x061c, 0x061c},
	{0x06dd, 0x06dd},
	{0x070f, 0x070f},
	{0x0890, 0x0891},
	{0x08e2, 0x08e2},
	{0x115f, 0x1160},
	{0x17b4, 0x17b5},
	{0x180b, 0x180f},
	{0x200b, 0x200f},
	{0x202a, 0x202e},
	{0x2060, 0x206f},
	{0x3164, 0x3164},
	{0xfe00, 0xfe0f},
	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},
	{0xfff0, 0xfffb},
	{0x110bd, 0x110bd},
	{0x110cd, 0x110cd},
	{0x13430, 0x1343f},
	{0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a},
	{0xe0000, 0xe0fff},
};

static bool
is_invisible(uint32_t c)
{
	if (c < INVISIBLE[0].first)
		return false;
	for (size_t i = 0; i < sizeof INVISIBLE / sizeof INVISIBLE[0]; i++) {
		if (c >= INVISIBLE[i].first && c <= INVISIBLE[i].last)
			return true;
	}
	return false;
}

static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

/* What the next character becomes: NULL and 0 for nothing. Moves in behind it. */
static struct span
take_character(struct span *in)
{
	uint32_t c;
	size_t n = utf8_decode(*in, &c);
	struct span as_is = span_first(*in, n ? n : 1);
	*in = span_from(*in, as_is.n);
	if (n == 0)
		return SPAN(REPLACEMENT);
	if (is_control(c))
		return SPAN(" ");
	return is_invisible(c) ? (struct span){NULL, 0} : as_is;
}

/* Whether eight bytes are all printable ASCII: none below the blank, none above the tilde. */
static bool
are_printable(const char *p)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t word;
	memcpy(&word, p, sizeof word);
	uint64_t below = word - each * ' ', above = word + each;
	return ((word | below | above) & each * 0x80) == 0;
}

/* How many bytes at the start are printable ASCII, up to `most`. */
static size_t
printable_run(struct span in, size_t most)
{
	in = span_first(in, most);
	size_t n = 0;
	while (n + 8 <= in.n && are_printable(in.p + n))
		n += 8;
	while (n < in.n && in.p[n] >= ' ' && in.p[n] < 0x7f)
		n++;
	return n;
}

void
text_sanitize(struct buf *out, struct span in, size_t limit)
{
	size_t start = out->n, fits = out->n; /* up to fits an ellipsis has room behind it */
	while (in.n > 0) {
		size_t room = limit - (out->n - start);
		size_t n = room > ELLIPSIS_ROOM ? printable_run(in, room - ELLIPSIS_ROOM) : 0;
		buf_add(out, in.p, n);
		in = span_from(in, n);
		fits = n ? out->n : fits;
		if (in.n == 0)
			return;
		struct span piece = take_character(&in);
		if (out->n - start + piece.n > limit) {
			out->n = fits;
			if (limit >= ELLIPSIS_ROOM)
				buf_add_text(out, ELLIPSIS);
			return;
		}
		buf_add_span(out, piece);
		if (out->n - start + ELLIPSIS_ROOM <= limit)
			fits = out->n;
	}
}
