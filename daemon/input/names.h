#ifndef AIWATCH_INPUT_NAMES_H
#define AIWATCH_INPUT_NAMES_H

#include "daemon/base/span.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The names in a folder but for those of folders and links, sorted without case, so that beside
 * each of many logs in one folder only the names that begin like it are looked at.
 */
struct names {
	char **item;
	size_t count, room;
};

void
names_add(struct names *names, const char *name); /* copied; names_sort when all are added */
void
names_sort(struct names *names);
void
names_fini(struct names *names); /* empties it */

/* The first name that begins with `prefix`, compared without case; `count` where there is none.
 * Those that follow and begin with it follow at once. */
size_t
names_find(const struct names *names, struct span prefix);

/* Whether the name at `i` is there and begins with `prefix`. */
bool
names_has(const struct names *names, size_t i, struct span prefix);

#endif
