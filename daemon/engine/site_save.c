#include "daemon/engine/site_parts.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"
#include "daemon/engine/json_text.h"

#include <stdlib.h>
#include <string.h>

/*
 * The saved form: what a machine needs to go on as if it had never stopped. Times are microseconds.
 * A time or text that is none, a flag that is not set, and what is at rest are left out, so that a
 * healthy site is one short line.
 */
enum { SAVED_VERSION = 1 };

static void
save_time(struct json_text *json, const char *name, int64_t time)
{
	if (time != TIME_NONE)
		json_text_number(json, name, time);
}

static void
save_digest(struct json_text *json, const char *name, const uint8_t digest[16])
{
	char text[33];
	hex_encode(digest, 16, text);
	json_text_put(json, name, text);
}

/* The members of one; the brackets are the caller's. */
static void
save_evidence(struct json_text *json, const struct evidence *evidence)
{
	json_text_put(json, "event", event_name(evidence->event));
	save_time(json, "time", evidence->time);
	save_time(json, "read_at", evidence->read_at);
	json_text_save(json, "file", evidence->file);
	json_text_number(json, "offset", (int64_t)evidence->offset);
	json_text_save(json, "text", evidence->text);
	save_digest(json, "digest", evidence->digest);
}

/* The names of the kept lines, by their places. */
static const char *const LINE_NAME[LINE_PLACES] = {"enroll", "sync", "rejected", "forbidden"};

/* What stands among the kept lines is named. */
static void
save_evidence_list(struct json_text *json, struct attempts *attempts,
	const struct evidence *evidence, size_t count)
{
	json_text_open(json, "evidence", '[');
	for (size_t i = 0; i < count; i++) {
		size_t place = attempts_find_line(attempts, &evidence[i]);
		if (place < LINE_PLACES) {
			json_text_put(json, NULL, LINE_NAME[place]);
			continue;
		}
		json_text_open(json, NULL, '{');
		save_evidence(json, &evidence[i]);
		json_text_close(json, '}');
	}
	json_text_close(json, ']');
}

/* One that stands in an earlier place too is named. */
static void
save_line(struct json_text *json, struct attempts *attempts, size_t place)
{
	const struct line *line = *attempts_line(attempts, place);
	for (size_t i = 0; i < place; i++) {
		if (*attempts_line(attempts, i) != line)
			continue;
		json_text_put(json, LINE_NAME[place], LINE_NAME[i]);
		return;
	}
	json_text_open(json, LINE_NAME[place], '{');
	save_evidence(json, &line->evidence);
	json_text_save_flag(json, "backlog", line->backlog);
	json_text_save_flag(json, "taken", line->taken);
	json_text_put(json, "kind", alert_kind_name(line->kind));
	json_text_number(json, "syncs", (int64_t)line->syncs);
	json_text_close(json, '}');
}

static void
save_trouble(struct json_text *json, const char *name, struct attempts *attempts,
	const struct trouble *trouble)
{
	const struct incident *incident = &trouble->incident;
	json_text_open(json, name, '{');
	json_text_put(json, "id", incident->id);
	save_time(json, "started_at", incident->started_at);
	json_text_save(json, "cause", incident->cause);
	json_text_number(json, "occurrences", (int64_t)incident->occurrences);
	save_evidence_list(json, attempts, incident->evidence, incident->evidence_count);
	json_text_save(json, "advice", trouble->advice);
	json_text_save_flag(json, "said", trouble->saying.said);
	json_text_save_flag(json, "acked", trouble->saying.acked);
	json_text_number(json, "reminders", (int64_t)trouble->saying.reminders);
	save_time(json, "said_at", trouble->saying.said_at);
	json_text_close(json, '}');
}

static void
save_attempts(struct json_text *json, struct attempts *attempts)
{
	json_text_open(json, "attempts", '{');
	for (size_t i = 0; i < LINE_PLACES; i++) {
		if (*attempts_line(attempts, i))
			save_line(json, attempts, i);
	}
	for (int i = 0; i < TROUBLES; i++) {
		const struct trouble *trouble = attempts->trouble[i];
		if (trouble && trouble->incident.occurrences)
			save_trouble(json, alert_kind_name((enum alert_kind)i), attempts, trouble);
	}
	json_text_number(json, "syncs", (int64_t)attempts->syncs);
	save_time(json, "waiting_time", attempts->waiting_time);
	save_time(json, "waiting_read_at", attempts->waiting_read_at);
	json_text_save_flag(json, "waiting_backlog", attempts->waiting_backlog);
	json_text_close(json, '}');
}

