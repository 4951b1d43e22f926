#include "parsers/json.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/date.h"

#include <ctype.h>
#include <jansson.h>

/* The keys of shippers that are known. */
static const char *const MESSAGE_KEYS[] = {"message", "Message", "log", "MESSAGE", "msg",
	"event.original", "text", "raw_event", "line"};
static const char *const HOST_KEYS[] = {"host.name", "agent.hostname", "beat.hostname",
	"host.hostname", "Hostname", "hostname", "Host", "host", "HOSTNAME", "_HOSTNAME",
	"agent.name", "computer_name", "computer", "Computer"};
static const char *const PATH_KEYS[] = {"log.file.path", "source", "path", "filename", "file",
	"FileName", "file.path", "file_path"};
static const char *const TIME_KEYS[] = {
	"@timestamp", "time", "date", "timestamp", "EventTime", "EventReceivedTime"};

static const struct envelope_names MESSAGE = {MESSAGE_KEYS, COUNT(MESSAGE_KEYS)};
static const struct envelope_names HOST = {HOST_KEYS, COUNT(HOST_KEYS)};
static const struct envelope_names PATH = {PATH_KEYS, COUNT(PATH_KEYS)};
static const struct envelope_names TIME = {TIME_KEYS, COUNT(TIME_KEYS)};
static const struct envelope_names NONE = {NULL, 0};

/* Of the keys that are asked for, the known ones behind them, the one at index i. */
static const char *
key_at(const struct envelope_names *asked, const struct envelope_names *known, size_t i)
{
	return i < asked->count ? asked->item[i] : known->item[i - asked->count];
}

static const json_t *
find_key(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *dot = strchr(key, '.');
	if (value || !dot)
		return value;
	struct span head = {key, (size_t)(dot - key)};
	value = json_object_getn(object, head.p, head.n);
	return json_is_object(value) ? find_key(value, dot + 1) : NULL;
}

static struct span
find_text(const json_t *object, const struct envelope_names *asked,
	const struct envelope_names *known, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < asked->count + known->count; i++) {
		const json_t *value = find_key(object, key_at(asked, known, i));
		if (!json_is_string(value) || json_string_length(value) == 0)
			continue;
		buf_add(out, json_string_value(value), json_string_length(value));
		break;
	}
	return buf_span(out);
}

static int64_t
time_of(const json_t *value, const struct envelope_question *question)
{
	struct date date;
	if (json_is_string(value)) {
		struct span text = {json_string_value(value), json_string_length(value)};
		return date_scan(text, &date) && date.length == text.n && date.year
			       ? date_resolve_near(&date, question->zone, question->received)
			       : TIME_NONE;
	}
	double seconds = json_number_value(value);
	return seconds > 0 && seconds < 1e11 ? (int64_t)(seconds * 1e6 + 0.5) : TIME_NONE;
}

static int64_t
find_time(const json_t *object, const struct envelope_question *question)
{
	const struct envelope_names *asked = &question->json.time, *known = &TIME;
	for (size_t i = 0; i < asked->count + known->count; i++) {
		int64_t time = time_of(find_key(object, key_at(asked, known, i)), question);
		if (time != TIME_NONE)
			return time;
	}
	return TIME_NONE;
}

/* Line ends at the end of the text are the shipper's. */
static struct span
trim_line_ends(struct span s)
{
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

bool
json_parse(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	const struct envelope_keys *asked = &question->json;
	json_t *object = json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL);
	bool is_object = json_is_object(object);
	if (is_object) {
		envelope->kind = ENVELOPE_JSON;
		envelope->host = find_text(object, &asked->host, &HOST, &scratch->host);
		envelope->path = find_text(object, &NONE, &PATH, &scratch->path);
		envelope->message = trim_line_ends(
			find_text(object, &asked->message, &MESSAGE, &scratch->message));
		if (question->zone)
			envelope->time = find_time(object, question);
	}
	json_decref(object);
	return is_object;
}

/* A quoted text at the start of s, with its escapes; s moves behind it. */
static bool
take_quoted(struct span *s, struct span *quoted)
{
	if (s->n == 0 || s->p[0] != '"')
		return false;
	size_t n = 1;
	while (n < s->n && s->p[n] != '"')
		n += s->p[n] == '\\' ? 2 : 1;
	if (n >= s->n)
		return false;
	*quoted = (struct span){s->p + 1, n - 1};
	*s = span_from(*s, n + 1);
	return true;
}

static struct span
unquote(struct span quoted, struct buf *out)
{
	static const char FROM[] = "ntrbf", TO[] = "\n\t\r\b\f";
	buf_clear(out);
	for (size_t i = 0; i < quoted.n; i++) {
		if (quoted.p[i] != '\\' || i + 1 == quoted.n) {
			buf_add_byte(out, quoted.p[i]);
			continue;
		}
		char letter = quoted.p[++i];
		const char *known = letter ? strchr(FROM, letter) : NULL;
		buf_add_byte(out, known ? TO[known - FROM] : letter);
	}
	return buf_span(out);
}

/* One `"key"=>"value"`: kept where the key is among those looked for and comes before what was
 * found, which is `best`. */
static void
keep_better(const struct envelope_names *asked, const struct envelope_names *known, struct span key,
	struct span value, struct buf *out, size_t *best)
{
	for (size_t i = 0; i < *best && i < asked->count + known->count; i++) {
		const char *name = key_at(asked, known, i), *last = strrchr(name, '.');
		if (!span_equal(key, span_of(last ? last + 1 : name)))
			continue;
		*best = i;
		unquote(value, out);
		return;
	}
}

/* `[0] TAG: [TIME, ` or, newer, `[0] TAG: [[TIME, {}], `: where the record begins. */
static bool
skip_fluentbit_header(struct span *s)
{
	size_t n = 1;
	if (s->n < 8 || s->p[0] != '[')
		return false;
	while (n < s->n && isdigit((unsigned char)s->p[n]))
		n++;
	if (n == 1 || n + 1 >= s->n || s->p[n] != ']' || s->p[n + 1] != ' ')
		return false;
	const char *open = span_find(*s, SPAN(": ["));
	if (!open)
		return false;
	struct span rest = span_from(*s, (size_t)(open - s->p) + 3);
	const char *record = span_find(rest, SPAN(", {\""));
	if (!record)
		return false;
	*s = span_from(rest, (size_t)(record - rest.p) + 3);
	return true;
}

bool
json_parse_fluentbit(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	const struct envelope_keys *asked = &question->json;
	struct span s = line;
	if (!skip_fluentbit_header(&s))
		return false;
	size_t message = SIZE_MAX, host = SIZE_MAX, path = SIZE_MAX;
	buf_clear(&scratch->message);
	buf_clear(&scratch->host);
	buf_clear(&scratch->path);
	bool any = false;
	while (s.n > 0) {
		struct span key, value;
		if (!take_quoted(&s, &key)) {
			s = span_from(s, 1);
			continue;
		}
		if (!span_has_prefix(s, SPAN("=>")))
			continue;
		s = span_from(s, 2);
		if (!take_quoted(&s, &value))
			continue;
		any = true;
		keep_better(&asked->message, &MESSAGE, key, value, &scratch->message, &message);
		keep_better(&asked->host, &HOST, key, value, &scratch->host, &host);
		keep_better(&NONE, &PATH, key, value, &scratch->path, &path);
	}
	envelope->kind = ENVELOPE_FLUENTBIT;
	envelope->host = buf_span(&scratch->host);
	envelope->path = buf_span(&scratch->path);
	envelope->message = trim_line_ends(buf_span(&scratch->message));
	return any;
}
