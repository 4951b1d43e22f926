#include "parsers/syslog.h"

#include "daemon/base/mem.h"
#include "parsers/date.h"
#include "parsers/frame.h"

#include <ctype.h>
#include <stdint.h>

/* `<PRI>` */
static bool
take_priority(struct span *s)
{
	if (s->n == 0 || s->p[0] != '<')
		return false;
	struct span rest = span_from(*s, 1);
	size_t n = span_digits(rest, 3);
	if (n == 0)
		return false;
	rest = span_from(rest, n);
	if (!span_take_byte(&rest, '>'))
		return false;
	*s = rest;
	return true;
}

/* Up to the next blank, which is taken too. Empty where there is none. */
static struct span
take_field(struct span *s)
{
	const char *blank = s->n ? memchr(s->p, ' ', s->n) : NULL;
	if (!blank)
		return (struct span){s->p, 0};
	struct span field = {s->p, (size_t)(blank - s->p)};
	*s = span_from(*s, field.n + 1);
	return field;
}

/* Writers put one blank before a message that may bring one of its own. Three or more are the
 * message's: lines that continue a record are indented. */
static struct span
skip_blanks(struct span s)
{
	for (int i = 0; i < 2 && s.n && s.p[0] == ' '; i++)
		s = span_from(s, 1);
	return s;
}

/* `TAG: `, `TAG[PID]: ` or, without a colon, a single word in front of the service's frame. */
static struct span
skip_tag(struct span s)
{
	size_t n = 0;
	if (span_has_prefix(s, SPAN(FRAME_SERVICE))) /* its first word is none */
		return s;
	while (n < s.n && n < 64 && !strchr(" :[", s.p[n] ? s.p[n] : 'x'))
		n++;
	if (n == 0 || !isalnum((unsigned char)s.p[0]))
		return s;
	struct span rest = span_from(s, n);
	if (span_take_byte(&rest, '[')) {
		const char *close = rest.n ? memchr(rest.p, ']', rest.n < 32 ? rest.n : 32) : NULL;
		if (!close)
			return s;
		rest = span_from(rest, (size_t)(close - rest.p) + 1);
	}
	bool colon = span_take_byte(&rest, ':');
	span_take_byte(&rest, ' ');
	return colon || frame_is_service(rest) ? rest : s;
}

/* rsyslog writes a control character as `#` or `\` and three octal digits. */
static size_t
escaped_control(struct span s, unsigned char *control)
{
	if (s.n < 4 || (s.p[0] != '#' && s.p[0] != '\\') || s.p[1] != '0')
		return 0;
	if (s.p[2] < '0' || s.p[2] > '3' || s.p[3] < '0' || s.p[3] > '7')
		return 0;
	*control = (unsigned char)((s.p[2] - '0') << 3 | (s.p[3] - '0'));
	return 4;
}

static bool
has_escape_by(struct span s, char mark)
{
	unsigned char control;
	const char *p;
	while (s.n && (p = memchr(s.p, mark, s.n)) != NULL) {
		s = span_from(s, (size_t)(p - s.p));
		if (escaped_control(s, &control))
			return true;
		s = span_from(s, 1);
	}
	return false;
}

static struct span
unescape(struct span s, struct buf *out)
{
	if (!has_escape_by(s, '#') && !has_escape_by(s, '\\'))
		return s;
	buf_clear(out);
	while (s.n > 0) {
		unsigned char control = 0;
		size_t n = escaped_control(s, &control);
		if (n == 0)
			buf_add_byte(out, s.p[0]);
		else if (control == '\t' || control == '\n')
			buf_add_byte(out, (char)control);
		else if (control != '\r')
			buf_add_byte(out, ' ');
		s = span_from(s, n ? n : 1);
	}
	while (out->n && out->p[out->n - 1] == '\n')
		out->n--;
	return buf_span(out);
}