static void
save_holds(struct json_text *json, const struct holds *holds)
{
	json_text_open(json, "holds", '{');
	json_text_open(json, "files", '[');
	for (size_t i = 0; i < holds->count; i++)
		json_text_put(json, NULL, holds->file[i]);
	json_text_close(json, ']');
	save_time(json, "last_at", holds->last_at);
	json_text_close(json, '}');
}

/* A resolution that waits: as a trouble has it, with what only an alert has. */
static void
save_kept(struct json_text *json, const struct alert *alert)
{
	char *document = alert_save(alert);
	json_text_open(json, NULL, '{');
	json_text_put(json, "alert", document);
	save_evidence_list(json, NULL, alert->evidence, alert->evidence_count);
	json_text_close(json, '}');
	free(document);
}

static void
save_what_stands(struct json_text *json, const struct site *site)
{
	if (site->attempts)
		save_attempts(json, site->attempts);
	if (site->silent)
		save_trouble(json, "silent", NULL, site->silent);
	if (site->holds)
		save_holds(json, site->holds);
	if (site->silenced_until != TIME_NONE) {
		save_time(json, "silenced_until", site->silenced_until);
		json_text_save(json, "silence_reason", site->silence_reason);
	}
	if (!site->kept_count)
		return;
	json_text_open(json, "kept", '[');
	for (size_t i = 0; i < site->kept_count; i++)
		save_kept(json, &site->kept[i]);
	json_text_close(json, ']');
}

char *
site_save(const struct site *site)
{
	struct json_text json = {.spaced = false};
	json_text_open(&json, NULL, '{');
	json_text_number(&json, "version", SAVED_VERSION);
	json_text_put(&json, "site", site->name);
	json_text_put(&json, "state", site_state_name(site->state));
	json_text_put(&json, "previous", site_state_name(site->previous));
	save_time(&json, "since", site->since);
	save_time(&json, "last_event_at", site->last_event_at);
	save_time(&json, "last_time", site->last_time);
	save_time(&json, "active_at", site->active_at);
	save_digest(&json, "last_digest", site->last_digest);
	save_digest(&json, "last_file", site->last_file);
	json_text_number(&json, "silences", (int64_t)site->silences);
	save_what_stands(&json, site);
	json_text_close(&json, '}');
	return json_text_take(&json);
}

static bool
load_time(const json_t *object, const char *name, int64_t *time, struct err *err)
{
	const json_t *value = json_object_get(object, name);
	*time = json_is_integer(value) ? json_integer_value(value) : TIME_NONE;
	return !value || json_is_null(value) || json_is_integer(value) ||
	       err_set(err, "\"%s\" is no time", name);
}

static bool
load_digest(const json_t *object, const char *name, uint8_t digest[16], struct err *err)
{
	return hex_decode(json_string_value(json_object_get(object, name)), digest, 16) ||
	       err_set(err, "\"%s\" is no digest", name);
}

static bool
load_evidence(const json_t *object, struct evidence *evidence, struct err *err)
{
	bool ok = json_read_event(object, "event", &evidence->event, err) &&
		  load_time(object, "time", &evidence->time, err) &&
		  load_time(object, "read_at", &evidence->read_at, err) &&
		  json_read_text(object, "file", true, &evidence->file, err) &&
		  json_read_count(object, "offset", &evidence->offset, err) &&
		  json_read_text(object, "text", true, &evidence->text, err) &&
		  load_digest(object, "digest", evidence->digest, err);
	if (ok)
		evidence_share(evidence);
	return ok;
}

/* The kept line that is named, NULL where it is none. */
static struct line *
find_line(struct attempts *attempts, const char *name)
{
	for (size_t i = 0; attempts && i < LINE_PLACES; i++) {
		if (strcmp(LINE_NAME[i], name) == 0)
			return *attempts_line(attempts, i);
	}
	return NULL;
}

static bool
load_testimony(
	const json_t *item, struct attempts *attempts, struct evidence *evidence, struct err *err)
{
	if (!json_is_string(item))
		return load_evidence(item, evidence, err);
	const struct line *line = find_line(attempts, json_string_value(item));
	if (line)
		evidence_copy(&line->evidence, evidence);
	return line || err_set(err, "no line \"%s\" is kept", json_string_value(item));
}

