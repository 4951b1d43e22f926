#ifndef AIWATCH_SINK_FORMAT_JSON_H
#define AIWATCH_SINK_FORMAT_JSON_H

#include "daemon/engine/alert.h"
#include "daemon/sink/excerpt.h"

#include <jansson.h>

/* What the formats in JSON share. References are new: the caller's. */

/* A text by excerpt_add; "" for NULL. */
json_t *
format_json_text(const char *text, size_t limit, const struct escape *escapes);

/* Writes the value compactly and drops the reference. */
void
format_json_write(json_t *value, struct buf *out);

/* "firing", "reminder" or "resolved", with "test, " in front where it is one. Static. */
const char *
format_status(const struct alert *alert);

/* What a person wants to know at a glance, as name and value; values are owned. */
enum { FORMAT_FACTS = 6, FORMAT_FACT_MAX = 300 };
struct format_fact {
	const char *name;
	char *value;
};

/* Fills in, of at most FORMAT_FACT_MAX bytes each after escaping; returns how many. */
size_t
format_facts(const struct alert *alert, const char *collector, const struct escape *escapes,
	struct format_fact facts[FORMAT_FACTS]);
void
format_facts_fini(struct format_fact facts[FORMAT_FACTS], size_t count);

#endif
