#ifndef AIWATCH_PARSERS_TEXT_H
#define AIWATCH_PARSERS_TEXT_H

#include "daemon/base/buf.h"

/*
 * Makes bytes safe to pass on to a terminal, a log, a chat or a page, and appends them to out:
 * always valid UTF-8 (invalid bytes become U+FFFD), no C0 or C1 control characters (each becomes
 * one blank), no bidirectional or other invisible formatting characters (removed), at most `limit`
 * bytes appended, an ellipsis (U+2026) where it was cut, never inside a character.
 */
void
text_sanitize(struct buf *out, struct span in, size_t limit);

#endif
