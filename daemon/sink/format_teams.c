#include "daemon/base/mem.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <stdlib.h>

/*
 * An Adaptive Card for a Teams workflow ("when a Teams webhook request is received") or an incoming
 * webhook. What comes from a log stands in TextRuns, which know no Markdown; there is no list of
 * mentions, so nobody is mentioned. The whole stays below 20,000 bytes, Teams' limit being 28 KB.
 */
enum { SUMMARY_MAX = 500, ADVICE_MAX = 3000, LINE_MAX_BYTES = 900 };

static json_t *
paragraph(json_t *text, const char *weight, const char *colour, const char *font)
{
	return json_pack("{s:s, s:[{s:s, s:o, s:s, s:s, s:s}]}", "type", "RichTextBlock", "inlines",
		"type", "TextRun", "text", text, "weight", weight, "color", colour, "fontType",
		font);
}

static json_t *
headline(const struct alert *alert)
{
	static const char *const COLOUR[ALERT_SEVERITIES] = {[ALERT_INFO] = "Accent",
		[ALERT_WARNING] = "Warning",
		[ALERT_CRITICAL] = "Attention"};
	char *text = mem_format("%s, %s: %s", alert_severity_name(alert->severity),
		format_status(alert), alert->summary ? alert->summary : "");
	json_t *block = paragraph(format_json_text(text, SUMMARY_MAX, NULL), "Bolder",
		alert->firing ? COLOUR[alert->severity] : "Good", "Default");
	free(text);
	return block;
}

static void
add_facts(json_t *body, const struct sink *sink, const struct alert *alert)
{
	struct format_fact facts[FORMAT_FACTS];
	size_t count = format_facts(alert, sink->collector, NULL, facts);
	for (size_t i = 0; i < count; i++) {
		char *text = mem_format("%s: %s", facts[i].name, facts[i].value);
		json_array_append_new(
			body, paragraph(json_string(text), "Default", "Default", "Default"));
		free(text);
	}
	format_facts_fini(facts, count);
}

static json_t *
actions(const struct alert *alert)
{
	json_t *list = json_array();
	for (const char *const *link = alert_links(alert->kind); *link; link++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", "Action.OpenUrl",
						    "title", "Read more", "url", *link));
	return list;
}

static void
write_teams(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	json_t *body = json_array();
	json_array_append_new(body, headline(alert));
	add_facts(body, job->sink, alert);
	if (alert->firing && alert->advice && *alert->advice)
		json_array_append_new(
			body, paragraph(format_json_text(alert->advice, ADVICE_MAX, NULL),
				      "Default", "Default", "Default"));
	for (size_t i = 0; alert->firing && i < alert->evidence_count; i++)
		json_array_append_new(body,
			paragraph(format_json_text(alert->evidence[i].text, LINE_MAX_BYTES, NULL),
				"Default", "Default", "Monospace"));
	json_t *card = json_pack("{s:s, s:s, s:s, s:o, s:o}", "$schema",
		"http://adaptivecards.io/schemas/adaptive-card.json", "type", "AdaptiveCard",
		"version", "1.4", "body", body, "actions", actions(alert));
	json_t *message = json_pack("{s:s, s:[{s:s, s:n, s:o}]}", "type", "message", "attachments",
		"contentType", "application/vnd.microsoft.card.adaptive", "contentUrl", "content",
		card);
	format_json_write(message, out);
}

/* An incoming webhook of the older kind answers 200 and reports in the body that Teams did not
 * take the message. */
static enum sink_outcome
judge_teams(const struct http_answer *answer, struct err *err)
{
	if (!span_find(answer->body, SPAN("Webhook message delivery failed")))
		return SINK_DELIVERED;
	err_set(err, "%.*s", (int)answer->body.n, answer->body.p);
	return span_find(answer->body, SPAN("HTTP error 429")) ||
			       span_find(answer->body, SPAN("HTTP error 5"))
		       ? SINK_RETRY
		       : SINK_REFUSED;
}

const struct format FORMAT_TEAMS = {
	.name = "teams",
	.content_type = "application/json",
	.url_is_secret = true,
	.write = write_teams,
	.judge = judge_teams,
};
