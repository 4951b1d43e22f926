#include "daemon/engine/json_text.h"

#include "daemon/base/utf8.h"

#include <string.h>

/* What stands in front of a value: a comma unless it is the first, and its name. */
static void
begin(struct json_text *json, const char *name)
{
	struct buf *buf = &json->buf;
	size_t n = name ? strlen(name) : 0;
	buf_reserve(buf, n + sizeof ", \"\": ");
	char *p = buf->p + buf->n;
	if (buf->n && p[-1] != '{' && p[-1] != '[') {
		*p++ = ',';
		if (json->spaced)
			*p++ = ' ';
	}
	if (name) {
		*p++ = '"';
		p = mempcpy(p, name, n);
		*p++ = '"';
		*p++ = ':';
		if (json->spaced)
			*p++ = ' ';
	}
	*p = '\0';
	buf->n = (size_t)(p - buf->p);
}

void
json_text_open(struct json_text *json, const char *name, char bracket)
{
	begin(json, name);
	buf_add_byte(&json->buf, bracket);
}

void
json_text_close(struct json_text *json, char bracket)
{
	buf_add_byte(&json->buf, bracket);
}

static void
add_escape(struct buf *buf, unsigned char c)
{
	static const char FROM[] = "\"\\\b\f\n\r\t", TO[] = "\"\\bfnrt";
	const char *known = memchr(FROM, c, sizeof FROM - 1);
	if (known) {
		buf_add_byte(buf, '\\');
		buf_add_byte(buf, TO[known - FROM]);
	} else {
		buf_format(buf, "\\u%04X", c);
	}
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* How many bytes at the start of s are ASCII and need no escape, by eights, then one by one. */
static size_t
plain_run(struct span s)
{
	const uint64_t each = UINT64_C(0x0101010101010101), beyond = each * 0x80;
	uint64_t word;
	size_t i = 0;
	for (; i + sizeof word <= s.n; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		/* A byte that is less borrows; so may one behind it, which no longer matters. */
		uint64_t control = word - each * 0x20, quote = (word ^ each * '"') - each,
			 backslash = (word ^ each * '\\') - each;
		if ((word | control | quote | backslash) & beyond)
			break;
	}
	while (i < s.n && is_plain((unsigned char)s.p[i]))
		i++;
	return i;
}

static void
add_text(struct buf *buf, const char *text)
{
	struct span left = span_of(text);
	bool is_known = false, is_utf8 = false;
	buf_reserve(buf, left.n + 2);
	buf_add_byte(buf, '"');
	for (size_t n; left.n; left = span_from(left, n)) {
		unsigned char c = (unsigned char)left.p[0];
		n = plain_run(left);
		if (n) {
			buf_add(buf, left.p, n);
			continue;
		}
		n = 1;
		if (c < 0x80) {
			add_escape(buf, c);
			continue;
		}
		if (!is_known)
			is_utf8 = utf8_is_valid(left);
		is_known = true;
		buf_add_byte(buf, is_utf8 ? (char)c : '?');
	}
	buf_add_byte(buf, '"');
}

void
json_text_put(struct json_text *json, const char *name, const char *text)
{
	begin(json, name);
	if (text)
		add_text(&json->buf, text);
	else
		buf_add_text(&json->buf, "null");
}

void
json_text_pair(struct json_text *json, const char *name, const char *text)
{
	begin(json, NULL);
	add_text(&json->buf, name);
	buf_add_text(&json->buf, json->spaced ? ": " : ":");
	if (text)
		add_text(&json->buf, text);
	else
		buf_add_text(&json->buf, "null");
}

void
json_text_number(struct json_text *json, const char *name, int64_t number)
{
	char digits[20];
	char *p = digits + sizeof digits;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	begin(json, name);
	for (; left || p == digits + sizeof digits; left /= 10)
		*--p = (char)('0' + left % 10);
	if (number < 0)
		*--p = '-';
	buf_add(&json->buf, p, (size_t)(digits + sizeof digits - p));
}

void
json_text_flag(struct json_text *json, const char *name, bool flag)
{
	begin(json, name);
	buf_add_text(&json->buf, flag ? "true" : "false");
}

void
json_text_save(struct json_text *json, const char *name, const char *text)
{
	if (text)
		json_text_put(json, name, text);
}

void
json_text_save_flag(struct json_text *json, const char *name, bool flag)
{
	if (flag)
		json_text_flag(json, name, true);
}

char *
json_text_take(struct json_text *json)
{
	return buf_take(&json->buf);
}
