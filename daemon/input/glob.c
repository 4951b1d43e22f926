#include "daemon/input/glob.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum part_kind {
	PART_LITERAL,
	PART_WILD,
	PART_ANY_DEPTH,
};

struct part {
	enum part_kind kind;
	struct span pattern; /* borrows from glob->pattern */
	char *literal;	     /* of PART_LITERAL and of a last part without a wildcard: unescaped */
};

struct glob {
	char *pattern;
	struct part part[GLOB_PARTS]; /* the last one is the name of the file */
	size_t parts;
};

static const char *const UNFINISHED[] = {
	".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~"};

static bool
has_suffix(struct span name, struct span suffix)
{
	return name.n >= suffix.n && span_equal_nocase(span_from(name, name.n - suffix.n), suffix);
}

bool
glob_is_temporary(struct span name)
{
	if (name.n == 0 || name.p[0] == '.' || span_has_prefix(name, SPAN("~$")))
		return true;
	for (size_t i = 0; i < COUNT(UNFINISHED); i++) {
		if (has_suffix(name, span_of(UNFINISHED[i])))
			return true;
	}
	return false;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The length of the `[…]` at the beginning of s, 0 where it is not closed. */
static size_t
class_length(struct span s)
{
	size_t i = 1;
	if (i < s.n && (s.p[i] == '!' || s.p[i] == '^'))
		i++;
	if (i < s.n && s.p[i] == ']')
		i++;
	while (i < s.n && s.p[i] != ']')
		i++;
	return i < s.n ? i + 1 : 0;
}

static bool
class_has(struct span class, char c)
{
	size_t i = 1, end = class.n - 1;
	bool negated = class.p[i] == '!' || class.p[i] == '^';
	bool found = false;
	for (i += negated; i < end; i++) {
		char from = lower(class.p[i]), to = from;
		if (i + 2 < end && class.p[i + 1] == '-') {
			to = lower(class.p[i + 2]);
			i += 2;
		}
		found = found || (c >= from && c <= to);
	}
	return found != negated;
}

/* One element of a pattern that stands for exactly one character; returns its length. */
static size_t
match_one(struct span pattern, char c, bool *matches, bool *wild)
{
	*wild = true;
	if (pattern.p[0] == '?') {
		*matches = true;
		return 1;
	}
	if (pattern.p[0] == '[') {
		size_t n = class_length(pattern);
		*matches = class_has(span_first(pattern, n), lower(c));
		return n;
	}
	*wild = false;
	size_t n = pattern.p[0] == '\\' && pattern.n > 1 ? 2 : 1;
	*matches = lower(pattern.p[n - 1]) == lower(c);
	return n;
}

static void
capture(struct glob_captures *captures, size_t *at, struct span s)
{
	if (*at < GLOB_CAPTURES)
		captures->item[*at] = s;
	++*at;
}

/*
 * Goes along both; where they part, the last `*` takes one character more. That finds a match if
 * there is one: what an earlier `*` could take the last one can take too.
 */
static bool
match_name(struct span pattern, struct span name, struct glob_captures *captures, size_t *at)
{
	size_t p = 0, n = 0, star_p = SIZE_MAX, star_from = 0, star_n = 0, star_at = 0;
	for (;;) {
		if (p < pattern.n && pattern.p[p] == '*') {
			while (p < pattern.n && pattern.p[p] == '*')
				p++;
			star_p = p;
			star_from = star_n = n;
			star_at = *at;
			capture(captures, at, (struct span){name.p + n, 0});
			continue;
		}
		if (p == pattern.n && n == name.n)
			return true;
		bool matches = false, wild = false;
		size_t length = 0;
		if (p < pattern.n && n < name.n)
			length = match_one(span_from(pattern, p), name.p[n], &matches, &wild);
		if (matches) {
			if (wild)
				capture(captures, at, (struct span){name.p + n, 1});
			p += length;
			n++;
			continue;
		}
		if (star_p == SIZE_MAX || star_n == name.n)
			return false;
		n = ++star_n;
		p = star_p;
		*at = star_at;
		capture(captures, at, (struct span){name.p + star_from, star_n - star_from});
	}
}

bool
glob_match_name(struct span pattern, struct span name)
{
	struct glob_captures captures;
	size_t at = 0;
	return match_name(pattern, name, &captures, &at);
}

static bool
is_wild(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '[')
			return true;
	}
	return false;
}

