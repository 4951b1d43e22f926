#include "config/template.h"

#include "daemon/base/mem.h"
#include "daemon/base/span.h"

enum { WILDCARDS_MAX = 16, COMPONENTS_MAX = 48 };

static const char *const SITE_NAME[] = {"host", "dir", "file", NULL};
static const char *const ROTATED_NAME[] = {"name", "stem", "ext", NULL};

static bool
is_number(struct span s)
{
	unsigned number = 0;
	for (size_t i = 0; i < s.n && i < 3; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || s.p[0] == '0')
			return false;
		number = number * 10 + (unsigned)(s.p[i] - '0');
	}
	return number >= 1 && number <= WILDCARDS_MAX;
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

/* Behind a `[`: returns the `]` that ends the set, or NULL. */
static const char *
set_end(const char *p)
{
	if (*p == '!' || *p == '^')
		p++;
	if (*p == ']')
		p++;
	p += strcspn(p, "]/");
	return *p == ']' ? p : NULL;
}

static bool
check_set(const char **p, struct err *err)
{
	const char *end = set_end(*p + 1);
	if (!end)
		return err_set(err, "\"[\" without \"]\" behind it");
	if (memmem(*p, (size_t)(end - *p), "[:", 2) && (*p)[1] != ':')
		return err_set(
			err, "a class as [:alpha:] is not known here; write a range as [a-z]");
	*p = end;
	return true;
}

static bool
check_glob(const char *text, struct err *err)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\\') {
			if (*++p == '\0')
				return err_set(err, "ends in \"\\\"");
			continue;
		}
		if (*p == '[' && !check_set(&p, err))
			return false;
		if (p[0] != '*' || p[1] != '*')
			continue;
		bool is_whole = (p == text || p[-1] == '/') && (p[2] == '/' || p[2] == '\0');
		if (!is_whole)
			return err_set(err, "\"**\" must stand alone between two \"/\"");
		p++;
	}
	return true;
}

bool
template_check_rotated(const char *text, struct err *err)
{
	if (strchr(text, '/'))
		return err_set(err, "a rotated file is looked for beside its log: no \"/\" here");
	if (strcmp(text, "{name}") == 0)
		return err_set(err, "{name} alone is the log itself");
	return check_template(text, ROTATED_NAME, false, err) && check_glob(text, err);
}

/* How many components; -1 where one is "..". */
static int
count_components(const char *text)
{
	int count = 0;
	for (const char *p = text; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return -1;
		count += n > 0;
	}
	return count;
}

bool
path_glob_check(const char *text, struct err *err)
{
	if (*text != '/')
		return err_set(err, "a path must be absolute: it must begin with \"/\"");
	int count = count_components(text);
	if (count < 0)
		return err_set(err, "a path must not hold \"..\"");
	if (count > COMPONENTS_MAX)
		return err_set(err, "a path has at most %d components", COMPONENTS_MAX);
	if (text[strlen(text) - 1] == '/')
		return err_set(err, "ends in \"/\": a file is wanted, as in \"…/*.log\"");
	return check_glob(text, err);
}
