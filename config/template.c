#include "config/template.h"

#include "daemon/base/mem.h"
#include "daemon/base/span.h"

static const char *const SITE_NAME[] = {"host", "dir", "file", NULL};
static const char *const ROTATED_NAME[] = {"name", "stem", "ext", NULL};

static bool
is_number(struct span s)
{
	if (s.n < 1 || s.n > 2 || s.p[0] == '0')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

static bool
is_name(struct span name, const char *const *names, bool takes_numbers)
{
	for (; *names; names++) {
		if (span_equal(name, span_of(*names)))
			return true;
	}
	return takes_numbers && is_number(name);
}

/* What stands between braces: names with `|` between them. */
static bool
check_part(struct span part, const char *const *names, bool takes_numbers, struct err *err)
{
	for (;;) {
		const char *bar = part.n ? memchr(part.p, '|', part.n) : NULL;
		struct span name = span_first(part, bar ? (size_t)(bar - part.p) : part.n);
		if (!is_name(name, names, takes_numbers))
			return err_set(err, "{%.*s} is no part of this template; it knows %s",
				(int)(name.n < 40 ? name.n : 40), name.n ? name.p : "",
				takes_numbers ? "{host}, {dir}, {file}, {1}, {2} …"
					      : "{name}, {stem}, {ext}");
		if (!bar)
			return true;
		part = span_from(part, name.n + 1);
	}
}

static bool
check_template(const char *text, const char *const *names, bool takes_numbers, struct err *err)
{
	if (*text == '\0')
		return err_set(err, "a template must not be empty");
	for (const char *p = text; *p; p++) {
		if (*p == '}')
			return err_set(err, "\"}\" without \"{\" before it");
		if (*p != '{')
			continue;
		const char *start = p + 1;
		p = strpbrk(start, "{}");
		if (!p || *p == '{')
			return err_set(err, "\"{\" without \"}\" behind it");
		struct span part = {start, (size_t)(p - start)};
		if (!check_part(part, names, takes_numbers, err))
			return false;
	}
	return true;
}

bool
template_check_site(const char *text, struct err *err)
{
	return check_template(text, SITE_NAME, true, err);
}

bool
template_check_rotated(const char *text, struct err *err)
{
	if (strchr(text, '/'))
		return err_set(err, "a rotated file is looked for beside its log: no \"/\" here");
	if (strcmp(text, "{name}") == 0)
		return err_set(err, "{name} alone is the log itself");
	return check_template(text, ROTATED_NAME, false, err) && glob_check(text, err);
}

/* Behind a `[`: returns the `]` that ends the set, or NULL. */
static const char *
set_end(const char *p)
{
	if (*p == '!' || *p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p && *p != ']' && *p != '/') {
		if (p[0] == '[' && p[1] == ':') {
			const char *end = strstr(p, ":]");
			p = end ? end + 1 : p;
		}
		p++;
	}
	return *p == ']' ? p : NULL;
}

bool
glob_check(const char *text, struct err *err)
{
	if (*text == '\0')
		return err_set(err, "a path must not be empty");
	for (const char *p = text; *p; p++) {
		if (*p == '\\') {
			if (*++p == '\0')
				return err_set(err, "ends in \"\\\"");
			continue;
		}
		if (*p == '[' && !(p = set_end(p + 1)))
			return err_set(err, "\"[\" without \"]\" behind it");
		if (p[0] != '*' || p[1] != '*')
			continue;
		bool is_whole = (p == text || p[-1] == '/') && (p[2] == '/' || p[2] == '\0');
		if (!is_whole)
			return err_set(err, "\"**\" must stand alone between two \"/\"");
		p++;
	}
	if (text[strlen(text) - 1] == '/')
		return err_set(err, "ends in \"/\": a file is wanted, as in \"…/*.log\"");
	return true;
}
