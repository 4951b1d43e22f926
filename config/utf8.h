#ifndef CONFIG_UTF8_H
#define CONFIG_UTF8_H

#include "daemon/base/span.h"

#include <stdint.h>

/* The length of the well-formed UTF-8 character (RFC 3629) at the start of s, and its code point;
 * 0 where there is none. */
size_t
utf8_decode(struct span s, uint32_t *code_point);
bool
utf8_is_valid(struct span s);

#endif
