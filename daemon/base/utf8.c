#include "daemon/base/utf8.h"

size_t
utf8_decode(struct span s, uint32_t *character)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	if (s.n == 0)
		return 0;
	const unsigned char *p = (const unsigned char *)s.p;
	if (p[0] < 0x80) {
		*character = p[0];
		return 1;
	}
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
		return 0;
	uint32_t c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < LEAST[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*character = c;
	return n;
}

/* How many bytes at the start of s are ASCII, by 32, by eights, one by one. */
static size_t
ascii_run(struct span s)
{
	const uint64_t beyond = UINT64_C(0x8080808080808080);
	uint64_t word[4];
	size_t i = 0;
	for (; i + sizeof word <= s.n; i += sizeof word) {
		memcpy(word, s.p + i, sizeof word);
		if ((word[0] | word[1] | word[2] | word[3]) & beyond)
			break;
	}
	for (; i + sizeof word[0] <= s.n; i += sizeof word[0]) {
		memcpy(word, s.p + i, sizeof word[0]);
		if (word[0] & beyond)
			break;
	}
	while (i < s.n && (unsigned char)s.p[i] < 0x80)
		i++;
	return i;
}

/* How many bytes at the start of s are valid. */
static size_t
valid_run(struct span s)
{
	size_t i = 0;
	while (i < s.n) {
		i += ascii_run(span_from(s, i));
		if (i == s.n)
			break;
		uint32_t c;
		size_t n = utf8_decode(span_from(s, i), &c);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

bool
utf8_is_valid(struct span s)
{
	return valid_run(s) == s.n;
}

void
utf8_encode(struct buf *out, uint32_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		buf_add_byte(out, (char)c);
		return;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned LEAD[] = {0, 0xc0, 0xe0, 0xf0};
	buf_add_byte(out, (char)(LEAD[more] | c >> (6 * more)));
	while (more-- > 0)
		buf_add_byte(out, (char)(0x80 | (c >> (6 * more) & 0x3f)));
}

void
utf8_repair(struct buf *out, struct span s)
{
	while (s.n > 0) {
		size_t n = valid_run(s);
		buf_add(out, s.p, n);
		s = span_from(s, n);
		if (s.n > 0) {
			utf8_encode(out, 0xfffd);
			s = span_from(s, 1);
		}
	}
}
