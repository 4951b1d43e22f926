#ifndef CONFIG_CHARACTERS_H
#define CONFIG_CHARACTERS_H

#include "daemon/base/span.h"

#include <stdint.h>

/* The length of the well-formed UTF-8 character (RFC 3629) at the start of s, and its code point;
 * 0 where there is none. */
size_t
characters_next(struct span s, uint32_t *code_point);
bool
characters_are_valid(struct span s);

#endif
