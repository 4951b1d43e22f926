#include "daemon/engine/json_text.h"

#include "daemon/base/utf8.h"

#include <string.h>

/* What stands in front of a value: a comma unless it is the first, and its name. */
static void
begin(struct json_text *json, const char *name)
{
	struct buf *buf = &json->buf;
	char last = buf->n ? buf->p[buf->n - 1] : '[';
	if (last != '{' && last != '[')
		buf_add_text(buf, json->spaced ? ", " : ",");
	if (!name)
		return;
	buf_add_byte(buf, '"');
	buf_add_text(buf, name);
	buf_add_text(buf, json->spaced ? "\": " : "\":");
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

static void
add_escaped(struct buf *buf, const char *text, bool is_utf8)
{
	const char *from = text;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_plain = c >= 0x20 && c != '"' && c != '\\' && (c < 0x80 || is_utf8);
		if (is_plain)
			continue;
		buf_add(buf, from, (size_t)(text - from));
		from = text + 1;
		if (c >= 0x80)
			buf_add_byte(buf, '?');
		else
			add_escape(buf, c);
	}
	buf_add(buf, from, (size_t)(text - from));
}

static void
add_text(struct buf *buf, const char *text)
{
	buf_add_byte(buf, '"');
	add_escaped(buf, text, utf8_is_valid(span_of(text)));
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

char *
json_text_take(struct json_text *json)
{
	return buf_take(&json->buf);
}
