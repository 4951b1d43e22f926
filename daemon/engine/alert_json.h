#ifndef AIWATCH_ENGINE_ALERT_JSON_H
#define AIWATCH_ENGINE_ALERT_JSON_H

#include "daemon/engine/alert.h"

#include <jansson.h>

/*
 * The small words of JSON that the documents of the engine are made of. What json_of_… returns is a
 * new reference, never NULL: texts that are no UTF-8 lose their bytes above ASCII ('?'). Texts and
 * times become null where there is none.
 */
json_t *
json_of_text(const char *text);
json_t *
json_of_time(int64_t time);

/* Takes the value over. */
void
json_put(json_t *object, const char *name, json_t *value);

/* The list as the generic document and `scan --json` hold it: event, time, file, offset, text. */
json_t *
evidence_list_to_json(const struct evidence *evidence, size_t count);

/*
 * Reading a member: false with a sentence that names it where it is of another type. With
 * `may_be_null` null or no member gives NULL, or TIME_NONE. Texts are to be freed, also where a
 * later member fails. A missing flag is false.
 */
bool
json_read_text(
	const json_t *object, const char *name, bool may_be_null, char **text, struct err *err);
bool
json_read_time(
	const json_t *object, const char *name, bool may_be_null, int64_t *time, struct err *err);
bool
json_read_count(const json_t *object, const char *name, uint64_t *count, struct err *err);
bool
json_read_flag(const json_t *object, const char *name, bool *flag, struct err *err);
bool
json_read_state(const json_t *object, const char *name, enum site_state *state, struct err *err);
bool
json_read_kind(const json_t *object, const char *name, enum alert_kind *kind, struct err *err);
bool
json_read_event(const json_t *object, const char *name, enum event_kind *event, struct err *err);

#endif
