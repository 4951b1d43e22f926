#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Prometheus Alertmanager's API v2. The labels are what an alert is known by: kind, site, severity
 * and those of the configuration, nothing of this host, so that what two daemons read of one log is
 * one alert. It forgets what is not said again before `endsAt`.
 */
enum { LABEL_MAX = 256, SUMMARY_MAX = 1024, TEXT_MAX = 4096, LINE_MAX_BYTES = 1024 };

/* [a-zA-Z_][a-zA-Z0-9_]* is what the receiver takes as a name. */
static char *
label_name(const char *name)
{
	struct buf out = BUF_INIT;
	if (*name >= '0' && *name <= '9')
		buf_add_byte(&out, '_');
	for (; *name; name++) {
		bool plain = (*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
			     (*name >= 'A' && *name <= 'Z');
		buf_add_byte(&out, plain ? *name : '_');
	}
	return buf_take(&out);
}

static json_t *
labels(const struct format_job *job)
{
	const struct alert *alert = job->alert;
	json_t *out = json_object();
	for (size_t i = 0; i < job->sink->label_count; i++) {
		const struct label *label = &job->sink->labels[i];
		char *name = label_name(label->name);
		json_object_set_new(out, name, format_json_text(label->value, LABEL_MAX, NULL));
		free(name);
	}
	json_object_set_new(out, "alertname", json_string(alert_kind_name(alert->kind)));
	json_object_set_new(out, "site", format_json_text(alert->site, LABEL_MAX, NULL));
	json_object_set_new(out, "severity", json_string(alert_severity_name(alert->severity)));
	if (alert->test)
		json_object_set_new(out, "test", json_string("true"));
	return out;
}

static json_t *
evidence(const struct alert *alert)
{
	struct buf lines = BUF_INIT;
	for (size_t i = 0; i < alert->evidence_count; i++) {
		buf_add_text(&lines, i ? "\n" : "");
		excerpt_add(&lines, alert->evidence[i].text, LINE_MAX_BYTES, NULL);
	}
	json_t *text = json_stringn(lines.p ? lines.p : "", lines.n);
	buf_fini(&lines);
	return text;
}

static json_t *
annotations(const struct format_job *job)
{
	const struct alert *alert = job->alert;
	char attempts[32];
	snprintf(attempts, sizeof attempts, "%" PRIu64, alert->occurrences);
	json_t *out = json_pack("{s:o, s:o, s:o, s:s, s:o}", "summary",
		format_json_text(alert->summary, SUMMARY_MAX, NULL), "description",
		format_json_text(alert->advice, TEXT_MAX, NULL), "evidence", evidence(alert),
		"attempts", attempts, "collector",
		format_json_text(job->sink->collector, LABEL_MAX, NULL));
	if (alert->cause)
		json_object_set_new(out, "cause", format_json_text(alert->cause, TEXT_MAX, NULL));
	if (alert_links(alert->kind)[0])
		json_object_set_new(out, "runbook_url", json_string(alert_links(alert->kind)[0]));
	return out;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The receiver refuses an end before the start, and takes an end to come for firing. */
static void
write_alertmanager(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	int64_t starts = least(alert->started_at, job->now);
	int64_t ended = least(alert->resolved_at, job->now);
	int64_t ends = alert->firing	? job->now + format_holds(job)
		       : ended > starts ? ended
					: starts;
	format_json_write(json_pack("{s:o, s:o, s:o, s:o}", "labels", labels(job), "annotations",
				  annotations(job), "startsAt", json_of_time(starts), "endsAt",
				  json_of_time(ends)),
		out);
}

const struct format FORMAT_ALERTMANAGER = {
	.name = "alertmanager",
	.content_type = "application/json",
	.path = "/api/v2/alerts",
	.is_list = true,
	.repeats = true,
	.write = write_alertmanager,
};
