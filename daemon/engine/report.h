#ifndef AIWATCH_ENGINE_REPORT_H
#define AIWATCH_ENGINE_REPORT_H

#include "daemon/engine/counters.h"
#include "daemon/engine/inputs.h"
#include "daemon/engine/outbox.h"

#include <jansson.h>

/* What the documents of `status` and of the HTTP server are made of; everything borrowed. */
struct report {
	const struct correlate *correlate;
	const struct inputs *inputs;
	const struct outbox *outbox;
	const struct counters *counters;
	struct store *store;
	const struct config *config;
	const char *collector;
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

/* How much is said of each site. */
enum report_depth {
	REPORT_BRIEF,  /* without evidence and ids: short, where there are many sites */
	REPORT_WHOLE,  /* as in `status --json` */
	REPORT_ADVICE, /* and with what to do about it: advice, links */
};

/* Lists of the sites (the named ones, or all), inputs and sinks. New references. */
json_t *
report_sites(const struct report *report, const char *const *names, size_t count,
	enum report_depth depth);
json_t *
report_inputs(const struct report *report);
json_t *
report_sinks(const struct report *report);

/*
 * List of incidents, newest first: of the named sites, or of all; at most `limit`, of each site
 * where sites are named. Brief: without evidence and ids. NULL with a sentence.
 */
json_t *
report_incidents(const struct report *report, const char *const *names, size_t count, size_t limit,
	enum report_depth depth, struct err *err);

#endif
