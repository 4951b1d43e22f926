#include "parsers/lines.h"

#include <ctype.h>

enum { COUNT_DIGITS = 7 };

/* A hole may be gigabytes: it is compared by pages. */
static const char ZEROS[4096];

static bool
is_zeros(const char *p)
{
	return memcmp(p, ZEROS, sizeof ZEROS) == 0;
}

static bool
is_unit(const struct lines *lines, size_t i, unsigned char value)
{
	for (unsigned k = 0; k < lines->unit; k++) {
		bool is_low = k == (lines->big_endian ? lines->unit - 1 : 0);
		if ((unsigned char)lines->bytes.p[i + k] != (is_low ? value : 0))
			return false;
	}
	return true;
}

/* Code units are counted from the file's beginning; the last few bytes may be half a unit. */
static size_t
whole_units(const struct lines *lines)
{
	size_t rest = (lines->at + lines->bytes.n) % lines->unit;
	return lines->bytes.n > rest ? lines->bytes.n - rest : 0;
}

void
lines_start(struct lines *lines)
{
	size_t whole = whole_units(lines), before = whole;
	while (whole >= sizeof ZEROS && is_zeros(lines->bytes.p + whole - sizeof ZEROS))
		whole -= sizeof ZEROS;
	while (whole >= lines->unit && is_unit(lines, whole - lines->unit, 0))
		whole -= lines->unit;
	if (whole < before)
		lines->bytes.n = whole;
}

/* Where the line feed of the line stands, bytes.n where there is none. */
static size_t
find_end(const struct lines *lines)
{
	struct span bytes = lines->bytes;
	size_t i = lines->place;
	while (i < bytes.n) {
		const char *p = memchr(bytes.p + i, '\n', bytes.n - i);
		if (!p)
			break;
		size_t found = (size_t)(p - bytes.p);
		size_t low = lines->big_endian ? lines->unit - 1 : 0;
		size_t start = found - (found < low ? found : low);
		bool is_aligned = (lines->at + start) % lines->unit == 0;
		if (is_aligned && start + lines->unit <= bytes.n && is_unit(lines, start, '\n'))
			return start;
		i = found + 1;
	}
	return bytes.n;
}

/* How much of n bytes at p is kept: the limit, but no part of a character. */
static size_t
kept_length(const struct lines *lines, const char *p, size_t n)
{
	if (n <= lines->limit)
		return n;
	size_t kept = lines->limit - lines->limit % lines->unit;
	if (lines->unit == 2 && kept >= 2) {
		unsigned char high = (unsigned char)p[kept - (lines->big_endian ? 2 : 1)];
		return (high & 0xfc) == 0xd8 ? kept - 2 : kept;
	}
	for (int i = 0; lines->unit == 1 && i < 3 && kept > 0; i++) {
		if (((unsigned char)p[kept] & 0xc0) != 0x80)
			break;
		kept--;
	}
	return kept;
}

static void
give(struct lines *lines, size_t content, struct line *line)
{
	const char *p = lines->bytes.p + lines->place;
	size_t kept = kept_length(lines, p, content);
	lines->counted = lines->counted && content == 0;
	*line = (struct line){
		.raw = {p, kept},
		.offset = lines->at + lines->place,
		.length = kept,
		.truncated = kept < content,
	};
	if (line->truncated) {
		lines->too_long++;
		lines->skipped_bytes += content - kept;
		return;
	}
	if (kept >= lines->unit && is_unit(lines, lines->place + kept - lines->unit, '\r'))
		line->raw.n -= lines->unit;
}

static void
strip_nuls(struct lines *lines)
{
	while (lines->place + sizeof ZEROS <= lines->bytes.n &&
		is_zeros(lines->bytes.p + lines->place))
		lines->place += sizeof ZEROS;
	while (lines->place + lines->unit <= lines->bytes.n && is_unit(lines, lines->place, 0))
		lines->place += lines->unit;
}

/* Behind the end of a line over the limit, if it is there. */
static bool
skip_rest(struct lines *lines)
{
	size_t end = find_end(lines);
	bool ended = end < lines->bytes.n;
	size_t to = ended || lines->last ? end : whole_units(lines);
	if (lines->skipping == LINES_SKIP_LONG && to > lines->place)
		lines->skipped_bytes += to - lines->place;
	lines->place = ended ? end + lines->unit : to > lines->place ? to : lines->place;
	lines->complete += ended;
	if (ended)
		lines->skipping = LINES_READ;
	return ended;
}

