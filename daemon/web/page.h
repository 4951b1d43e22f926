#ifndef AIWATCH_WEB_PAGE_H
#define AIWATCH_WEB_PAGE_H

#include "daemon/base/buf.h"

/* The status page, compiled in: HTML with its style and script inside. */
struct span
page_text(void);

/*
 * Appends the Content-Security-Policy under which the page runs, and nothing else does: its own
 * style and script by their SHA-256 (CSP level 3, section 2.3.1), data only from where it came
 * from, no markup made of strings.
 */
void
page_policy(struct buf *out);

#endif
