#include "daemon/engine/alert_json.h"

#include "daemon/base/mem.h"
#include "daemon/engine/json_text.h"

#include <stdlib.h>
#include <string.h>

json_t *
json_of_text(const char *text)
{
	if (!text)
		return json_null();
	json_t *value = json_string(text);
	if (value)
		return value;
	char *ascii = mem_text(text);
	for (char *p = ascii; *p; p++)
		*p = (unsigned char)*p < 0x80 ? *p : '?';
	value = json_string(ascii);
	free(ascii);
	if (!value)
		abort();
	return value;
}

json_t *
json_of_time(int64_t time)
{
	char text[TIME_TEXT];
	return time == TIME_NONE ? json_null() : json_string(time_format(time, text));
}

void
json_put(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new_nocheck(object, name, value) != 0)
		abort();
}

static json_t *
evidence_to_json(const struct evidence *evidence)
{
	json_t *object = json_object();
	json_put(object, "event", json_string(event_name(evidence->event)));
	json_put(object, "time", json_of_time(evidence->time));
	json_put(object, "file", json_of_text(evidence->file));
	json_put(object, "offset", json_integer((json_int_t)evidence->offset));
	json_put(object, "text", json_of_text(evidence->text));
	return object;
}

json_t *
evidence_list_to_json(const struct evidence *evidence, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, evidence_to_json(&evidence[i]));
	return list;
}

static void
write_time(struct json_text *json, const char *name, int64_t time)
{
	char text[TIME_TEXT];
	json_text_put(json, name, time == TIME_NONE ? NULL : time_format(time, text));
}

static void
write_evidence(struct json_text *json, const struct alert *alert)
{
	json_text_open(json, "evidence", '[');
	for (size_t i = 0; i < alert->evidence_count; i++) {
		const struct evidence *evidence = &alert->evidence[i];
		json_text_open(json, NULL, '{');
		json_text_put(json, "event", event_name(evidence->event));
		write_time(json, "time", evidence->time);
		json_text_put(json, "file", evidence->file);
		json_text_number(json, "offset", (int64_t)evidence->offset);
		json_text_put(json, "text", evidence->text);
		json_text_close(json, '}');
	}
	json_text_close(json, ']');
}

/* As saved: what is none is left out. */
static void
save_time(struct json_text *json, const char *name, int64_t time)
{
	if (time != TIME_NONE)
		write_time(json, name, time);
}

static void
save_evidence(struct json_text *json, const struct alert *alert)
{
	json_text_open(json, "evidence", '[');
	for (size_t i = 0; i < alert->evidence_count; i++) {
		const struct evidence *evidence = &alert->evidence[i];
		json_text_open(json, NULL, '{');
		json_text_put(json, "event", event_name(evidence->event));
		save_time(json, "time", evidence->time);
		json_text_save(json, "file", evidence->file);
		json_text_number(json, "offset", (int64_t)evidence->offset);
		json_text_save(json, "text", evidence->text);
		json_text_close(json, '}');
	}
	json_text_close(json, ']');
}

static void
write_links(struct json_text *json, enum alert_kind kind)
{
	json_text_open(json, "links", '[');
	for (const char *const *link = alert_links(kind); *link; link++)
		json_text_put(json, NULL, *link);
	json_text_close(json, ']');
}

/* The names are the configuration's: escaped as any text. */
static void
write_labels(struct json_text *json, const struct label *labels, size_t count)
{
	json_text_open(json, "labels", '{');
	for (size_t i = 0; i < count; i++)
		json_text_pair(json, labels[i].name, labels[i].value);
	json_text_close(json, '}');
}

/* The head of the document: what names the alert. */
static void
write_identity(struct json_text *json, const struct alert *alert)
{
	char *key = alert_key(alert);
	json_text_number(json, "version", 1);
	json_text_put(json, "id", alert->id);
	json_text_put(json, "key", key);
	json_text_put(json, "kind", alert_kind_name(alert->kind));
	json_text_put(json, "status", alert->firing ? "firing" : "resolved");
	if (alert->reminder)
		json_text_flag(json, "reminder", true);
	json_text_put(json, "severity", alert_severity_name(alert->severity));
	free(key);
}