static bool
check_classes(struct span s, struct err *err)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\') {
			i++;
		} else if (s.p[i] == '[') {
			size_t n = class_length(span_from(s, i));
			if (n == 0)
				return err_set(err, "the [ in the pattern is not closed");
			i += n - 1;
		}
	}
	return true;
}

static char *
unescape(struct span s)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		buf_add_byte(&out, s.p[i]);
	}
	return buf_take(&out);
}

static bool
add_part(struct glob *glob, struct span pattern, struct err *err)
{
	if (pattern.n == 0 || span_equal(pattern, SPAN(".")))
		return true;
	if (span_equal(pattern, SPAN("..")))
		return err_set(err, "a path pattern holds no \"..\"");
	if (glob->parts == GLOB_PARTS)
		return err_set(err, "a path pattern has at most %d parts", GLOB_PARTS);
	if (!check_classes(pattern, err))
		return false;
	struct part *part = &glob->part[glob->parts++];
	part->pattern = pattern;
	part->kind = span_equal(pattern, SPAN("**")) ? PART_ANY_DEPTH
		     : is_wild(pattern)		     ? PART_WILD
						     : PART_LITERAL;
	if (part->kind == PART_LITERAL)
		part->literal = unescape(pattern);
	return true;
}

struct glob *
glob_new(const char *pattern, struct err *err)
{
	struct glob *glob = mem_new(sizeof *glob);
	glob->pattern = mem_text(pattern);
	struct span rest = span_of(glob->pattern);
	bool ok = rest.n > 0 && rest.p[0] == '/';
	if (!ok)
		err_set(err, "a path pattern begins with /");
	while (ok && rest.n) {
		const char *slash = memchr(rest.p, '/', rest.n);
		size_t n = slash ? (size_t)(slash - rest.p) : rest.n;
		ok = add_part(glob, span_first(rest, n), err);
		rest = span_from(rest, n + 1);
	}
	if (ok && glob->parts && glob->part[glob->parts - 1].kind == PART_ANY_DEPTH)
		ok = add_part(glob, SPAN("*"), err);
	if (ok && glob->parts == 0)
		ok = err_set(err, "a path pattern names a file");
	if (ok)
		return glob;
	glob_free(glob);
	return NULL;
}

void
glob_free(struct glob *glob)
{
	if (!glob)
		return;
	for (size_t i = 0; i < glob->parts; i++)
		free(glob->part[i].literal);
	free(glob->pattern);
	free(glob);
}

const char *
glob_pattern(const struct glob *glob)
{
	return glob->pattern;
}

static bool
starts_wild(struct span pattern)
{
	return pattern.p[0] == '*' || pattern.p[0] == '?' || pattern.p[0] == '[';
}

static bool
match_folder(const struct part *part, struct span name, struct glob_captures *captures, size_t *at)
{
	if (part->kind == PART_LITERAL)
		return span_equal(name, span_of(part->literal));
	if (name.p[0] == '.' && starts_wild(part->pattern))
		return false;
	return match_name(part->pattern, name, captures, at);
}

/* An unfinished name is taken only where the pattern spells out what makes it one. */
static bool
match_file(const struct part *part, struct span name, struct glob_captures *captures, size_t *at)
{
	if (part->kind == PART_LITERAL)
		return span_equal_nocase(name, span_of(part->literal));
	if (name.p[0] == '.' && starts_wild(part->pattern))
		return false;
	if (glob_is_temporary(name)) {
		bool spelled = !starts_wild(part->pattern) && name.p[0] == part->pattern.p[0];
		for (size_t i = 0; i < COUNT(UNFINISHED) && !spelled; i++)
			spelled = has_suffix(name, span_of(UNFINISHED[i])) &&
				  has_suffix(part->pattern, span_of(UNFINISHED[i]));
		if (!spelled)
			return false;
	}
	return match_name(part->pattern, name, captures, at);
}

