#ifndef CONFIG_MASK_H
#define CONFIG_MASK_H

#include "daemon/base/buf.h"

#include <stdbool.h>

/* Hides what may be a secret in texts that are shown: *** stands in its place. */

/* What is written behind a key of such a name may be a secret, even if nobody knows the key. */
bool
mask_is_secret(const char *name);

/*
 * Appends a line of YAML without what stands behind such a key, and without user, password and path
 * of a URL: who knows the path of a webhook may post. *at is an offset into the line, and becomes
 * that of the same place in what was appended.
 */
void
mask_line(struct buf *out, struct span line, size_t *at);

/* Appends a sentence without user, password and query of a URL in it. */
void
mask_sentence(struct buf *out, struct span sentence);

#endif
