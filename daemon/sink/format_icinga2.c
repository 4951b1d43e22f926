#include "daemon/base/mem.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Icinga 2's API: process-check-result for the service of the site's host. What is firing has a
 * time to live and is said again each minute: where aiwatch dies, the service is checked actively
 * again, and shows it. The answer is 200 with a result for each service, which may tell of an
 * error.
 *
 * A site's other troubles have services of their own, so that one does not hide the other:
 * SERVICE-silent for site_silent. A heartbeat is for the service aiwatch-heartbeat of the host that
 * is called as this one.
 */
enum { NAME_MAX_BYTES = 256, OUTPUT_MAX = 1024, TEXT_MAX = 4096, LINE_MAX_BYTES = 1024 };

enum { ICINGA_OK, ICINGA_WARNING, ICINGA_CRITICAL };

/* {site} in a configured name. */
static void
add_name(struct buf *out, const char *template, const char *site)
{
	static const char SITE[] = "{site}";
	for (const char *at; (at = strstr(template, SITE)); template = at + strlen(SITE)) {
		buf_add(out, template, (size_t)(at - template));
		excerpt_add(out, site, NAME_MAX_BYTES, NULL);
	}
	buf_add_text(out, template);
}

/* "HOST!SERVICE". */
static json_t *
service(const struct format_job *job)
{
	const struct alert *alert = job->alert;
	struct buf name = BUF_INIT;
	if (alert->kind == ALERT_HEARTBEAT) {
		buf_format(&name, "%s!aiwatch-heartbeat", job->sink->collector);
	} else {
		add_name(&name, job->settings->host, alert->site);
		buf_add_byte(&name, '!');
		add_name(&name, job->settings->service, alert->site);
		buf_add_text(&name, alert->kind == ALERT_SITE_SILENT ? "-silent" : "");
	}
	json_t *value = format_json_text(name.p, name.n, NULL);
	buf_fini(&name);
	return value;
}

/* What was overtaken by something graver is not well. */
static int
exit_status(const struct alert *alert)
{
	static const int STATUS[ALERT_SEVERITIES] = {[ALERT_INFO] = ICINGA_OK,
		[ALERT_WARNING] = ICINGA_WARNING,
		[ALERT_CRITICAL] = ICINGA_CRITICAL};
	if (alert->firing)
		return STATUS[alert->severity];
	if (alert->resolution != RESOLUTION_SUPERSEDED)
		return ICINGA_OK;
	return alert->state == SITE_EXPIRED ? ICINGA_CRITICAL : ICINGA_WARNING;
}

static json_t *
output(const struct alert *alert)
{
	struct buf text = BUF_INIT;
	/* A bar would begin performance data. */
	static const struct escape NO_BAR[] = {{'|', "\xc2\xa6"}, {0}};
	excerpt_add(&text, alert->summary, OUTPUT_MAX, NO_BAR);
	if (alert->firing && alert->advice) {
		buf_add_byte(&text, '\n');
		excerpt_add(&text, alert->advice, TEXT_MAX, NO_BAR);
	}
	for (size_t i = 0; alert->firing && i < alert->evidence_count; i++) {
		buf_add_byte(&text, '\n');
		excerpt_add(&text, alert->evidence[i].text, LINE_MAX_BYTES, NO_BAR);
	}
	json_t *value = json_stringn(text.p ? text.p : "", text.n);
	buf_fini(&text);
	return value;
}

static void
write_icinga2(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	char attempts[48];
	snprintf(attempts, sizeof attempts, "attempts=%" PRIu64, alert->occurrences);
	json_t *result = json_pack("{s:s, s:o, s:i, s:o, s:[s], s:o}", "type", "Service", "service",
		service(job), "exit_status", exit_status(alert), "plugin_output", output(alert),
		"performance_data", attempts, "check_source",
		format_json_text(job->sink->collector, NAME_MAX_BYTES, NULL));
	if (alert->firing && !alert->test)
		json_object_set_new(
			result, "ttl", json_integer((json_int_t)(format_holds(job) / SECOND)));
	format_json_write(result, out);
}

static enum sink_outcome
judge_icinga2(const struct http_answer *answer, struct err *err)
{
	json_t *body = json_loadb(answer->body.p ? answer->body.p : "", answer->body.n, 0, NULL);
	const json_t *results = json_object_get(body, "results"), *result;
	enum sink_outcome outcome = SINK_DELIVERED;
	size_t i;
	json_array_foreach(results, i, result)
	{
		double code = json_number_value(json_object_get(result, "code"));
		const char *said = json_string_value(json_object_get(result, "status"));
		if (code >= 200 && code <= 299)
			continue;
		outcome = code >= 500 ? SINK_RETRY : SINK_REFUSED;
		err_set(err, "%.0f: %s", code, said ? said : "no result");
	}
	if (json_array_size(results) == 0) {
		outcome = SINK_REFUSED;
		err_set(err, "the answer holds no result");
	}
	json_decref(body);
	return outcome;
}

const struct format FORMAT_ICINGA2 = {
	.name = "icinga2",
	.content_type = "application/json",
	.accept = "application/json",
	.path = "/v1/actions/process-check-result",
	.repeats = true,
	.sites_only = true,
	.write = write_icinga2,
	.judge = judge_icinga2,
};
