#ifndef AIWATCH_ENGINE_REPORT_H
#define AIWATCH_ENGINE_REPORT_H

#include "daemon/engine/correlate.h"
#include "daemon/engine/inputs.h"
#include "daemon/engine/outbox.h"

#include <jansson.h>

/* What the documents of `status` are made of; everything borrowed. */
struct report {
	const struct correlate *correlate;
	const struct inputs *inputs;
	const struct outbox *outbox;
	const char *config_path; /* NULL for the defaults */
	int64_t config_loaded_at;
	bool last_reload_ok;
	const char *store_trouble; /* NULL where the store works */
	bool jit;
	int64_t uptime; /* duration */
	int64_t now;	/* wall */
};

/* The document of `status --json` (design: section 7), of the named sites, or of all. A new
 * reference. */
json_t *
report_status(const struct report *report, const char *const *names, size_t count);

#endif
