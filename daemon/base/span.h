#ifndef AIWATCH_BASE_SPAN_H
#define AIWATCH_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * A span is a pointer and a length: the currency of parsing. It borrows; whoever made the bytes
 * owns them. p may be NULL where n is 0. The bytes may hold NULs and need not be valid UTF-8.
 */
struct span {
	const char *p;
	size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

/* The bytes of a C string without its NUL; NULL gives the empty span. */
static inline struct span
span_of(const char *text)
{
	return (struct span){text, text ? strlen(text) : 0};
}

/* The part of s behind its first `skip` bytes; empty, at the end of s, where s is shorter. */
static inline struct span
span_from(struct span s, size_t skip)
{
	size_t n = skip < s.n ? s.n - skip : 0;
	return (struct span){s.n ? s.p + (s.n - n) : s.p, n};
}

/* The first `n` bytes of s, or all of s where it is shorter. */
static inline struct span
span_first(struct span s, size_t n)
{
	return (struct span){s.p, n < s.n ? n : s.n};
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
span_has_prefix(struct span s, struct span prefix)
{
	return s.n >= prefix.n && span_equal(span_first(s, prefix.n), prefix);
}

/* Goes on behind the byte where s begins with it. */
static inline bool
span_take_byte(struct span *s, char byte)
{
	if (s->n == 0 || s->p[0] != byte)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* How many digits s begins with, at most so many. */
static inline size_t
span_digits(struct span s, size_t most)
{
	size_t n = 0;
	while (n < s.n && n < most && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

/* As span_equal and span_has_prefix, with ASCII letters compared without case. */
bool
span_equal_nocase(struct span a, struct span b);
bool
span_has_prefix_nocase(struct span s, struct span prefix);

/* Where `needle` first stands in `s`, or NULL. An empty needle stands at the start. */
const char *
span_find(struct span s, struct span needle);

/* s without ASCII blanks and tabs at either end. */
struct span
span_trim(struct span s);

#endif
