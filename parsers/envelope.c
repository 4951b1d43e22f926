#include "parsers/envelope.h"

#include "daemon/base/clock.h"
#include "parsers/json.h"
#include "parsers/syslog.h"

#include <ctype.h>

static const char *const KIND[ENVELOPE_KINDS] = {
	[ENVELOPE_UNKNOWN] = "unknown",
	[ENVELOPE_PLAIN] = "plain",
	[ENVELOPE_RFC3164] = "rfc3164",
	[ENVELOPE_RFC3339] = "rfc3339",
	[ENVELOPE_RFC5424] = "rfc5424",
	[ENVELOPE_JSON] = "json",
	[ENVELOPE_FLUENTBIT] = "fluentbit",
	[ENVELOPE_CMTRACE] = "cmtrace",
	[ENVELOPE_SITE_SERVER] = "siteserver",
};

static const char *const FORMAT[FORMATS] = {
	[FORMAT_AUTO] = "auto",
	[FORMAT_PLAIN] = "plain",
	[FORMAT_SYSLOG] = "syslog",
	[FORMAT_JSON] = "json",
};

const char *
envelope_name(unsigned kind)
{
	return KIND[kind < ENVELOPE_KINDS ? kind : ENVELOPE_UNKNOWN];
}

bool
envelope_format_from_name(const char *name, enum envelope_format *format)
{
	for (int i = 0; i < FORMATS; i++) {
		if (strcmp(name, FORMAT[i]) == 0) {
			*format = (enum envelope_format)i;
			return true;
		}
	}
	return false;
}

void
envelope_scratch_fini(struct envelope_scratch *scratch)
{
	buf_fini(&scratch->host);
	buf_fini(&scratch->path);
	buf_fini(&scratch->message);
}

/* `<![LOG[msg]LOG]!><time=…`, or the end of such a record that began on a line before. */
static bool
is_cmtrace(struct span line)
{
	return span_has_prefix(line, SPAN("<![LOG[")) ||
	       span_find(line, SPAN("]LOG]!><time=\"")) != NULL;
}

/* `msg  $$<COMPONENT><MM-dd-yyyy …><thread=…>` */
static bool
is_site_server(struct span line)
{
	const char *mark = span_find(line, SPAN("$$<"));
	if (!mark)
		return false;
	struct span rest = span_from(line, (size_t)(mark - line.p));
	return span_find(rest, SPAN("><thread=")) != NULL;
}

static bool
parse_syslog(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	unsigned char first = line.n ? (unsigned char)line.p[0] : 0;
	if (first != '<' && !isdigit(first) && !isupper(first))
		return false;
	return syslog_parse_ietf(line, question, scratch, envelope) ||
	       syslog_parse_bsd(line, question, scratch, envelope);
}

static bool
parse_json(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	if (line.n && line.p[0] == '{')
		return json_parse(line, question, scratch, envelope);
	return line.n && line.p[0] == '[' &&
	       json_parse_fluentbit(line, question, scratch, envelope);
}

static bool
parse_any(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	const struct envelope plain = *envelope;
	enum envelope_format format = question->format;
	if ((format == FORMAT_AUTO || format == FORMAT_JSON) &&
		parse_json(line, question, scratch, envelope))
		return true;
	*envelope = plain;
	bool may_be_syslog = format == FORMAT_AUTO || format == FORMAT_SYSLOG;
	if (may_be_syslog && parse_syslog(line, question, scratch, envelope))
		return true;
	*envelope = plain;
	return format == FORMAT_AUTO || format == FORMAT_PLAIN;
}

bool
envelope_parse(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope)
{
	*envelope = (struct envelope){
		.kind = ENVELOPE_PLAIN,
		.host = {line.p, 0},
		.path = {line.p, 0},
		.time = TIME_NONE,
		.message = line,
	};
	bool is_asked_for = parse_any(line, question, scratch, envelope);
	if (!is_asked_for)
		envelope->message.n = 0;
	else if (is_cmtrace(envelope->message))
		envelope->kind = ENVELOPE_CMTRACE;
	else if (is_site_server(envelope->message))
		envelope->kind = ENVELOPE_SITE_SERVER;
	return is_asked_for;
}
