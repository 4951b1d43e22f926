#include "config/characters.h"

size_t
characters_next(struct span s, uint32_t *code_point)
{
	if (s.n == 0)
		return 0;
	const unsigned char *p = (const unsigned char *)s.p;
	if (p[0] < 0x80) {
		*code_point = p[0];
		return 1;
	}
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > s.n)
		return 0;
	uint32_t c = p[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	bool is_overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
	bool is_surrogate = c >= 0xd800 && c < 0xe000;
	if (is_overlong || is_surrogate || c > 0x10ffff)
		return 0;
	*code_point = c;
	return n;
}

bool
characters_are_valid(struct span s)
{
	while (s.n > 0) {
		uint32_t c;
		size_t n = characters_next(s, &c);
		if (n == 0)
			return false;
		s = span_from(s, n);
	}
	return true;
}
