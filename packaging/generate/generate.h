#ifndef PACKAGING_GENERATE_GENERATE_H
#define PACKAGING_GENERATE_GENERATE_H

#include "config/keys.h"
#include "daemon/verb.h"

/*
 * What documents the program, made at the build from the tables that the program itself reads:
 * keys (config/keys.c), verbs (daemon/verb.c) and the shipped rules. Everything goes to standard
 * output.
 */

/* One row of a list in a verb's help: `  --json   one JSON document`, with what continues it. */
struct help_row {
	struct span label; /* "--sink NAME" */
	struct span text;  /* may hold newlines and blanks of the indentation */
};

/* Takes the next row off a block of help; false where the block is no list or has ended. */
bool
help_next_row(struct span *block, struct help_row *row);

/* Takes the next block (up to an empty line) off a help text; false at its end. */
bool
help_next_block(struct span *help, struct span *block);

/*
 * A template in mdoc(7), its lines `@verbs@`, `@keys@`, `@keys NAME@` (of a section of the top) and
 * `@rules@` replaced. False with a sentence.
 */
bool
generate_manual(const char *path, struct err *err);

void
generate_completion(void); /* for bash */
void
generate_schema(void); /* JSON Schema, draft 2020-12 */

#endif
