#ifndef AIWATCH_BASE_LIBRARY_H
#define AIWATCH_BASE_LIBRARY_H

#include "daemon/base/err.h"

#include <stdatomic.h>
#include <stddef.h>

/*
 * A shared library that is loaded when it is first needed: libcurl alone brings thirty others
 * along, which a scan, or a daemon that only writes syslog, neither pays for nor trusts. Its
 * functions are called through pointers that stand in one struct of the file that includes its
 * header.
 */
struct library_symbol {
	const char *name;
	void *pointer; /* where the pointer to the function stands */
};

struct library {
	const char *file; /* by its soname, which stands for the interface */
	const struct library_symbol *symbols;
	size_t count;
	atomic_bool loaded; /* false at first */
};

/* Loads it unless that is done; it stays. Any thread. False with a sentence where it is missing or
 * lacks a symbol. */
bool
library_load(struct library *library, struct err *err);

#endif