/* Behind the time: HOST, then a tag or none. Where the service's frame stands decides. */
static void
take_host_and_message(struct span rest, struct envelope_scratch *scratch, struct envelope *envelope)
{
	envelope->host = (struct span){rest.p, 0};
	rest = unescape(rest, &scratch->message);
	struct span behind_host = rest;
	struct span host = take_field(&behind_host);
	bool is_tag = host.n && (host.p[host.n - 1] == ':' || host.p[host.n - 1] == ']');
	if (frame_is_service(rest)) {
		envelope->message = rest;
	} else if (is_tag || host.n == 0) {
		envelope->message = skip_tag(rest);
	} else {
		envelope->host = host;
		envelope->message = skip_tag(skip_blanks(behind_host));
	}
}

static bool
is_month(struct span s)
{
	static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (size_t i = 0; i + 3 <= sizeof MONTHS - 1; i += 3) {
		if (s.n > 3 && memcmp(s.p, MONTHS + i, 3) == 0)
			return s.p[3] == ' ';
	}
	return false;
}

/* 2015-06-19T03:00:01…, asked of each line: by eight bytes at once. A digit differs from '0' in 0
 * to 9, any other byte of the form in nothing; what differs in more reaches the highest bit with
 * what is added. */
static bool
is_stamp(struct span s)
{
	static const struct {
		size_t at;
		char form[9], limit[9];
	} PART[] = {
		{0, "0000-00-", "vvvv\x7fvv\x7f"},
		{8, "00T00:00", "vv\x7fvv\x7fvv"},
		{11, "00:00:00", "vv\x7fvv\x7fvv"},
	};
	uint64_t over = 0;
	if (s.n < sizeof "2015-06-19T03:00:01")
		return false;
	for (size_t i = 0; i < COUNT(PART); i++) {
		uint64_t text, form, limit;
		memcpy(&text, s.p + PART[i].at, sizeof text);
		memcpy(&form, PART[i].form, sizeof form);
		memcpy(&limit, PART[i].limit, sizeof limit);
		text ^= form;
		over |= text | (text + limit);
	}
	return (over & UINT64_C(0x8080808080808080)) == 0;
}

/* A number of up to `most` digits and what stands behind it. */
static bool
take_digits(struct span *s, size_t most, char behind)
{
	size_t n = span_digits(*s, most);
	if (n == 0 || n == s->n || s->p[n] != behind)
		return false;
	*s = span_from(*s, n + 1);
	return true;
}

/* How long `Mmm dd [yyyy] hh:mm:ss[.fff] [yyyy]` is, without the blank behind it; 0 for none. */
static size_t
month_stamp_length(struct span line)
{
	struct span s = skip_blanks(span_from(line, 3)), year;
	if (!take_digits(&s, 2, ' '))
		return 0;
	if (span_digits(s, 5) == 4 && !take_digits(&s, 4, ' '))
		return 0;
	if (!take_digits(&s, 2, ':') || !take_digits(&s, 2, ':'))
		return 0;
	year = s;
	if (take_digits(&year, 2, '.'))
		s = year;
	if (!take_digits(&s, 9, ' '))
		return 0;
	year = s;
	if (span_digits(s, 5) == 4 && take_digits(&year, 4, ' '))
		s = year;
	return line.n - s.n - 1;
}

bool
syslog_parse_bsd(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	struct span rest = line;
	struct date date;
	take_priority(&rest);
	bool is_rfc3339 = is_stamp(rest);
	const char *blank = is_rfc3339 ? memchr(rest.p, ' ', rest.n) : NULL;
	size_t n = blank ? (size_t)(blank - rest.p) : is_month(rest) ? month_stamp_length(rest) : 0;
	if (n == 0 || !date_scan(span_first(rest, n), &date) || date.length != n || !date.has_day ||
		!date.has_time || (is_rfc3339 && !date.has_zone))
		return false;
	envelope->kind = is_rfc3339 ? ENVELOPE_RFC3339 : ENVELOPE_RFC3164;
	if (question->zone)
		envelope->time = date_resolve_near(&date, question->zone, question->received);
	take_host_and_message(skip_blanks(span_from(rest, n)), scratch, envelope);
	return true;
}