char *
alert_to_json(const struct alert *alert, const char *collector, const struct label *labels,
	size_t label_count)
{
	struct json_text json = {.spaced = true};
	json_text_open(&json, NULL, '{');
	write_identity(&json, alert);
	json_text_put(&json, "site", alert->site);
	json_text_put(&json, "state", site_state_name(alert->state));
	json_text_put(&json, "previous_state", site_state_name(alert->previous_state));
	json_text_put(&json, "summary", alert->summary);
	json_text_put(&json, "advice", alert->advice);
	write_links(&json, alert->kind);
	json_text_put(&json, "cause", alert->cause);
	write_time(&json, "started_at", alert->started_at);
	write_time(&json, "updated_at", alert->updated_at);
	write_time(&json, "resolved_at", alert->resolved_at);
	json_text_put(&json, "resolution", resolution_name(alert->resolution));
	json_text_number(&json, "occurrences", (int64_t)alert->occurrences);
	write_evidence(&json, alert);
	write_labels(&json, labels, label_count);
	json_text_put(&json, "collector", collector);
	json_text_flag(&json, "test", alert->test);
	json_text_close(&json, '}');
	return json_text_take(&json);
}

/* What follows from the rest is written when it is sent; so is the usual advice. */
char *
alert_save(const struct alert *alert)
{
	struct json_text json = {.spaced = false};
	json_text_open(&json, NULL, '{');
	json_text_number(&json, "version", 1);
	json_text_put(&json, "id", alert->id);
	json_text_put(&json, "kind", alert_kind_name(alert->kind));
	json_text_put(&json, "status", alert->firing ? "firing" : "resolved");
	json_text_save_flag(&json, "reminder", alert->reminder);
	json_text_put(&json, "severity", alert_severity_name(alert->severity));
	json_text_put(&json, "site", alert->site);
	json_text_put(&json, "state", site_state_name(alert->state));
	json_text_put(&json, "previous_state", site_state_name(alert->previous_state));
	json_text_save(&json, "summary", alert->summary);
	if (!alert->advice || strcmp(alert->advice, alert_usual_advice(alert)) != 0)
		json_text_put(&json, "advice", alert->advice);
	json_text_save(&json, "cause", alert->cause);
	save_time(&json, "started_at", alert->started_at);
	save_time(&json, "updated_at", alert->updated_at);
	save_time(&json, "resolved_at", alert->resolved_at);
	json_text_save(&json, "resolution", resolution_name(alert->resolution));
	json_text_number(&json, "occurrences", (int64_t)alert->occurrences);
	save_evidence(&json, alert);
	json_text_save_flag(&json, "test", alert->test);
	json_text_close(&json, '}');
	return json_text_take(&json);
}

bool
json_read_text(
	const json_t *object, const char *name, bool may_be_null, char **text, struct err *err)
{
	const json_t *value = json_object_get(object, name);
	*text = NULL;
	if (may_be_null && (!value || json_is_null(value)))
		return true;
	if (!json_is_string(value))
		return err_set(err, "\"%s\" is no text", name);
	*text = mem_text(json_string_value(value));
	return true;
}

bool
json_read_time(
	const json_t *object, const char *name, bool may_be_null, int64_t *time, struct err *err)
{
	const json_t *value = json_object_get(object, name);
	*time = TIME_NONE;
	if (may_be_null && (!value || json_is_null(value)))
		return true;
	if (!json_is_string(value) || !time_parse(json_string_value(value), time))
		return err_set(err, "\"%s\" is no time", name);
	return true;
}

bool
json_read_count(const json_t *object, const char *name, uint64_t *count, struct err *err)
{
	const json_t *value = json_object_get(object, name);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return err_set(err, "\"%s\" is no count", name);
	*count = (uint64_t)json_integer_value(value);
	return true;
}

bool
json_read_flag(const json_t *object, const char *name, bool *flag, struct err *err)
{
	const json_t *value = json_object_get(object, name);
	if (value && !json_is_boolean(value))
		return err_set(err, "\"%s\" is neither true nor false", name);
	*flag = json_is_true(value);
	return true;
}

/* The name at `name`, "" where there is none, which no table knows. */
static const char *
name_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

bool
json_read_state(const json_t *object, const char *name, enum site_state *state, struct err *err)
{
	if (!site_state_from_name(name_at(object, name), state))
		return err_set(err, "\"%s\" is no state of a site", name);
	return true;
}

