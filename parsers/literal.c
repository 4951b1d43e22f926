#include "parsers/literal.h"

#include <ctype.h>
#include <string.h>

struct walk {
	const char *p;
	struct buf run;
	struct buf best;
};

static void
run_end(struct walk *walk)
{
	if (walk->run.n > walk->best.n) {
		buf_clear(&walk->best);
		buf_add_span(&walk->best, buf_span(&walk->run));
	}
	buf_clear(&walk->run);
}

/* Options that change what a letter means, verbs that end a match early, and quoting are rare: a
 * pattern with one of them is searched line by line. */
static bool
is_beyond_us(const char *pattern)
{
	if (strstr(pattern, "(*") || strstr(pattern, "\\Q"))
		return true;
	for (const char *p = pattern; (p = strstr(p, "(?")) != NULL;) {
		p += 2;
		size_t letters = strspn(p, "imsxnJUaDSWPr^-");
		bool is_options = letters > 0 && (p[letters] == ')' || p[letters] == ':');
		if (is_options && strcspn(p, "ixnJUar^-") < letters)
			return true;
		if (*p == '#' || *p == '(')
			return true;
	}
	return false;
}

/* Behind `[:alpha:]` within a class, NULL where the bracket is one like any other: as PCRE2 tells
 * it, no other bracket stands before the end. */
static const char *
skip_posix(const char *p) /* at '[' */
{
	char mark = p[1];
	if (!mark || !strchr(":.=", mark))
		return NULL;
	for (p += 2; p[0] && p[1]; p++) {
		if (p[0] == '\\' && strchr("]\\", p[1]))
			p++;
		else if (p[0] == ']' || (p[0] == '[' && p[1] == mark))
			return NULL;
		else if (p[0] == mark && p[1] == ']')
			return p + 2;
	}
	return NULL;
}

static const char *
skip_class(const char *p) /* at '[' */
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		const char *behind = *p == '[' ? skip_posix(p) : NULL;
		p = behind ? behind : p + (*p == '\\' && p[1] ? 2 : 1);
	}
	return *p ? p + 1 : p;
}

static const char *
skip_group(const char *p) /* at '(' */
{
	int depth = 0;
	while (*p) {
		if (*p == '\\' && p[1]) {
			p += 2;
			continue;
		}
		if (*p == '[') {
			p = skip_class(p);
			continue;
		}
		if (*p == '(')
			depth++;
		if (*p == ')' && --depth == 0)
			return p + 1;
		p++;
	}
	return p;
}

/* Behind an escape that stands for more than the one character after the backslash. */
static const char *
skip_escape(const char *p) /* at the letter or digit */
{
	char letter = *p++;
	if (strchr("xopPNgku", letter)) {
		static const char OPEN[] = "{<'", CLOSE[] = "}>'";
		const char *open = *p ? strchr(OPEN, *p) : NULL;
		if (open) {
			const char *close = strchr(p + 1, CLOSE[open - OPEN]);
			return close ? close + 1 : p + strlen(p);
		}
	}
	if (letter == 'x')
		return p + strspn(p, "0123456789abcdefABCDEF");
	if (strchr("pPc", letter))
		return *p ? p + 1 : p;
	if (letter == 'g' && (*p == '-' || *p == '+'))
		p++;
	if (letter == 'g' || isdigit((unsigned char)letter))
		return p + strspn(p, "0123456789");
	return p;
}

/* A quantifier behind an atom: whether the atom may be missing, and where the pattern goes on. */
static const char *
skip_quantifier(const char *p, bool *quantified, bool *optional)
{
	size_t n = *p && strchr("*+?", *p) ? 1 : 0;
	if (*p == '{') {
		size_t numbers = strspn(p + 1, "0123456789, ");
		n = numbers && p[1 + numbers] == '}' ? numbers + 2 : 0;
	}
	*quantified = n > 0;
	*optional = *quantified && *p != '+';
	p += n;
	return *quantified && *p && strchr("+?", *p) ? p + 1 : p;
}

static size_t
character_length(const char *p)
{
	size_t n = 1;
	if ((unsigned char)p[0] >= 0xc0) {
		while (((unsigned char)p[n] & 0xc0) == 0x80)
			n++;
	}
	return n;
}

/* One atom with its quantifier. A run goes on only over plain characters that must be there. */
static void
take_atom(struct walk *walk)
{
	const char *character = NULL, *p = walk->p;
	size_t n = 0;
	if (*p == '(') {
		p = skip_group(p);
	} else if (*p == '[') {
		p = skip_class(p);
	} else if (*p == '\\' && isalnum((unsigned char)p[1])) {
		p = skip_escape(p + 1);
	} else if ((*p == '\\' && !p[1]) || strchr(".^$)", *p)) {
		p++;
	} else {
		character = *p == '\\' ? p + 1 : p;
		n = character_length(character);
		p = character + n;
	}
	bool quantified, optional;
	p = skip_quantifier(p, &quantified, &optional);
	if (character && !optional)
		buf_add(&walk->run, character, n);
	if (!character || quantified)
		run_end(walk);
	walk->p = p;
}

bool
literal_of_pattern(const char *pattern, struct buf *out)
{
	if (is_beyond_us(pattern))
		return false;
	struct walk walk = {.p = pattern};
	bool alternatives = false;
	while (*walk.p && !alternatives) {
		alternatives = *walk.p == '|';
		take_atom(&walk);
	}
	run_end(&walk);
	bool found = !alternatives && walk.best.n >= 2;
	if (found)
		buf_add_span(out, buf_span(&walk.best));
	buf_fini(&walk.run);
	buf_fini(&walk.best);
	return found;
}

static bool
is_plain(char c)
{
	return isalnum((unsigned char)c) || (c && strchr(" !#$%()*,-.:;=?@[]^_{|}~", c));
}

struct span
literal_plain_part(struct span literal)
{
	struct span best = {literal.p, 0};
	for (size_t i = 0; i < literal.n;) {
		size_t start = i;
		while (i < literal.n && is_plain(literal.p[i]))
			i++;
		if (i - start > best.n)
			best = (struct span){literal.p + start, i - start};
		i += i == start;
		while (i < literal.n && !is_plain(literal.p[i]))
			i++;
	}
	return best;
}