/* `list` has room for as many as there are: check_evidence_list said so. */
static bool
load_evidence_list(const json_t *object, struct attempts *attempts, struct evidence *list,
	size_t *count, struct err *err)
{
	const json_t *items = json_object_get(object, "evidence");
	for (*count = 0; *count < json_array_size(items);) {
		const json_t *item = json_array_get(items, *count);
		if (!load_testimony(item, attempts, &list[(*count)++], err))
			return false;
	}
	return true;
}

static bool
check_evidence_list(const json_t *object, struct err *err)
{
	const json_t *items = json_object_get(object, "evidence");
	return (json_is_array(items) && json_array_size(items) <= EVIDENCE_MAX) ||
	       err_set(err, "\"evidence\" is no list of at most %d", EVIDENCE_MAX);
}

static bool
load_line(const json_t *object, struct attempts *attempts, struct line **place, struct err *err)
{
	if (!object)
		return true;
	if (json_is_string(object)) {
		line_put(place, find_line(attempts, json_string_value(object)));
		return *place || err_set(err, "no line \"%s\" is kept", json_string_value(object));
	}
	struct line *line = *place = mem_new(sizeof *line);
	line->references = 1;
	return load_evidence(object, &line->evidence, err) &&
	       json_read_flag(object, "backlog", &line->backlog, err) &&
	       json_read_flag(object, "taken", &line->taken, err) &&
	       json_read_kind(object, "kind", &line->kind, err) &&
	       json_read_count(object, "syncs", &line->syncs, err) &&
	       (line->kind < TROUBLES ||
		       err_set(err, "a line cannot make %s", alert_kind_name(line->kind)));
}

static bool
load_id(const json_t *object, struct incident *incident, struct err *err)
{
	const char *id = json_string_value(json_object_get(object, "id"));
	uint8_t digest[(ALERT_ID_TEXT - 1) / 2];
	if (!id || (*id && !hex_decode(id, digest, sizeof digest)))
		return err_set(err, "\"id\" is no id");
	memcpy(incident->id, id, strlen(id) + 1);
	return true;
}

static bool
load_trouble(const json_t *object, const struct site *site, enum alert_kind kind,
	struct trouble *trouble, struct err *err)
{
	struct incident *incident = &trouble->incident;
	size_t count = json_array_size(json_object_get(object, "evidence"));
	incident->kind = kind;
	incident->ended_at = TIME_NONE;
	if (!load_id(object, incident, err) || !check_evidence_list(object, err))
		return false;
	if (incident->id[0])
		incident->site = mem_text(site->name);
	return load_time(object, "started_at", &incident->started_at, err) &&
	       json_read_text(object, "cause", true, &incident->cause, err) &&
	       json_read_count(object, "occurrences", &incident->occurrences, err) &&
	       load_evidence_list(object, site->attempts, incident_evidence(incident, count),
		       &incident->evidence_count, err) &&
	       json_read_text(object, "advice", true, &trouble->advice, err) &&
	       json_read_flag(object, "said", &trouble->saying.said, err) &&
	       json_read_flag(object, "acked", &trouble->saying.acked, err) &&
	       json_read_count(object, "reminders", &trouble->saying.reminders, err) &&
	       load_time(object, "said_at", &trouble->saying.said_at, err);
}

static bool
load_attempts(const json_t *object, struct site *site, struct err *err)
{
	if (!object)
		return true;
	struct attempts *attempts = site->attempts = mem_new(sizeof *attempts);
	for (size_t i = 0; i < LINE_PLACES; i++) {
		if (!load_line(json_object_get(object, LINE_NAME[i]), attempts,
			    attempts_line(attempts, i), err))
			return err_context(err, "%s", LINE_NAME[i]);
	}
	for (int i = 0; i < TROUBLES; i++) {
		enum alert_kind kind = (enum alert_kind)i;
		const char *name = alert_kind_name(kind);
		const json_t *trouble = json_object_get(object, name);
		if (trouble &&
			!load_trouble(trouble, site, kind, attempts_trouble(attempts, kind), err))
			return err_context(err, "%s", name);
	}
	return json_read_count(object, "syncs", &attempts->syncs, err) &&
	       load_time(object, "waiting_time", &attempts->waiting_time, err) &&
	       load_time(object, "waiting_read_at", &attempts->waiting_read_at, err) &&
	       json_read_flag(object, "waiting_backlog", &attempts->waiting_backlog, err);
}

