#include "parsers/lines.h"

#include "parsers/scan.h"

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

bool
lines_next(struct lines *lines, struct line *line)
{
	if (lines->skipping && !skip_rest(lines))
		return false;
	strip_nuls(lines);
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
lines_pass(struct lines *lines, size_t stop)
{
	const char *p = lines->bytes.p;
	const char *end =
		stop > lines->place ? memrchr(p + lines->place, '\n', stop - lines->place) : NULL;
	if (!end)
		return;
	size_t to = (size_t)(end - p) + 1;
	struct span passed = {p + lines->place, to - lines->place};
	lines->complete += scan_count_lines(passed);
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
