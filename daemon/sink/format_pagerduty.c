#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <stdlib.h>

/*
 * PagerDuty's Events API v2: one of our keys is one of its alerts, so that a reminder adds to what
 * stands and a resolution ends it. Limits: summary 1,024 characters, dedup_key 255, an event
 * 512 KB.
 */
enum { SUMMARY_MAX = 1024, KEY_MAX = 255, TEXT_MAX = 1024, ADVICE_MAX = 8192 };

static bool
check_pagerduty(const struct format_settings *settings, struct err *err)
{
	const char *key = settings->routing_key;
	if (!key)
		return err_set(err, "routing_key: missing");
	for (const char *p = key; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(err, "routing_key: holds a blank or a control character");
	}
	return *key || err_set(err, "routing_key: empty");
}

/* A key that is too long is cut to a digest, not to an ellipsis: it must differ. */
static json_t *
dedup_key(const struct alert *alert)
{
	char *key = alert_key(alert);
	char digest[2 * sizeof(struct sha256) + 1];
	struct sha256 hash = sha256(key, strlen(key));
	hex_encode(hash.byte, sizeof hash.byte, digest);
	json_t *value =
		strlen(key) <= KEY_MAX ? format_json_text(key, KEY_MAX, NULL) : json_string(digest);
	free(key);
	return value;
}

static json_t *
details(const struct sink *sink, const struct alert *alert)
{
	struct format_fact facts[FORMAT_FACTS];
	size_t count = format_facts(alert, sink->collector, NULL, facts);
	json_t *out = json_object(), *lines = json_array();
	for (size_t i = 0; i < count; i++)
		json_object_set_new(out, facts[i].name, json_string(facts[i].value));
	format_facts_fini(facts, count);
	for (size_t i = 0; i < alert->evidence_count; i++)
		json_array_append_new(
			lines, format_json_text(alert->evidence[i].text, TEXT_MAX, NULL));
	json_object_set_new(out, "What to do", format_json_text(alert->advice, ADVICE_MAX, NULL));
	json_object_set_new(out, "Evidence", lines);
	json_object_set_new(out, "Id", json_string(alert->id));
	for (size_t i = 0; i < sink->label_count; i++)
		json_object_set_new(out, sink->labels[i].name,
			format_json_text(sink->labels[i].value, TEXT_MAX, NULL));
	return out;
}

static json_t *
links(const struct alert *alert)
{
	json_t *out = json_array();
	for (const char *const *link = alert_links(alert->kind); *link; link++)
		json_array_append_new(out, json_pack("{s:s, s:s}", "href", *link, "text", *link));
	return out;
}

static void
write_pagerduty(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	const char *summary = alert->summary ? alert->summary : alert_kind_name(alert->kind);
	json_t *payload = json_pack("{s:o, s:o, s:s, s:o, s:s, s:o}", "summary",
		format_json_text(summary, SUMMARY_MAX, NULL), "source",
		format_json_text(alert->site, TEXT_MAX, NULL), "severity",
		alert_severity_name(alert->severity), "timestamp", json_of_time(alert->updated_at),
		"class", alert_kind_name(alert->kind), "custom_details", details(job->sink, alert));
	json_t *event = json_pack("{s:s, s:s, s:o, s:o, s:o, s:s}", "routing_key",
		job->settings->routing_key, "event_action", alert->firing ? "trigger" : "resolve",
		"dedup_key", dedup_key(alert), "payload", payload, "links", links(alert), "client",
		"aiwatch");
	format_json_write(event, out);
}

const struct format FORMAT_PAGERDUTY = {
	.name = "pagerduty",
	.content_type = "application/json",
	.url = "https://events.pagerduty.com/v2/enqueue",
	.check = check_pagerduty,
	.write = write_pagerduty,
};