static bool
load_holds(const json_t *object, struct site *site, struct err *err)
{
	const json_t *files = json_object_get(object, "files");
	if (!object)
		return true;
	size_t count = json_array_size(files);
	if (count < 1 || count > HOLDS_MAX)
		return err_set(err, "\"holds\" has %zu files", count);
	site->holds = mem_new(sizeof *site->holds);
	site->holds->file = mem_array(count, sizeof *site->holds->file);
	for (size_t i = 0; i < count; i++) {
		const char *file = json_string_value(json_array_get(files, i));
		if (!file)
			return err_set(err, "a file in \"holds\" is no text");
		site->holds->file[site->holds->count++] = mem_text(file);
	}
	return load_time(object, "last_at", &site->holds->last_at, err);
}

static bool
load_kept(const json_t *object, struct alert *alert, struct err *err)
{
	const char *document = json_string_value(json_object_get(object, "alert"));
	if (!document)
		return err_set(err, "\"alert\" is no text");
	if (!alert_from_json(document, alert, err))
		return false;
	for (size_t i = 0; i < alert->evidence_count; i++)
		evidence_fini(&alert->evidence[i]);
	alert->evidence_count = 0;
	return check_evidence_list(object, err) &&
	       load_evidence_list(object, NULL, alert->evidence, &alert->evidence_count, err);
}

static bool
load_kept_list(const json_t *list, struct site *site, struct err *err)
{
	size_t count = json_array_size(list);
	if (count > KEPT_MAX)
		return err_set(err, "\"kept\" has %zu alerts", count);
	if (count)
		site->kept = mem_array(count, sizeof *site->kept);
	while (site->kept_count < count) {
		size_t i = site->kept_count++;
		if (!load_kept(json_array_get(list, i), &site->kept[i], err))
			return err_context(err, "kept");
	}
	return true;
}

static bool
load_silent(const json_t *object, struct site *site, struct err *err)
{
	if (!object)
		return true;
	site->silent = mem_new(sizeof *site->silent);
	return load_trouble(object, site, ALERT_SITE_SILENT, site->silent, err) ||
	       err_context(err, "silent");
}

static bool
load_site(const json_t *object, struct site *site, struct err *err)
{
	return json_read_state(object, "state", &site->state, err) &&
	       json_read_state(object, "previous", &site->previous, err) &&
	       load_time(object, "since", &site->since, err) &&
	       load_time(object, "last_event_at", &site->last_event_at, err) &&
	       load_time(object, "last_time", &site->last_time, err) &&
	       load_time(object, "active_at", &site->active_at, err) &&
	       load_time(object, "silenced_until", &site->silenced_until, err) &&
	       load_digest(object, "last_digest", site->last_digest, err) &&
	       load_digest(object, "last_file", site->last_file, err) &&
	       json_read_count(object, "silences", &site->silences, err) &&
	       json_read_text(object, "silence_reason", true, &site->silence_reason, err) &&
	       load_attempts(json_object_get(object, "attempts"), site, err) &&
	       load_silent(json_object_get(object, "silent"), site, err) &&
	       load_holds(json_object_get(object, "holds"), site, err) &&
	       load_kept_list(json_object_get(object, "kept"), site, err) &&
	       site_is_sound(site, err);
}

struct site *
site_load(const char *saved, struct err *err)
{
	json_error_t error;
	json_t *object = json_loads(saved, JSON_REJECT_DUPLICATES, &error);
	if (!object) {
		err_set(err, "no JSON: %s at byte %d", error.text, error.position);
		return NULL;
	}
	const char *name = json_string_value(json_object_get(object, "site"));
	json_int_t version = json_integer_value(json_object_get(object, "version"));
	struct site *site = name ? site_new(name) : NULL;
	bool ok = false;
	if (!name)
		err_set(err, "\"site\" is no text");
	else if (version != SAVED_VERSION)
		err_set(err, "version %lld is not known", (long long)version);
	else
		ok = load_site(object, site, err) || err_context(err, "%s", name);
	json_decref(object);
	if (ok)
		return site;
	site_free(site);
	return NULL;
}
