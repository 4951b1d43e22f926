#ifndef AIWATCH_WEB_GZIP_H
#define AIWATCH_WEB_GZIP_H

#include "daemon/base/buf.h"

#include <stdbool.h>

/* Appends the bytes as a gzip member (RFC 1952). */
void
gzip_add(struct buf *out, struct span bytes);

/* Whether an Accept-Encoding header (RFC 9110, section 12.5.3; NULL: none) takes gzip. */
bool
gzip_is_accepted(const char *header);

#endif
