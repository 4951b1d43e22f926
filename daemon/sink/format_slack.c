#include "daemon/base/mem.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <stdlib.h>

/*
 * Slack's incoming webhooks. `&`, `<` and `>` are escaped as Slack asks, which leaves no mention,
 * no link and no `<!channel>` of a log line's making. Limits: 3,000 characters a section, 2,000 a
 * field, 10 fields.
 */
enum { SUMMARY_MAX = 1000, SECTION_MAX = 2900, LINE_MAX_BYTES = 600 };

static const struct escape MARKUP[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {0}};
static const struct escape CODE[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'`', "'"}, {0}};

/* Takes the text's bytes. */
static json_t *
section(struct buf *text)
{
	json_t *block = json_pack("{s:s, s:{s:s, s:s#, s:b}}", "type", "section", "text", "type",
		"mrkdwn", "text", text->p, (int)text->n, "verbatim", 1);
	buf_fini(text);
	return block;
}

static json_t *
headline(const struct alert *alert)
{
	struct buf text = BUF_INIT;
	buf_format(&text, "*%s, %s:* ", alert_severity_name(alert->severity), format_status(alert));
	excerpt_add(&text, alert->summary, SUMMARY_MAX, MARKUP);
	return section(&text);
}

static json_t *
fields(const struct sink *sink, const struct alert *alert)
{
	struct format_fact facts[FORMAT_FACTS];
	size_t count = format_facts(alert, sink->collector, MARKUP, facts);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		char *text = mem_format("*%s*\n%s", facts[i].name, facts[i].value);
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "type", "mrkdwn", "text",
						    text, "verbatim", 1));
		free(text);
	}
	format_facts_fini(facts, count);
	return json_pack("{s:s, s:o}", "type", "section", "fields", list);
}

static json_t *
advice(const struct alert *alert)
{
	struct buf text = BUF_INIT;
	excerpt_add(&text, alert->advice, SECTION_MAX, MARKUP);
	return section(&text);
}

static json_t *
evidence(const struct alert *alert)
{
	struct buf text = BUF_INIT;
	buf_add_text(&text, "```");
	for (size_t i = 0; i < alert->evidence_count; i++) {
		if (i > 0)
			buf_add_byte(&text, '\n');
		excerpt_add(&text, alert->evidence[i].text, LINE_MAX_BYTES, CODE);
	}
	buf_add_text(&text, "```");
	return section(&text);
}

static const char *
colour(const struct alert *alert)
{
	static const char *const COLOUR[ALERT_SEVERITIES] = {[ALERT_INFO] = "#4a7ebb",
		[ALERT_WARNING] = "#e0a000",
		[ALERT_CRITICAL] = "#c00000"};
	return alert->firing ? COLOUR[alert->severity] : "#2e9e5b";
}

static void
write_slack(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	json_t *blocks = json_array();
	json_array_append_new(blocks, headline(alert));
	json_array_append_new(blocks, fields(job->sink, alert));
	if (alert->firing && alert->advice && *alert->advice)
		json_array_append_new(blocks, advice(alert));
	if (alert->firing && alert->evidence_count > 0)
		json_array_append_new(blocks, evidence(alert));
	json_t *message = json_pack("{s:o, s:[{s:s, s:o}]}", "text",
		format_json_text(alert->summary, SUMMARY_MAX, MARKUP), "attachments", "color",
		colour(alert), "blocks", blocks);
	format_json_write(message, out);
}

const struct format FORMAT_SLACK = {
	.name = "slack",
	.content_type = "application/json",
	.url_is_secret = true,
	.write = write_slack,
};
