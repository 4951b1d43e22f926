#include "parsers/frame.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/date.h"

#include <ctype.h>

static const struct span SEVERITY[SEVERITIES] = {
	[SEVERITY_CRITICAL] = SPAN("Critical"),
	[SEVERITY_ERROR] = SPAN("Error"),
	[SEVERITY_WARNING] = SPAN("Warning"),
	[SEVERITY_INFORMATION] = SPAN("Information"),
	[SEVERITY_VERBOSE] = SPAN("Verbose"),
	[SEVERITY_START] = SPAN("Start"),
	[SEVERITY_STOP] = SPAN("Stop"),
	[SEVERITY_SUSPEND] = SPAN("Suspend"),
	[SEVERITY_RESUME] = SPAN("Resume"),
	[SEVERITY_TRANSFER] = SPAN("Transfer"),
};

/* How the service's messages begin, as far as they are known. By these the message is found where
 * the date in front of it is in no form that is understood. */
static const char *const BEGINNINGS[] = {
	"WebException trying to enroll",
	"Exception attempting sync",
	"Expired credentials/certificate/token",
	"Connection Failed - bad certificate",
};

enum { SOURCE_LIMIT = 256, DATE_LIMIT = 100, PLACEHOLDER_LIMIT = 40, MARK_LIMIT = 24 };

const char *
severity_name(enum severity severity)
{
	return SEVERITY[severity].p;
}

bool
severity_from_name(struct span name, enum severity *severity)
{
	for (int i = 0; i < SEVERITIES; i++) {
		if (span_equal(name, SEVERITY[i])) {
			*severity = (enum severity)i;
			return true;
		}
	}
	return false;
}

/* Blanks, tabs and no-break spaces, which pages put where the log has blanks. */
static struct span
skip_blanks(struct span s)
{
	for (;;) {
		if (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
			s = span_from(s, 1);
		else if (s.n && s.p[0] == '\xc2' && span_has_prefix(s, SPAN("\xc2\xa0")))
			s = span_from(s, 2);
		else
			return s;
	}
}

/* ": {id} :" behind a severity; the rest is the body. */
static bool
take_id(struct span *s, int64_t *id)
{
	struct span rest = span_from(*s, 1);
	if (s->n == 0 || s->p[0] != ':')
		return false;
	rest = skip_blanks(rest);
	bool minus = rest.n && rest.p[0] == '-';
	rest = span_from(rest, minus);
	size_t n = 0;
	for (*id = 0; n < rest.n && n < 10 && isdigit((unsigned char)rest.p[n]); n++)
		*id = *id * 10 + (rest.p[n] - '0');
	rest = skip_blanks(span_from(rest, n));
	if (n == 0 || rest.n == 0 || rest.p[0] != ':')
		return false;
	*id = minus ? -*id : *id;
	*s = span_from(rest, 1);
	return true;
}

/* A severity, its id and its colons at the start of s, which is behind a blank. */
static bool
take_header(struct span s, struct frame *frame)
{
	for (int i = 0; i < SEVERITIES; i++) {
		struct span name = SEVERITY[i], rest = span_from(s, name.n);
		if (s.n && s.p[0] == name.p[0] && span_has_prefix(s, name) &&
			take_id(&rest, &frame->id)) {
			frame->severity = (enum severity)i;
			frame->body = skip_blanks(rest);
			return true;
		}
	}
	return false;
}

/* The source ends at the first blank behind which a header stands. */
static bool
find_header(struct span line, struct frame *frame)
{
	struct span service = SPAN(FRAME_SERVICE);
	size_t limit = line.n < SOURCE_LIMIT ? line.n : SOURCE_LIMIT;
	size_t from = span_has_prefix(line, service) ? service.n : 1;
	for (size_t i = from; i < limit; i++) {
		if (line.p[i] != ' ')
			continue;
		struct span behind = skip_blanks(span_from(line, i));
		if (!take_header(behind, frame))
			continue;
		frame->source = span_first(line, i);
		while (frame->source.n && frame->source.p[frame->source.n - 1] == ' ')
			frame->source.n--;
		frame->is_service = span_equal(frame->source, service);
		return true;
	}
	return false;
}

/* Digits of any script that .NET writes dates in. */
static bool
is_any_digit(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 0x660 && c <= 0x669) || (c >= 0x6f0 && c <= 0x6f9) ||
	       (c >= 0x966 && c <= 0x96f);
}

/* A zone's abbreviation, or a word for the morning that is in no table: `CEST`, `nm.`, `πμ`. */
static bool
is_mark(struct span s)
{
	bool is_short = s.n <= MARK_LIMIT, has_small = false;
	for (size_t i = 0; is_short && i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		has_small = has_small || islower(c);
		if (c <= ' ' || isdigit(c) || c == ':')
			return false;
	}
	return is_short && (s.n == 0 || !has_small || s.p[s.n - 1] == '.');
}

/* What may be a date though it is in no known form: the numbers of a day, a year and a time, hardly
 * any words, and none of the marks of a quotation. */
