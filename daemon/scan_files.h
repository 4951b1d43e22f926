#ifndef AIWATCH_SCAN_FILES_H
#define AIWATCH_SCAN_FILES_H

#include "daemon/base/err.h"
#include "daemon/base/span.h"

#include <stdint.h>

/*
 * The files of a scan: those that were named, and those found in folders that were named. They come
 * in the order of time as far as names and folders tell it: of one log the oldest rotated file
 * first, the current one last.
 */
enum scan_age {
	SCAN_DATED,    /* X.log-2026-01-31, X-20260131.log, X.log.2026… */
	SCAN_NUMBERED, /* X.log.2; the greater the older */
	SCAN_PREVIOUS, /* X.lo_, X.log~ */
	SCAN_CURRENT,
};

struct scan_file {
	char *path;	/* as named or found */
	char *absolute; /* without `.`, `..` and links in its folder; names the site */
	char *log;	/* absolute path of the log that it is a generation of, lower case */
	enum scan_age age;
	char *rank; /* within its age: smaller is older */
	uint64_t size;
	int64_t changed_at;  /* modification time, nanoseconds */
	int64_t log_changed; /* that of the youngest file of the same log */
	uint64_t device, inode;
	char *error; /* NULL where it can be read so far */
};

struct scan_files {
	struct scan_file *file;
	size_t count;
	uint64_t bytes; /* all sizes together */
};

void
scan_files_fini(struct scan_files *files);

/*
 * Adds what a path names: a file, or of a folder and all below it the files whose names match one
 * of `patterns` (glob_match_name, without case). What cannot be looked at is added with its error.
 * Folders are not entered through links nor where their name begins with a dot.
 */
void
scan_files_add(
	struct scan_files *files, const char *path, const char *const *patterns, size_t count);

/* Puts them in order; of one file by several names the first stays. */
void
scan_files_order(struct scan_files *files);

/*
 * Of what log is the file of this name a generation? Writes the log's name, lower case, and what
 * orders the generations; both to be freed.
 */
void
scan_name_parse(const char *name, char **log, enum scan_age *age, char **rank);

#endif
