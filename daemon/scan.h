#ifndef AIWATCH_SCAN_H
#define AIWATCH_SCAN_H

#include "config/config.h"
#include "daemon/engine/correlate.h"
#include "daemon/input/glob.h"
#include "daemon/scan_files.h"
#include "parsers/reader.h"

#include <uthash.h>

/*
 * A scan: files are read once, without a daemon or a store, into each site's history. scan.c is the
 * verb, scan_read.c reads, scan_print.c prints.
 */
enum scan_verdict { SCAN_WELL, SCAN_FAILING, SCAN_SUSPECT, SCAN_EXPIRED, SCAN_UNKNOWN };

/* What became of one file. */
struct scan_result {
	uint64_t bytes; /* read, decompressed */
	uint64_t lines;
	uint64_t records; /* of the service; where not every one is looked at, some of them */
	const char *encoding, *format;
};

/* What is found out of a site. */
struct scan_site {
	char *name;
	enum site_state state;
	int64_t since;
	uint64_t occurrences;
	char *cause;
	char *advice;		   /* for what stands; NULL where nothing does */
	struct incident trouble;   /* what the state rests on; no evidence where nothing */
	struct incident *incident; /* in the order in which they began */
	size_t incident_count;
	uint64_t left_out; /* incidents before them, of which there were too many to keep */
	UT_hash_handle hh;
};

/* An input's way of reading, and where it reads. */
struct scan_input {
	const struct config_input *config; /* borrowed */
	struct reader *reader;		   /* looks only at lines that a rule's literal stands in */
	struct reader *every_reader;	   /* looks at every record */
	struct glob **glob;
	size_t glob_count;
};

struct scan {
	const struct config *config; /* borrowed, like the rules */
	struct rules *rules;
	struct config *defaults;  /* for files that no input of the configuration names */
	struct scan_input *input; /* the last is that of the defaults */
	size_t input_count;
	bool input_named; /* --input: the first input serves every file */
	bool every;	  /* look at every record: slower, but counts them and names all sites */
	const char *const *only; /* --site; NULL-terminated, or NULL for all */
	int64_t now;
	struct correlate *correlate;
	struct scan_files files;
	struct scan_result *result; /* beside files.file */
	struct scan_site *sites;
	void (*progress)(void *owner, uint64_t done, uint64_t of); /* bytes */
	void *progress_owner;
};

/*
 * Reads all files, in order. `named` is --input's NAME or NULL. False with a sentence where there
 * is no such input, or an input cannot be read as it is configured.
 */
bool
scan_open(struct scan *scan, const struct config *config, struct rules *rules, const char *named,
	int64_t now, struct err *err);
void
scan_close(struct scan *scan);

void
scan_site_free(struct scan_site *site);

/* Names of files in folders that are a log's or a rotated one's; NULL-terminated, to be freed with
 * each of its texts. */
char **
scan_patterns(const struct scan *scan, size_t *count);

void
scan_read(struct scan *scan);

/* The gravest state of a site, or that it cannot be told (see the design of exit codes). */
enum scan_verdict
scan_verdict(const struct scan *scan);
/* Sites of which there are records of the service, but none that a rule knows. */
size_t
scan_unknown_sites(const struct scan *scan);
const char *
scan_verdict_name(enum scan_verdict verdict);
enum scan_verdict
scan_verdict_of(const struct scan_site *site);

/* The progress bar: nothing where standard error is no terminal. */
struct scan_progress {
	int64_t began_at, shown_at; /* monotonic; 0 for not shown */
};

void
scan_progress_attach(struct scan_progress *progress, struct scan *scan);
void
scan_progress_end(struct scan_progress *progress);

/* The document of `--json`, and the report for people; both end in a newline. */
void
scan_print_json(const struct scan *scan, struct buf *out);
void
scan_print_report(const struct scan *scan, bool colour, size_t columns, struct buf *out);

/* The report of `--html`: one HTML document that fetches nothing and runs no script. */
void
scan_print_html(const struct scan *scan, struct buf *out);

/* Writes it to a file, "-" for standard output. False with a sentence. */
bool
scan_write_html(const struct scan *scan, const char *path, struct err *err);

/* The sites, the gravest first, then by name. The array is to be freed, the sites are the scan's.
 */
const struct scan_site **
scan_sites_by_gravity(const struct scan *scan, size_t *count);

#endif