static bool
is_like_date(struct span s)
{
	unsigned digits = 0, numbers = 0, words = 0, open = 0;
	bool in_number = false, in_word = false;
	while (s.n > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);
		if (n == 0 || (c && c < 0x80 && strchr("\"'<>=[]{}", (int)c)))
			return false;
		bool is_digit = is_any_digit(c), is_letter = c < 0x80 && isalpha((int)c);
		digits += is_digit;
		numbers += is_digit && !in_number;
		words += is_letter && !in_word;
		open += c == '(';
		if (c == ')' && open-- == 0)
			return false;
		in_number = is_digit;
		in_word = is_letter;
		s = span_from(s, n);
	}
	return digits >= 6 && numbers >= 4 && words <= 5 && open == 0;
}

static bool
looks_like_date(struct span s)
{
	struct date date;
	if (s.n > DATE_LIMIT)
		return false;
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = span_first(span_from(s, 1), s.n - 2);
	bool is_date = date_scan(s, &date);
	if (is_date && (date.length == s.n || (date.has_day && date.has_time)))
		return is_mark(skip_blanks(span_from(s, date.length)));
	return is_like_date(s);
}

static struct span
trim_end(struct span s)
{
	while (s.n) {
		char last = s.p[s.n - 1];
		if (last == ' ' || last == '\t')
			s.n--;
		else if (s.n >= 2 && memcmp(s.p + s.n - 2, "\xc2\xa0", 2) == 0)
			s.n -= 2;
		else
			break;
	}
	return s;
}

static bool
begins_known(struct span s)
{
	for (size_t i = 0; i < COUNT(BEGINNINGS); i++) {
		if (span_has_prefix(s, span_of(BEGINNINGS[i])))
			return true;
	}
	return false;
}

/* At the first colon with a blank behind it that ends a date, whatever the message says. */
static bool
split_by_colon(struct frame *frame)
{
	for (size_t i = 1; i + 1 < frame->body.n && i <= DATE_LIMIT; i++) {
		struct span rest = span_from(frame->body, i + 1);
		struct span message = skip_blanks(rest);
		struct span before = trim_end(span_first(frame->body, i));
		if (frame->body.p[i] != ':' || message.n == rest.n || !looks_like_date(before))
			continue;
		frame->date = before;
		frame->message = message;
		return true;
	}
	return false;
}

static bool
split_by_text(struct frame *frame)
{
	for (size_t i = 0; i < frame->body.n && i <= DATE_LIMIT + 4; i++) {
		struct span rest = span_from(frame->body, i);
		if (!begins_known(rest))
			continue;
		struct span before = trim_end(span_first(frame->body, i));
		if (before.n && before.p[before.n - 1] == ':')
			before = trim_end(span_first(before, before.n - 1));
		if (before.n && !looks_like_date(before))
			return false;
		frame->date = before;
		frame->message = rest;
		return true;
	}
	return false;
}

/* `<date>`, `<Log Date>`: what published texts have in its place. */
static size_t
placeholder_length(struct span body)
{
	if (body.n == 0 || body.p[0] != '<')
		return 0;
	size_t n = 1;
	while (n < body.n && n < PLACEHOLDER_LIMIT &&
		(isalpha((unsigned char)body.p[n]) || body.p[n] == ' '))
		n++;
	return n > 1 && n < body.n && body.p[n] == '>' ? n + 1 : 0;
}

static bool
split_behind(struct frame *frame, size_t n, bool needs_colon)
{
	struct span rest = skip_blanks(span_from(frame->body, n));
	bool colon = rest.n && rest.p[0] == ':';
	bool apart = rest.n < frame->body.n - n;
	if (n == 0 || (!colon && (needs_colon || !apart)))
		return false;
	frame->date = span_first(frame->body, n);
	frame->message = skip_blanks(span_from(rest, colon));
	return true;
}

static void
split_body(struct frame *frame)
{
	struct date date;
	size_t placeholder = placeholder_length(frame->body);
	bool is_date = date_scan(frame->body, &date);
	if (split_behind(frame, placeholder, true))
		return;
	if (is_date && split_behind(frame, date.length, true)) {
		/* Behind a date in front of a colon nothing stands that could change it. */
		frame->is_scanned = true;
		frame->when = date;
		return;
	}
	if (split_by_colon(frame) || split_by_text(frame) ||
		(is_date && date.has_day && date.has_time &&
			split_behind(frame, date.length, false)))
		return;
	frame->date = (struct span){frame->body.p, 0};
	frame->message = frame->body;
}

bool
frame_parse_header(struct span line, struct frame *frame)
{
	*frame = (struct frame){0};
	bool may_begin = line.n && !strchr(" \t<", line.p[0] ? line.p[0] : 'x');
	return may_begin && find_header(line, frame);
}

bool
frame_parse(struct span line, struct frame *frame)
{
	bool is_framed = frame_parse_header(line, frame);
	if (is_framed)
		split_body(frame);
	return is_framed;
}

bool
frame_is_service(struct span line)
{
	struct frame frame = {0};
	return span_has_prefix(line, SPAN(FRAME_SERVICE)) && find_header(line, &frame) &&
	       frame.is_service;
}
