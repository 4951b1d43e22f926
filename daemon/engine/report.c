#include "daemon/engine/report.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"

#include <string.h>

struct selection {
	json_t *list;
	const char *const *names;
	size_t count;
	enum report_depth depth;
};

static json_t *
text_or_null(const char *text)
{
	return json_of_text(text && text[0] ? text : NULL);
}

static json_t *
incident_report(const struct incident *incident, enum report_depth depth)
{
	if (!incident)
		return json_null();
	json_t *object = json_pack("{s:s, s:o, s:o, s:s?, s:o, s:I}", "kind",
		alert_kind_name(incident->kind), "started_at", json_of_time(incident->started_at),
		"ended_at", json_of_time(incident->ended_at), "resolution",
		resolution_name(incident->resolution), "cause", json_of_text(incident->cause),
		"occurrences", (json_int_t)incident->occurrences);
	if (depth == REPORT_BRIEF)
		return object;
	json_put(object, "id", json_string(incident->id));
	json_put(object, "evidence",
		evidence_list_to_json(incident->evidence, incident->evidence_count));
	return object;
}

/* What the site's next alert would say to do; the shipped words, or those of the rule. */
static void
put_advice(json_t *object, const struct site_view *view)
{
	const struct incident *incident = view->trouble ? view->trouble : view->incident;
	json_t *links = json_array();
	struct alert alert = {0};
	if (incident) {
		alert.kind = incident->kind;
		alert.firing = true;
		alert.state = view->state;
		alert.site = mem_text(view->name);
		alert.cause = mem_text(incident->cause);
		alert_write_texts(&alert, view->trouble ? view->advice : NULL);
		for (const char *const *link = alert_links(alert.kind); *link; link++)
			json_array_append_new(links, json_string(*link));
	}
	json_put(object, "summary", json_of_text(alert.summary));
	json_put(object, "advice", json_of_text(alert.advice));
	json_put(object, "links", links);
	alert_fini(&alert);
}

static bool
is_selected(const void *owner, const char *name)
{
	const struct selection *selection = owner;
	for (size_t i = 0; i < selection->count; i++) {
		if (strcmp(selection->names[i], name) == 0)
			return true;
	}
	return selection->count == 0;
}

static void
on_site(void *owner, const struct site_view *view)
{
	struct selection *selection = owner;
	if (!is_selected(selection, view->name))
		return;
	json_t *object = json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:b, s:o, s:o, s:o}", "site",
		json_of_text(view->name), "state", site_state_name(view->state), "since",
		json_of_time(view->since), "last_event_at", json_of_time(view->last_event_at),
		"occurrences", (json_int_t)view->occurrences, "cause", text_or_null(view->cause),
		"acknowledged", view->acknowledged, "silenced_until",
		json_of_time(view->silenced_until), "silence_reason",
		text_or_null(view->silence_reason), "incident",
		incident_report(view->incident, selection->depth));
	if (selection->depth == REPORT_ADVICE) {
		json_put(object, "trouble", incident_report(view->trouble, REPORT_WHOLE));
		put_advice(object, view);
	}
	json_array_append_new(selection->list, object);
}

static void
on_input(void *owner, const struct input_status *status)
{
	json_t *list = owner;
	uint64_t gaps = 0;
	for (int i = 0; i < GAP_REASONS; i++)
		gaps += status->gaps[i];
	json_t *errors = json_array();
	for (size_t i = 0; i < status->errors && i < INPUT_ERRORS; i++)
		json_array_append_new(errors, json_of_text(status->error[i]));
	if (status->errors > INPUT_ERRORS)
		json_array_append_new(
			errors, json_sprintf("and %llu more",
					(unsigned long long)(status->errors - INPUT_ERRORS)));
	json_array_append_new(list,
		json_pack("{s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "name",
			json_of_text(status->name), "files", (json_int_t)status->files, "watch",
			json_of_text(status->watch), "bytes_read", (json_int_t)status->bytes_read,
			"lines_read", (json_int_t)status->lines_read, "lag_bytes",
			(json_int_t)status->lag_bytes, "unfinished_bytes",
			(json_int_t)status->unfinished_bytes, "rotations",
			(json_int_t)status->rotations, "gaps", (json_int_t)gaps, "stalled_since",
			json_of_time(status->stalled_since), "errors", errors));
}

struct sink_list {
	json_t *list;
	int64_t now;
};

static void
on_sink(void *owner, const struct outbox_view *view)
{
	struct sink_list *sinks = owner;
	double oldest = view->oldest_at == TIME_NONE || view->oldest_at > sinks->now
				? 0.0
				: (double)(sinks->now - view->oldest_at) / (double)SECOND;
	json_array_append_new(sinks->list,
		json_pack("{s:s, s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:o}", "name", view->sink,
			"type", view->type, "pending", (json_int_t)view->pending, "oldest_seconds",
			oldest, "delivered", (json_int_t)view->delivered, "retried",
			(json_int_t)view->retried, "refused", (json_int_t)view->refused,
			"collapsed", (json_int_t)view->collapsed, "dead", (json_int_t)view->dead,
			"last_error", text_or_null(view->last_error)));
}

json_t *
report_sites(const struct report *report, const char *const *names, size_t count,
	enum report_depth depth)
{
	struct selection selection = {json_array(), names, count, depth};
	if (depth == REPORT_BRIEF)
		correlate_each(report->correlate, on_site, &selection);
	else
		correlate_each_whole(report->correlate, is_selected, on_site, &selection);
	return selection.list;
}

json_t *
report_inputs(const struct report *report)
{
	json_t *list = json_array();
	inputs_each(report->inputs, on_input, list);
	return list;
}

json_t *
report_sinks(const struct report *report)
{
	struct sink_list sinks = {json_array(), report->now};
	outbox_each(report->outbox, on_sink, &sinks);
	return sinks.list;
}

static void
on_incident(void *owner, const struct incident *incident)
{
	struct selection *selection = owner;
	json_t *object = incident_report(incident, selection->depth);
	json_put(object, "site", json_of_text(incident->site));
	json_array_append_new(selection->list, object);
}

json_t *
report_incidents(const struct report *report, const char *const *names, size_t count, size_t limit,
	enum report_depth depth, struct err *err)
{
	static const char *const ALL[] = {NULL};
	struct selection selection = {.list = json_array(), .depth = depth};
	const char *const *site = count > 0 ? names : ALL;
	size_t sites = count > 0 ? count : 1;
	for (size_t i = 0; i < sites; i++) {
		if (store_each_incident(
			    report->store, site[i], limit, on_incident, &selection, err))
			continue;
		json_decref(selection.list);
		return NULL;
	}
	return selection.list;
}

json_t *
report_status(const struct report *report, const char *const *names, size_t count)
{
	return json_pack("{s:i, s:s, s:f, s:{s:o, s:o, s:b}, s:b, s:o, s:o, s:o, s:o}", "version",
		1, "aiwatch", AIWATCH_VERSION, "uptime_seconds",
		(double)report->uptime / (double)SECOND, "config", "path",
		json_of_text(report->config_path), "loaded_at",
		json_of_time(report->config_loaded_at), "last_reload_ok", report->last_reload_ok,
		"jit", report->jit, "store", text_or_null(report->store_trouble), "sites",
		report_sites(report, names, count, count > 0 ? REPORT_ADVICE : REPORT_WHOLE),
		"inputs", report_inputs(report), "sinks", report_sinks(report));
}
