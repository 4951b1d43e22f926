#include "daemon/engine/report.h"

#include "daemon/base/clock.h"
#include "daemon/engine/alert_json.h"

#include <string.h>

struct selection {
	json_t *list;
	const char *const *names;
	size_t count;
	int64_t now;
};

static json_t *
text_or_null(const char *text)
{
	return json_of_text(text && text[0] ? text : NULL);
}

static json_t *
incident_report(const struct incident *incident)
{
	if (!incident)
		return json_null();
	return json_pack("{s:s, s:s, s:o, s:o, s:s?, s:o, s:I, s:o}", "id", incident->id, "kind",
		alert_kind_name(incident->kind), "started_at", json_of_time(incident->started_at),
		"ended_at", json_of_time(incident->ended_at), "resolution",
		resolution_name(incident->resolution), "cause", json_of_text(incident->cause),
		"occurrences", (json_int_t)incident->occurrences, "evidence",
		evidence_list_to_json(incident->evidence, incident->evidence_count));
}

static bool
is_selected(const struct selection *selection, const char *name)
{
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
	json_array_append_new(selection->list,
		json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:b, s:o, s:o}", "site",
			json_of_text(view->name), "state", site_state_name(view->state), "since",
			json_of_time(view->since), "last_event_at",
			json_of_time(view->last_event_at), "occurrences",
			(json_int_t)view->occurrences, "cause", text_or_null(view->cause),
			"acknowledged", view->acknowledged, "silenced_until",
			json_of_time(view->silenced_until), "incident",
			incident_report(view->incident)));
}

static void
on_input(void *owner, const struct input_status *status)
{
	struct selection *selection = owner;
	uint64_t gaps = 0;
	for (int i = 0; i < GAP_REASONS; i++)
		gaps += status->gaps[i];
	json_t *errors = json_array();
	if (status->error[0])
		json_array_append_new(errors, json_of_text(status->error));
	json_array_append_new(selection->list,
		json_pack("{s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
			json_of_text(status->name), "files", (json_int_t)status->files, "watch",
			json_of_text(status->watch), "bytes_read", (json_int_t)status->bytes_read,
			"lines_read", (json_int_t)status->lines_read, "lag_bytes",
			(json_int_t)status->lag_bytes, "rotations", (json_int_t)status->rotations,
			"gaps", (json_int_t)gaps, "errors", errors));
}

static void
on_sink(void *owner, const struct outbox_view *view)
{
	struct selection *selection = owner;
	double oldest = view->oldest_at == TIME_NONE || view->oldest_at > selection->now
				? 0.0
				: (double)(selection->now - view->oldest_at) / (double)SECOND;
	json_array_append_new(selection->list,
		json_pack("{s:s, s:s, s:I, s:f, s:I, s:I, s:I, s:o}", "name", view->sink, "type",
			view->type, "pending", (json_int_t)view->pending, "oldest_seconds", oldest,
			"delivered", (json_int_t)view->delivered, "retried",
			(json_int_t)view->retried, "dead", (json_int_t)view->dead, "last_error",
			text_or_null(view->last_error)));
}

json_t *
report_status(const struct report *report, const char *const *names, size_t count)
{
	struct selection sites = {json_array(), names, count, report->now};
	struct selection inputs = {json_array(), NULL, 0, report->now};
	struct selection sinks = {json_array(), NULL, 0, report->now};
	correlate_each(report->correlate, on_site, &sites);
	inputs_each(report->inputs, on_input, &inputs);
	outbox_each(report->outbox, on_sink, &sinks);
	return json_pack("{s:i, s:s, s:f, s:{s:s?, s:o, s:b}, s:b, s:o, s:o, s:o, s:o}", "version",
		1, "aiwatch", AIWATCH_VERSION, "uptime_seconds",
		(double)report->uptime / (double)SECOND, "config", "path", report->config_path,
		"loaded_at", json_of_time(report->config_loaded_at), "last_reload_ok",
		report->last_reload_ok, "jit", report->jit, "store",
		text_or_null(report->store_trouble), "sites", sites.list, "inputs", inputs.list,
		"sinks", sinks.list);
}
