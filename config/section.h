#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/value.h"

enum { SECTION_KEYS_MAX = 64 };

/*
 * Reads a file's mapping into a struct config by the table. What several files say is joined: a
 * later value replaces, lists of items are joined, and a later item of the same name takes the
 * place of the earlier one. `given` remembers which keys any file named.
 */
struct top {
	struct config *config;
	uint64_t given; /* bits of CONFIG_TOP's keys */
	uint64_t
		within[SECTION_KEYS_MAX]; /* of a KEY_SECTION's own keys, by its index in the top */
	/* Called for `include`; the files are read before the next key is. */
	void (*include)(void *owner, const struct config_key *key, const struct node *node);
	void *owner;
};

void
top_read(struct reading *reading, struct top *top, const struct node *map);

/* Sets what no file named to the table's defaults. */
void
top_set_standards(struct reading *reading, struct top *top);

/* Frees all that the table knows in a struct config, not the struct. */
void
top_fini(struct config *config);

/* The bits of an item's type (for_type); 0 where the section's items have none. */
unsigned
section_type(const struct config_section *section, const void *item);

#endif
