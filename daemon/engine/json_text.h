#ifndef AIWATCH_ENGINE_JSON_TEXT_H
#define AIWATCH_ENGINE_JSON_TEXT_H

#include "daemon/base/buf.h"

#include <stdint.h>

/*
 * JSON written straight into a buffer, for the two documents that are written for every event: an
 * alert's and a site's saved state. A value has a name within an object, NULL within a list. Names
 * are constants that need no escape. What is opened must be closed.
 */
struct json_text {
	struct buf buf;
	bool spaced; /* ", " and ": ", as documents for others are written; else none */
};

void
json_text_open(struct json_text *json, const char *name, char bracket); /* { or [ */
void
json_text_close(struct json_text *json, char bracket); /* } or ] */

/* null for NULL; a text that is no UTF-8 loses its bytes above ASCII ('?'). */
void
json_text_put(struct json_text *json, const char *name, const char *text);
/* The same under a name that may need escapes. */
void
json_text_pair(struct json_text *json, const char *name, const char *text);
void
json_text_number(struct json_text *json, const char *name, int64_t number);
void
json_text_flag(struct json_text *json, const char *name, bool flag);

/* The same for a saved form: nothing for NULL, or for false. */
void
json_text_save(struct json_text *json, const char *name, const char *text);
void
json_text_save_flag(struct json_text *json, const char *name, bool flag);

/* The document, to be freed; the buffer is empty then. */
char *
json_text_take(struct json_text *json);

#endif
