#ifndef AIWATCH_INPUT_GLOB_H
#define AIWATCH_INPUT_GLOB_H

#include "daemon/base/err.h"
#include "daemon/base/span.h"

#include <stdint.h>

/*
 * The patterns of `paths`: absolute, `*` `?` and `[a-z]` `[!a-z]` within a name, `**` as a whole
 * name crosses any number of folders (also none), a backslash takes the next character as it is.
 *
 * - Names of files, and names of folders that hold a wildcard, are compared without case (ASCII);
 *   folders that are spelled out are taken as they are spelled, and entered without listing.
 * - A wildcard at the beginning of a name matches no name that begins with a dot; `**` enters no
 *   such folder, and no folder through a symbolic link, so that it cannot run in circles.
 * - A wildcard matches no name that looks unfinished (glob_is_temporary).
 * - Each wildcard captures what it matched: `**` the folders it crossed, "a/b"; a run of `*` is
 *   one. Of several ways to match, the one in which earlier wildcards match least is taken.
 */
struct glob;

enum { GLOB_CAPTURES = 16, GLOB_PARTS = 48 };

struct glob_captures {
	struct span item[GLOB_CAPTURES]; /* borrow from the path */
	size_t count;
};

/* NULL with a sentence where the pattern is not absolute, has too many parts, or an open `[`. */
struct glob *
glob_new(const char *pattern, struct err *err);
void
glob_free(struct glob *glob); /* takes NULL */

const char *
glob_pattern(const struct glob *glob);

/* Whether an absolute path without `//`, `.` and `..` matches. captures may be NULL. */
bool
glob_match(const struct glob *glob, const char *path, struct glob_captures *captures);

/*
 * Walking: a folder stands at a set of places in the pattern, one bit each. glob_start is the set
 * of "/"; glob_enter that of a subfolder (0: nothing below it can match); glob_has_file says
 * whether a file of that name in the folder matches.
 */
uint64_t
glob_start(const struct glob *glob);
uint64_t
glob_enter(const struct glob *glob, uint64_t places, struct span name, bool is_link);
bool
glob_has_file(const struct glob *glob, uint64_t places, struct span name);

/* The folder that is spelled out next at one of the places, or an empty span; call with i from 0
 * until it is empty. */
struct span
glob_literal(const struct glob *glob, uint64_t places, size_t i);

/* Whether anything in the folder is found by listing it, not only by name. */
bool
glob_needs_listing(const struct glob *glob, uint64_t places);

/* Whether files in the folder can match. */
bool
glob_may_have_files(const struct glob *glob, uint64_t places);

/*
 * One name against one pattern of a name (no `/`; `*` may match a leading dot, and unfinished
 * names count as any other).
 */
bool
glob_match_name(struct span pattern, struct span name);

/* Names under which copy tools and editors keep what is not finished: `.name.XXXXXX`, `*.tmp`,
 * `*.part`, `*.partial`, `*.filepart`, `*.crdownload`, `*.swp`, `~$name`, `name~`. */
bool
glob_is_temporary(struct span name);

#endif
