#include "config/suggest.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 40 };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool
is_same(char a, char b)
{
	char x = lower(a), y = lower(b);
	return x == y || (x == '-' && y == '_');
}

/* Optimal string alignment, three rows at a time. Both words are at most WORD_MAX long. */
static size_t
distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[3][WORD_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2];
	for (size_t j = 0; j <= n; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t change = last[j - 1] + !is_same(a[i - 1], b[j - 1]);
			now[j] = least(change, 1 + least(last[j], now[j - 1]));
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
				is_same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[n];
}

struct suggest
suggest_start(const char *word)
{
	size_t n = strlen(word);
	return (struct suggest){
		.word = word, .distance = n > WORD_MAX || n == 0 ? 0 : 1 + (n < 6 ? 1 : n / 3)};
}

void
suggest_offer(struct suggest *suggest, const char *candidate)
{
	if (suggest->distance == 0 || strlen(candidate) > WORD_MAX)
		return;
	size_t d = distance(suggest->word, candidate);
	if (d < suggest->distance) {
		suggest->distance = d;
		suggest->best = candidate;
	}
}
