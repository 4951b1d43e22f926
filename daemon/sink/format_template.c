#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/excerpt.h"
#include "daemon/sink/format.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Any other receiver: `{{field}}` and `{{field|filter}}` in the configured body. Every field is
 * made safe and is at most FIELD_MAX bytes; the filter says which language it is put into.
 */
enum { FIELD_MAX = 4096, NAME_MAX_BYTES = 64 };

static const struct escape JSON[] = {{'"', "\\\""}, {'\\', "\\\\"}, {0}};
static const struct escape XML[] = {
	{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}, {0}};

static void
add_text(struct buf *out, const char *value)
{
	excerpt_add(out, value, FIELD_MAX, NULL);
}

static void
add_json(struct buf *out, const char *value)
{
	excerpt_add(out, value, FIELD_MAX, JSON);
}

static void
add_xml(struct buf *out, const char *value)
{
	excerpt_add(out, value, FIELD_MAX, XML);
}

/* RFC 3986: all but unreserved characters. */
static void
add_url(struct buf *out, const char *value)
{
	struct buf safe = BUF_INIT;
	add_text(&safe, value);
	for (size_t i = 0; i < safe.n; i++) {
		unsigned char c = (unsigned char)safe.p[i];
		bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
			     strchr("-._~", c);
		if (plain && c < 0x80)
			buf_add_byte(out, (char)c);
		else
			buf_format(out, "%%%02X", c);
	}
	buf_fini(&safe);
}

static void
add_case(struct buf *out, const char *value, char from, char to)
{
	size_t start = out->n;
	add_text(out, value);
	for (size_t i = start; i < out->n; i++) {
		if (out->p[i] >= from && out->p[i] <= from + 25)
			out->p[i] = (char)(out->p[i] - from + to);
	}
}

static void
add_upper(struct buf *out, const char *value)
{
	add_case(out, value, 'a', 'A');
}

static void
add_lower(struct buf *out, const char *value)
{
	add_case(out, value, 'A', 'a');
}

static const struct {
	struct span name;
	void (*add)(struct buf *out, const char *value);
} FILTER[] = {
	{{"text", 4}, add_text}, /* what no filter means */
	{{"json", 4}, add_json},
	{{"xml", 3}, add_xml},
	{{"url", 3}, add_url},
	{{"upper", 5}, add_upper},
	{{"lower", 5}, add_lower},
};

static char *
of_time(int64_t time)
{
	char text[TIME_TEXT];
	return mem_text(time_format(time, text));
}

static char *
get_id(const struct format_job *job)
{
	return mem_text(job->alert->id);
}

static char *
get_key(const struct format_job *job)
{
	return alert_key(job->alert);
}

static char *
get_kind(const struct format_job *job)
{
	return mem_text(alert_kind_name(job->alert->kind));
}

static char *
get_status(const struct format_job *job)
{
	return mem_text(job->alert->firing ? "firing" : "resolved");
}

static char *
get_severity(const struct format_job *job)
{
	return mem_text(alert_severity_name(job->alert->severity));
}

static char *
get_site(const struct format_job *job)
{
	return mem_text(job->alert->site);
}

static char *
get_state(const struct format_job *job)
{
	return mem_text(site_state_name(job->alert->state));
}

static char *
get_previous_state(const struct format_job *job)
{
	return mem_text(site_state_name(job->alert->previous_state));
}

static char *
get_summary(const struct format_job *job)
{
	return mem_text(job->alert->summary);
}

static char *
get_advice(const struct format_job *job)
{
	return mem_text(job->alert->advice);
}

static char *
get_cause(const struct format_job *job)
{
	return mem_text(job->alert->cause);
}

static char *
get_started_at(const struct format_job *job)
{
	return of_time(job->alert->started_at);
}

static char *
get_updated_at(const struct format_job *job)
{
	return of_time(job->alert->updated_at);
}

static char *
get_resolved_at(const struct format_job *job)
{
	return of_time(job->alert->resolved_at);
}

static char *
get_resolution(const struct format_job *job)
{
	return mem_text(resolution_name(job->alert->resolution));
}

static char *
get_occurrences(const struct format_job *job)
{
	return mem_format("%" PRIu64, job->alert->occurrences);
}

static char *
get_collector(const struct format_job *job)
{
	return mem_text(job->sink->collector);
}

static char *
get_reminder(const struct format_job *job)
{
	return mem_text(job->alert->reminder ? "true" : "false");
}

static char *
get_test(const struct format_job *job)
{
	return mem_text(job->alert->test ? "true" : "false");
}