/* `COUNT <PRI>1 ` at the start of the file or behind another such line: where the message ends that
 * is counted. 0 where none stands there, or one that is over the limit. */
static size_t
counted_end(const struct lines *lines)
{
	bool is_expected = lines->counted || lines->at + lines->place == 0;
	if (!is_expected || lines->unit != 1)
		return 0;
	struct span s = span_from(lines->bytes, lines->place);
	size_t digits = span_digits(s, COUNT_DIGITS), length = 0;
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (size_t)(s.p[i] - '0');
	length += digits + 1;
	struct span behind = span_from(s, digits);
	size_t priority = span_digits(span_from(behind, 2), 3);
	if (digits == 0 || priority == 0 || !span_has_prefix(behind, SPAN(" <")) ||
		!span_has_prefix(span_from(behind, 2 + priority), SPAN(">1 ")))
		return 0;
	return length < lines->limit ? lines->place + length : 0;
}

bool
lines_may_be_counted(const struct lines *lines)
{
	return lines->counted || counted_end(lines) > 0;
}

/* What a count ends belongs to the message, a line feed of its own among it. */
static void
give_counted(struct lines *lines, size_t end, struct line *line)
{
	struct span raw = {lines->bytes.p + lines->place, end - lines->place};
	*line = (struct line){.raw = raw, .offset = lines->at + lines->place, .length = raw.n};
	line->raw.n -= raw.n && raw.p[raw.n - 1] == '\n';
	line->raw.n -= line->raw.n && raw.p[line->raw.n - 1] == '\r';
	lines->place = end;
	lines->complete++;
	lines->counted = true;
}

enum taking { TAKEN, WAITING, NOT_COUNTED };

/* The first count is believed when another stands where it leads to, before any line feed. */
static enum taking
take_counted(struct lines *lines, struct line *line)
{
	struct span bytes = lines->bytes;
	size_t end = counted_end(lines);
	if (end == 0)
		return NOT_COUNTED;
	if (lines->counted && end > bytes.n)
		return lines->last ? NOT_COUNTED : WAITING;
	if (!lines->counted && (end >= bytes.n || !isdigit((unsigned char)bytes.p[end]) ||
				       memchr(bytes.p + lines->place, '\n', end - lines->place)))
		return NOT_COUNTED;
	give_counted(lines, end, line);
	return TAKEN;
}

bool
lines_next(struct lines *lines, struct line *line)
{
	if (lines->skipping && !skip_rest(lines))
		return false;
	strip_nuls(lines);
	enum taking taking = take_counted(lines, line);
	if (taking != NOT_COUNTED)
		return taking == TAKEN;
	size_t end = find_end(lines), content = end - lines->place;
	if (end < lines->bytes.n) {
		give(lines, content, line);
		line->length += line->truncated ? 0 : lines->unit;
		lines->place = end + lines->unit;
		lines->complete++;
		return true;
	}
	size_t whole = lines->last ? end : whole_units(lines);
	if (whole > lines->place && whole - lines->place > lines->limit) {
		give(lines, whole - lines->place, line);
		line->incomplete = lines->last;
		lines->place = whole;
		lines->skipping = LINES_SKIP_LONG;
		return true;
	}
	if (!lines->last || content == 0)
		return false;
	give(lines, content, line);
	line->incomplete = true;
	lines->skipping = line->truncated ? LINES_SKIP_LONG : LINES_SKIP_TAKEN;
	lines->place = end;
	return true;
}

void
lines_pass(struct lines *lines, size_t stop, size_t count)
{
	const char *p = lines->bytes.p;
	if (count == 0)
		return;
	const char *end = memrchr(p + lines->place, '\n', stop - lines->place);
	size_t to = (size_t)(end - p) + 1;
	lines->complete += count;
	while (to - lines->place > lines->limit + 1) {
		const char *near = memrchr(p + lines->place, '\n', lines->limit + 1);
		if (near) {
			lines->place = (size_t)(near - p) + 1;
			continue;
		}
		strip_nuls(lines);
		size_t content = find_end(lines) - lines->place;
		struct line line;
		if (content > lines->limit)
			give(lines, content, &line);
		lines->place += content + 1;
	}
	lines->place = to;
}