/* Where matching goes on after the last `**` took one folder more. */
struct resume {
	size_t part;
	struct span from; /* the path behind what stood before the `**` */
	struct span rest; /* behind what it took so far */
	size_t at;
};

static struct span
next_name(struct span rest)
{
	const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
	return span_first(rest, slash ? (size_t)(slash - rest.p) : rest.n);
}

static bool
take_one_more(struct resume *resume, struct glob_captures *captures, size_t *at)
{
	struct span name = next_name(resume->rest);
	if (name.n == resume->rest.n || name.n == 0 || name.p[0] == '.')
		return false;
	resume->rest = span_from(resume->rest, name.n + 1);
	*at = resume->at;
	size_t taken = (size_t)(resume->rest.p - resume->from.p) - 1;
	capture(captures, at, span_first(resume->from, taken));
	return true;
}

bool
glob_match(const struct glob *glob, const char *path, struct glob_captures *captures)
{
	struct glob_captures own;
	struct glob_captures *out = captures ? captures : &own;
	struct resume resume = {.part = SIZE_MAX};
	struct span rest = span_from(span_of(path), 1);
	size_t at = 0, part = 0;
	if (path[0] != '/')
		return false;
	for (;;) {
		struct span name = next_name(rest);
		bool last = name.n == rest.n, matches = false;
		const struct part *now = &glob->part[part];
		if (now->kind == PART_ANY_DEPTH) {
			resume = (struct resume){++part, rest, rest, at};
			capture(out, &at, span_first(rest, 0));
			continue;
		}
		if (name.n && last == (part + 1 == glob->parts))
			matches = last ? match_file(now, name, out, &at)
				       : match_folder(now, name, out, &at);
		if (matches && last)
			break;
		if (matches) {
			rest = span_from(rest, name.n + 1);
			part++;
			continue;
		}
		if (resume.part == SIZE_MAX || !take_one_more(&resume, out, &at))
			return false;
		rest = resume.rest;
		part = resume.part;
	}
	out->count = at < GLOB_CAPTURES ? at : GLOB_CAPTURES;
	return true;
}

/* A place before a `**` is one behind it too, for it may cross no folder. */
static uint64_t
add_place(const struct glob *glob, uint64_t places, size_t part)
{
	places |= UINT64_C(1) << part;
	while (glob->part[part].kind == PART_ANY_DEPTH)
		places |= UINT64_C(1) << ++part;
	return places;
}

uint64_t
glob_start(const struct glob *glob)
{
	return add_place(glob, 0, 0);
}

uint64_t
glob_enter(const struct glob *glob, uint64_t places, struct span name, bool is_link)
{
	struct glob_captures captures;
	uint64_t next = 0;
	for (size_t i = 0; i + 1 < glob->parts; i++) {
		size_t at = 0;
		if (!(places & UINT64_C(1) << i))
			continue;
		if (glob->part[i].kind == PART_ANY_DEPTH) {
			if (!is_link && name.p[0] != '.')
				next = add_place(glob, next, i);
		} else if (match_folder(&glob->part[i], name, &captures, &at)) {
			next = add_place(glob, next, i + 1);
		}
	}
	return next;
}

bool
glob_has_file(const struct glob *glob, uint64_t places, struct span name)
{
	struct glob_captures captures;
	size_t at = 0, last = glob->parts - 1;
	return places & UINT64_C(1) << last && name.n &&
	       match_file(&glob->part[last], name, &captures, &at);
}

struct span
glob_literal(const struct glob *glob, uint64_t places, size_t i)
{
	for (size_t k = 0; k + 1 < glob->parts; k++) {
		if (places & UINT64_C(1) << k && glob->part[k].kind == PART_LITERAL && i-- == 0)
			return span_of(glob->part[k].literal);
	}
	return (struct span){NULL, 0};
}

bool
glob_may_have_files(const struct glob *glob, uint64_t places)
{
	return places & UINT64_C(1) << (glob->parts - 1);
}

bool
glob_needs_listing(const struct glob *glob, uint64_t places)
{
	for (size_t k = 0; k < glob->parts; k++) {
		bool is_file = k + 1 == glob->parts;
		if (places & UINT64_C(1) << k && (is_file || glob->part[k].kind != PART_LITERAL))
			return true;
	}
	return false;
}
