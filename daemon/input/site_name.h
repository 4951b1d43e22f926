#ifndef AIWATCH_INPUT_SITE_NAME_H
#define AIWATCH_INPUT_SITE_NAME_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/span.h"
#include "daemon/input/glob.h"

/*
 * The name of a site by a template: text in which `{…}` stands for `host` (of the envelope), `dir`
 * (base name of the folder), `file` (base name), or `1`, `2` … (what the wildcards of the pattern
 * matched); `{a|b}` is the first that is not empty. `{{` is a brace.
 */
enum { SITE_NAME_MAX = 255 };

/* False with a sentence where the template is not one. */
bool
site_template_check(const char *template, struct err *err);

/* Whether the name depends on the envelope's host. */
bool
site_template_has_host(const char *template);

/*
 * The name, to be freed: safe to pass on (text_sanitize), without blanks at its ends, at most
 * SITE_NAME_MAX bytes, "unknown" where nothing is left. The template must have been checked;
 * `path` is absolute.
 */
char *
site_name(const char *template, struct span host, const char *path,
	const struct glob_captures *captures);

/* The same in place of what stands in `name`, of which neither host nor path may be a part. */
void
site_name_write(const char *template, struct span host, const char *path,
	const struct glob_captures *captures, struct buf *name);

#endif
