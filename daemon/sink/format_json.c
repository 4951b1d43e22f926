#include "daemon/sink/format_json.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

json_t *
format_json_text(const char *text, size_t limit, const struct escape *escapes)
{
	struct buf out = BUF_INIT;
	excerpt_add(&out, text, limit, escapes);
	json_t *value = json_stringn(out.p ? out.p : "", out.n);
	buf_fini(&out);
	return value;
}

void
format_json_write(json_t *value, struct buf *out)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	if (!text)
		log_fatal("a document of a webhook cannot be written");
	buf_add_text(out, text);
	free(text);
	json_decref(value);
}

const char *
format_status(const struct alert *alert)
{
	static const char *const STATUS[][2] = {
		{"resolved", "test, resolved"},
		{"firing", "test, firing"},
		{"reminder", "test, reminder"},
	};
	return STATUS[!alert->firing ? 0 : alert->reminder ? 2 : 1][alert->test];
}

static void
add_fact(struct format_fact facts[FORMAT_FACTS], size_t *count, const char *name, const char *value,
	const struct escape *escapes)
{
	if (!value || !*value)
		return;
	struct buf out = BUF_INIT;
	excerpt_add(&out, value, FORMAT_FACT_MAX, escapes);
	facts[*count].name = name;
	facts[(*count)++].value = buf_take(&out);
}

size_t
format_facts(const struct alert *alert, const char *collector, const struct escape *escapes,
	struct format_fact facts[FORMAT_FACTS])
{
	size_t count = 0;
	char since[TIME_TEXT], until[TIME_TEXT], attempts[32];
	snprintf(attempts, sizeof attempts, "%" PRIu64, alert->occurrences);
	add_fact(facts, &count, "Site", alert->site, escapes);
	add_fact(facts, &count, "Since", time_format(alert->started_at, since), escapes);
	add_fact(facts, &count, "Until", time_format(alert->resolved_at, until), escapes);
	add_fact(facts, &count, "Cause", alert->cause, escapes);
	add_fact(facts, &count, "Attempts", attempts, escapes);
	add_fact(facts, &count, "Seen by", collector, escapes);
	return count;
}

void
format_facts_fini(struct format_fact facts[FORMAT_FACTS], size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(facts[i].value);
}
