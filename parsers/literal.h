#ifndef AIWATCH_PARSERS_LITERAL_H
#define AIWATCH_PARSERS_LITERAL_H

#include "daemon/base/buf.h"

/*
 * The longest run of characters that every match of a PCRE2 pattern holds, as far as it can be
 * told without doubt: runs outside all groups of a pattern without alternatives at its top. Appends
 * it to out. False, and nothing appended, where there is none of two bytes or more. Source of the
 * syntax: pcre2pattern(3).
 */
bool
literal_of_pattern(const char *pattern, struct buf *out);

/*
 * The longest part of a literal whose bytes stand unchanged in every envelope and encoding that
 * holds ASCII as ASCII: no control character, nothing beyond ASCII, nothing that JSON writers
 * escape. Empty where there is none.
 */
struct span
literal_plain_part(struct span literal);

#endif