/* The lines, the first first, " / " between them. */
static char *
get_evidence(const struct format_job *job)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < job->alert->evidence_count; i++) {
		buf_add_text(&out, i ? " / " : "");
		buf_add_text(&out, job->alert->evidence[i].text);
	}
	return buf_take(&out);
}

/* Fields as the generic document names them. */
static const struct {
	struct span name;
	char *(*get)(const struct format_job *job); /* owned; NULL for nothing */
} FIELD[] = {
	{{"id", 2}, get_id},
	{{"key", 3}, get_key},
	{{"kind", 4}, get_kind},
	{{"status", 6}, get_status},
	{{"severity", 8}, get_severity},
	{{"site", 4}, get_site},
	{{"state", 5}, get_state},
	{{"previous_state", 14}, get_previous_state},
	{{"summary", 7}, get_summary},
	{{"advice", 6}, get_advice},
	{{"cause", 5}, get_cause},
	{{"started_at", 10}, get_started_at},
	{{"updated_at", 10}, get_updated_at},
	{{"resolved_at", 11}, get_resolved_at},
	{{"resolution", 10}, get_resolution},
	{{"occurrences", 11}, get_occurrences},
	{{"evidence", 8}, get_evidence},
	{{"collector", 9}, get_collector},
	{{"reminder", 8}, get_reminder},
	{{"test", 4}, get_test},
};

static const struct span LABEL = {"label.", 6};

/* A part of the body: text as it is, or a field and its filter. */
struct part {
	struct span text;
	struct span field;
	struct span filter; /* empty for none */
};

/* Takes the next part from *rest. False with a sentence where it is none. */
static bool
next_part(struct span *rest, struct part *part, struct err *err)
{
	*part = (struct part){.text = *rest};
	const char *open = span_find(*rest, SPAN("{{"));
	if (open != rest->p) {
		part->text.n = open ? (size_t)(open - rest->p) : rest->n;
		*rest = span_from(*rest, part->text.n);
		return true;
	}
	struct span inner = span_from(*rest, 2);
	const char *close = span_find(inner, SPAN("}}"));
	if (!close)
		return err_set(err, "body: {{ without }}");
	inner.n = (size_t)(close - inner.p);
	const char *bar = span_find(inner, SPAN("|"));
	part->text.n = 0;
	part->field = span_trim(span_first(inner, bar ? (size_t)(bar - inner.p) : inner.n));
	part->filter =
		bar ? span_trim(span_from(inner, (size_t)(bar - inner.p) + 1)) : SPAN("text");
	*rest = span_from(*rest, inner.n + 4);
	return true;
}

static const char *
label_of(const struct sink *sink, struct span name)
{
	for (size_t i = 0; i < sink->label_count; i++) {
		if (span_equal(span_of(sink->labels[i].name), name))
			return sink->labels[i].value;
	}
	return NULL;
}

static size_t
find_field(struct span name)
{
	size_t i = 0;
	while (i < COUNT(FIELD) && !span_equal(FIELD[i].name, name))
		i++;
	return i;
}

static size_t
find_filter(struct span name)
{
	size_t i = 0;
	while (i < COUNT(FILTER) && !span_equal(FILTER[i].name, name))
		i++;
	return i;
}

static bool
check_template(const struct format_settings *settings, struct err *err)
{
	if (!settings->body)
		return err_set(err, "body: missing");
	struct span rest = span_of(settings->body);
	for (struct part part; rest.n > 0;) {
		if (!next_part(&rest, &part, err))
			return false;
		if (part.text.n > 0)
			continue;
		if (find_field(part.field) == COUNT(FIELD) && !span_has_prefix(part.field, LABEL))
			return err_set(err, "body: no field is called %.*s",
				(int)span_first(part.field, NAME_MAX_BYTES).n, part.field.p);
		if (find_filter(part.filter) == COUNT(FILTER))
			return err_set(err, "body: no filter is called %.*s",
				(int)span_first(part.filter, NAME_MAX_BYTES).n, part.filter.p);
	}
	return true;
}

static void
write_template(const struct format_job *job, struct buf *out)
{
	struct err err = ERR_INIT;
	struct span rest = span_of(job->settings->body);
	for (struct part part; rest.n > 0 && next_part(&rest, &part, &err);) {
		if (part.text.n > 0) {
			buf_add_span(out, part.text);
			continue;
		}
		size_t field = find_field(part.field);
		char *value =
			field < COUNT(FIELD)
				? FIELD[field].get(job)
				: mem_text(label_of(job->sink, span_from(part.field, LABEL.n)));
		FILTER[find_filter(part.filter)].add(out, value);
		free(value);
	}
}

const struct format FORMAT_TEMPLATE = {
	.name = "template",
	.content_type = "text/plain; charset=utf-8",
	.check = check_template,
	.write = write_template,
};
