#ifndef CONFIG_TEMPLATE_H
#define CONFIG_TEMPLATE_H

#include "daemon/base/err.h"

/*
 * The syntax of the small languages inside values; what they mean is expanded where they are used.
 * Each returns false with a sentence where the text is none.
 *
 * A template is text with parts in braces: `{a|b}`, the first of the names that is not empty. Of a
 * site the names are host, dir, file and 1 to 16 (what the path's wildcards matched); of a rotated
 * sibling name, stem and ext, and it is a glob too, without `/`.
 *
 * A glob has `*`, `?`, `[set]` (ranges, no [:class:]) and, as a whole component of the path, `**`;
 * `\` takes the next character as it is. That of a path is absolute, without `..`, and has at most
 * 48 components.
 */
bool
template_check_site(const char *text, struct err *err);
bool
template_check_rotated(const char *text, struct err *err);
bool
path_glob_check(const char *text, struct err *err);

#endif
