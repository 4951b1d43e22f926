#include "config/input_check.h"

#include "daemon/base/mem.h"
#include "daemon/base/span.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 64, PAIRS_MAX = 10000 };

/* ---- wildcards ---- */

/* The length of the token at the start of a glob: `\x`, `[set]`, a run of `*`, or a character. */
static size_t
token_length(struct span glob)
{
	if (glob.p[0] == '*')
		return strspn(glob.p, "*") < glob.n ? strspn(glob.p, "*") : glob.n;
	if (glob.p[0] == '\\')
		return glob.n > 1 ? 2 : 1;
	const char *end =
		glob.p[0] == '[' && glob.n > 2 ? memchr(glob.p + 2, ']', glob.n - 2) : NULL;
	return end ? (size_t)(end - glob.p) + 1 : 1;
}

/* A path that ends in `**` names any file below it. */
static unsigned
count_wildcards(const char *path)
{
	unsigned count = 0;
	struct span rest = span_of(path);
	if (rest.n > 2 && strcmp(path + rest.n - 3, "/**") == 0)
		count++;
	for (size_t n; rest.n > 0; rest = span_from(rest, n)) {
		n = token_length(rest);
		count += strchr("*?[", rest.p[0]) != NULL;
	}
	return count;
}

/* Of a part as `1|3`: the least wildcard, where it names nothing else; 0 where it does. */
static unsigned
least_wildcard(struct span part)
{
	unsigned least = 0;
	while (part.n > 0) {
		size_t n = 0;
		while (n < part.n && part.p[n] != '|')
			n++;
		if (!isdigit((unsigned char)part.p[0]))
			return 0;
		unsigned number = (unsigned)strtoul(part.p, NULL, 10);
		if (least == 0 || number < least)
			least = number;
		part = span_from(part, n + 1);
	}
	return least;
}

static void
check_part(const struct config_input *input, struct span part, struct config_problems *problems)
{
	unsigned least = least_wildcard(part);
	for (size_t i = 0; least > 0 && i < input->paths.count; i++) {
		const char *path = input->paths.item[i];
		unsigned count = count_wildcards(path);
		if (count >= least)
			continue;
		config_problems_add(problems, input->site_place, false,
			"site: {%.*s} is always empty: %s has %u wildcard%s", (int)part.n, part.p,
			path, count, count == 1 ? "" : "s");
		return;
	}
}

static void
check_site(const struct config_input *input, struct config_problems *problems)
{
	for (const char *p = input->site; p && (p = strchr(p, '{'));) {
		const char *end = strchr(p, '}');
		if (!end)
			return;
		check_part(input, (struct span){p + 1, (size_t)(end - p) - 1}, problems);
		p = end;
	}
}

/* ---- two globs for one file ---- */

/* A table of answers, one for each pair of places in two texts. */
struct pairs {
	size_t width;
	bool *reached;
};

static bool
take_pair(struct pairs *pairs, size_t i, size_t j)
{
	bool *reached = &pairs->reached[i * pairs->width + j];
	bool is_new = !*reached;
	*reached = true;
	return is_new;
}

/* May one character be what both tokens stand for? Of a set nothing more is asked. */
static bool
tokens_meet(struct span a, struct span b)
{
	if (strchr("?[", a.p[0]) || strchr("?[", b.p[0]))
		return true;
	char x = a.p[a.p[0] == '\\' && a.n > 1], y = b.p[b.p[0] == '\\' && b.n > 1];
	return tolower((unsigned char)x) == tolower((unsigned char)y);
}

static bool
rests_meet(struct span a, struct span b, size_t i, size_t j, struct pairs *seen)
{
	struct span x = span_from(a, i), y = span_from(b, j);
	if (!take_pair(seen, i, j))
		return false;
	if (x.n == 0 && y.n == 0)
		return true;
	size_t n = x.n ? token_length(x) : 0, m = y.n ? token_length(y) : 0;
	if (x.n && x.p[0] == '*')
		return rests_meet(a, b, i + n, j, seen) || (m && rests_meet(a, b, i, j + m, seen));
	if (y.n && y.p[0] == '*')
		return rests_meet(a, b, i, j + m, seen) || (n && rests_meet(a, b, i + n, j, seen));
	return n && m && tokens_meet(x, y) && rests_meet(a, b, i + n, j + m, seen);
}

static bool
names_meet(struct span a, struct span b)
{
	struct pairs seen = {b.n + 1, mem_array((a.n + 1) * (b.n + 1), sizeof(bool))};
	bool meet = rests_meet(a, b, 0, 0, &seen);
	free(seen.reached);
	return meet;
}

struct parts {
	struct span item[PARTS_MAX];
	size_t count;
};

static struct parts
split(const char *path)
{
	struct parts parts = {0};
	for (struct span rest = span_of(path); rest.n > 0 && parts.count < PARTS_MAX - 1;) {
		size_t n = strcspn(rest.p, "/");
		if (n > 0)
			parts.item[parts.count++] = span_first(rest, n);
		rest = span_from(rest, n + 1);
	}
	if (parts.count > 0 && span_equal(parts.item[parts.count - 1], SPAN("**")))
		parts.item[parts.count++] = SPAN("*");
	return parts;
}

static bool
paths_meet(const struct parts *a, const struct parts *b, size_t i, size_t j, struct pairs *seen)
{
	bool any_a = i < a->count && span_equal(a->item[i], SPAN("**"));
	bool any_b = j < b->count && span_equal(b->item[j], SPAN("**"));
	if (!take_pair(seen, i, j))
		return false;
	if (any_a)
		return paths_meet(a, b, i + 1, j, seen) ||
		       (j < b->count && paths_meet(a, b, i, j + 1, seen));
	if (any_b)
		return paths_meet(a, b, i, j + 1, seen) ||
		       (i < a->count && paths_meet(a, b, i + 1, j, seen));
	if (i == a->count || j == b->count)
		return i == a->count && j == b->count;
	return names_meet(a->item[i], b->item[j]) && paths_meet(a, b, i + 1, j + 1, seen);
}

static bool
globs_meet(const char *one, const char *other)
{
	bool reached[PARTS_MAX * PARTS_MAX] = {false};
	struct pairs seen = {PARTS_MAX, reached};
	struct parts a = split(one), b = split(other);
	return paths_meet(&a, &b, 0, 0, &seen);
}

static void
compare(const struct config_input *one, const struct config_input *other,
	struct config_problems *problems)
{
	if (one->paths.count * other->paths.count > PAIRS_MAX)
		return;
	for (size_t i = 0; i < one->paths.count * other->paths.count; i++) {
		const char *a = one->paths.item[i % one->paths.count];
		const char *b = other->paths.item[i / one->paths.count];
		if (!globs_meet(a, b))
			continue;
		config_problems_add(problems, other->place, true,
			"input %s may read files that input %s reads too (%s, %s): each of their "
			"records would count twice",
			other->name, one->name, b, a);
		return;
	}
}

void
input_check(const struct config *config, struct config_problems *problems)
{
	for (size_t i = 0; i < config->input_count; i++) {
		check_site(&config->inputs[i], problems);
		for (size_t k = 0; k < i; k++)
			compare(&config->inputs[k], &config->inputs[i], problems);
	}
}
