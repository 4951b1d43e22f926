#include "daemon/base/span.h"

static unsigned char
lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool
span_has_prefix_nocase(struct span s, struct span prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++) {
		if (lower((unsigned char)s.p[i]) != lower((unsigned char)prefix.p[i]))
			return false;
	}
	return true;
}

bool
span_equal_nocase(struct span a, struct span b)
{
	return a.n == b.n && span_has_prefix_nocase(a, b);
}

/* Mostly the first byte is rare, and memchr finds it in a fraction of the time that memmem takes to
 * begin; where it is not, memmem's time has a bound. */
const char *
span_find(struct span s, struct span needle)
{
	enum { TRIES = 8 };
	if (needle.n == 0)
		return s.p;
	for (int i = 0; i < TRIES && s.n >= needle.n; i++) {
		const char *p = memchr(s.p, needle.p[0], s.n - needle.n + 1);
		if (!p || memcmp(p, needle.p, needle.n) == 0)
			return p;
		s = span_from(s, (size_t)(p - s.p) + 1);
	}
	return s.n < needle.n ? NULL : memmem(s.p, s.n, needle.p, needle.n);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}