/* NAME="VALUE" of structured data, the value with its escapes. */
static bool
take_parameter(struct span *s, struct span *name, struct span *value)
{
	const char *equals = s->n ? memchr(s->p, '=', s->n) : NULL;
	if (!equals)
		return false;
	*name = span_first(*s, (size_t)(equals - s->p));
	struct span rest = span_from(*s, name->n + 1);
	if (!span_take_byte(&rest, '"'))
		return false;
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '"')
		n += rest.p[n] == '\\' && n + 1 < rest.n ? 2 : 1;
	*value = span_first(rest, n);
	*s = span_from(rest, n);
	return span_take_byte(s, '"');
}

static struct span
unescape_value(struct span value, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < value.n; i++) {
		bool escapes = value.p[i] == '\\' && i + 1 < value.n &&
			       strchr("\"\\]", value.p[i + 1] ? value.p[i + 1] : 'x');
		i += escapes;
		buf_add_byte(out, value.p[i]);
	}
	return buf_span(out);
}

/* NXLog names in its element where the line comes from; the header names the machine that ships. */
static void
use_parameter(struct span id, struct span name, struct span value, struct envelope_scratch *scratch,
	struct envelope *envelope)
{
	if (!span_has_prefix(id, SPAN("NXLOG@")) || value.n == 0)
		return;
	if (span_equal_nocase(name, SPAN("host")) || span_equal_nocase(name, SPAN("hostname")))
		envelope->host = unescape_value(value, &scratch->host);
	if (span_equal_nocase(name, SPAN("path")) || span_equal_nocase(name, SPAN("filename")))
		envelope->path = unescape_value(value, &scratch->path);
}

/* `-` or one or more `[id name="value" …]`. */
static bool
take_structured(struct span *s, struct envelope_scratch *scratch, struct envelope *envelope)
{
	if (span_take_byte(s, '-'))
		return true;
	bool any = false;
	while (span_take_byte(s, '[')) {
		size_t n = 0;
		while (n < s->n && s->p[n] != ' ' && s->p[n] != ']')
			n++;
		struct span id = span_first(*s, n), name, value;
		*s = span_from(*s, n);
		while (span_take_byte(s, ' ')) {
			if (!take_parameter(s, &name, &value))
				return false;
			use_parameter(id, name, value, scratch, envelope);
		}
		if (!span_take_byte(s, ']'))
			return false;
		any = true;
	}
	return any;
}

/* An octet count stands in front of a message that was kept as it came over TCP. */
static void
skip_count(struct span *s)
{
	size_t n = span_digits(*s, 7);
	struct span rest = span_from(*s, n);
	if (n && span_take_byte(&rest, ' ') && rest.n && rest.p[0] == '<')
		*s = rest;
}

bool
syslog_parse_ietf(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	struct span rest = line;
	struct date date;
	skip_count(&rest);
	if (!take_priority(&rest) || !span_equal(take_field(&rest), SPAN("1")))
		return false;
	struct span stamp = take_field(&rest), host = take_field(&rest);
	bool is_header = stamp.n && host.n && take_field(&rest).n && take_field(&rest).n &&
			 take_field(&rest).n;
	bool has_time = is_stamp(stamp) && date_scan(stamp, &date) && date.has_zone;
	if (!is_header || (!has_time && !span_equal(stamp, SPAN("-"))))
		return false;
	envelope->host = span_equal(host, SPAN("-")) ? span_first(host, 0) : host;
	if (!take_structured(&rest, scratch, envelope) || (rest.n && !span_take_byte(&rest, ' ')))
		return false;
	if (span_has_prefix(rest, SPAN("\xef\xbb\xbf")))
		rest = span_from(rest, 3);
	envelope->kind = ENVELOPE_RFC5424;
	if (has_time && question->zone)
		envelope->time = date_resolve_near(&date, question->zone, question->received);
	rest = unescape(skip_blanks(rest), &scratch->message);
	envelope->message = skip_tag(rest);
	return true;
}
