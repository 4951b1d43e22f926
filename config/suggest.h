#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

/*
 * "did you mean": feeds candidates one by one. Start with suggest_start; `best` is the nearest
 * candidate so far (borrowed), NULL where none is near: an edit distance (a swap of neighbours
 * counts one) of at most a third of the word, at least one.
 */
struct suggest {
	const char *word;
	size_t distance;
	const char *best;
};

struct suggest
suggest_start(const char *word);
void
suggest_offer(struct suggest *suggest, const char *candidate);

#endif
