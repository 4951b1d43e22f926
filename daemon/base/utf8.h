#ifndef AIWATCH_BASE_UTF8_H
#define AIWATCH_BASE_UTF8_H

#include "daemon/base/buf.h"

#include <stdint.h>

/* The first character of s and its length; 0 where s is empty or does not begin with a whole and
 * valid one (RFC 3629: no surrogates, no overlong forms, nothing beyond U+10FFFF). */
size_t
utf8_decode(struct span s, uint32_t *character);

bool
utf8_is_valid(struct span s);

/* Appends a character; U+FFFD for what is none. */
void
utf8_encode(struct buf *out, uint32_t character);

/* Appends s with U+FFFD for each byte that belongs to no valid character. */
void
utf8_repair(struct buf *out, struct span s);

#endif