bool
json_read_kind(const json_t *object, const char *name, enum alert_kind *kind, struct err *err)
{
	if (!alert_kind_from_name(name_at(object, name), kind))
		return err_set(err, "\"%s\" is no kind of alert", name);
	return true;
}

bool
json_read_event(const json_t *object, const char *name, enum event_kind *event, struct err *err)
{
	*event = EVENT_NONE;
	if (strcmp(name_at(object, name), event_name(EVENT_NONE)) != 0 &&
		!event_from_name(name_at(object, name), event))
		return err_set(err, "\"%s\" is no event", name);
	return true;
}

static bool
evidence_from_json(const json_t *object, struct evidence *evidence, struct err *err)
{
	*evidence = (struct evidence){.read_at = TIME_NONE};
	if (json_read_event(object, "event", &evidence->event, err) &&
		json_read_time(object, "time", true, &evidence->time, err) &&
		json_read_count(object, "offset", &evidence->offset, err) &&
		json_read_text(object, "file", true, &evidence->file, err) &&
		json_read_text(object, "text", true, &evidence->text, err))
		return true;
	evidence_fini(evidence);
	return err_context(err, "evidence");
}

static bool
read_evidence(const json_t *object, struct alert *alert, struct err *err)
{
	const json_t *list = json_object_get(object, "evidence");
	if (!json_is_array(list) || json_array_size(list) > EVIDENCE_MAX)
		return err_set(err, "\"evidence\" is no list of at most %d", EVIDENCE_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!evidence_from_json(json_array_get(list, i), &alert->evidence[i], err))
			return false;
		alert->evidence_count++;
	}
	return true;
}

static bool
read_identity(const json_t *object, struct alert *alert, struct err *err)
{
	uint64_t version;
	if (!json_read_count(object, "version", &version, err))
		return false;
	if (version != 1)
		return err_set(
			err, "version %llu of an alert is not known", (unsigned long long)version);
	const char *id = name_at(object, "id");
	if (strlen(id) != ALERT_ID_TEXT - 1)
		return err_set(err, "\"id\" is not of %d digits", ALERT_ID_TEXT - 1);
	memcpy(alert->id, id, ALERT_ID_TEXT);
	const char *status = name_at(object, "status");
	alert->firing = strcmp(status, "firing") == 0;
	if (!alert->firing && strcmp(status, "resolved") != 0)
		return err_set(err, "\"status\" is neither firing nor resolved");
	if (!alert_severity_from_name(name_at(object, "severity"), &alert->severity))
		return err_set(err, "\"severity\" is no severity");
	const json_t *resolution = json_object_get(object, "resolution");
	if (json_is_string(resolution) &&
		!resolution_from_name(json_string_value(resolution), &alert->resolution))
		return err_set(err, "\"resolution\" is no resolution");
	return json_read_kind(object, "kind", &alert->kind, err) &&
	       json_read_flag(object, "reminder", &alert->reminder, err) &&
	       json_read_flag(object, "test", &alert->test, err);
}

static bool
read_rest(const json_t *object, struct alert *alert, struct err *err)
{
	return json_read_state(object, "state", &alert->state, err) &&
	       json_read_state(object, "previous_state", &alert->previous_state, err) &&
	       json_read_time(object, "started_at", true, &alert->started_at, err) &&
	       json_read_time(object, "updated_at", true, &alert->updated_at, err) &&
	       json_read_time(object, "resolved_at", true, &alert->resolved_at, err) &&
	       json_read_count(object, "occurrences", &alert->occurrences, err) &&
	       json_read_text(object, "site", false, &alert->site, err) &&
	       json_read_text(object, "summary", true, &alert->summary, err) &&
	       json_read_text(object, "advice", true, &alert->advice, err) &&
	       json_read_text(object, "cause", true, &alert->cause, err);
}

bool
alert_from_json(const char *document, struct alert *alert, struct err *err)
{
	json_error_t error;
	*alert = (struct alert){0};
	json_t *object = json_loads(document, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		return err_set(err, "no JSON: %s at byte %d", error.text, error.position);
	bool ok = read_identity(object, alert, err) && read_rest(object, alert, err) &&
		  read_evidence(object, alert, err);
	if (ok && !json_object_get(object, "advice"))
		alert->advice = mem_text(alert_usual_advice(alert));
	json_decref(object);
	if (ok)
		return true;
	alert_fini(alert);
	return err_context(err, "alert");
}
