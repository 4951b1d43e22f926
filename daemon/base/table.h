#ifndef AIWATCH_BASE_TABLE_H
#define AIWATCH_BASE_TABLE_H

#include "daemon/base/span.h"

/*
 * Items found by a key that stands in them, where there may be very many: 11 to 16 bytes for each
 * (a UT_hash_handle takes 56, and its place 8). All zero is an empty table. Items are borrowed, and
 * their keys must not change while they are in it.
 */
struct table {
	void **slot;
	size_t count; /* items */
	size_t used;  /* slots that are not empty */
	size_t room;
};

/* The key of an item: the same function for all calls on one table. */
typedef struct span
table_key(const void *item);

/* NULL where there is none. */
void *
table_find(const struct table *table, table_key *key, struct span wanted);

/* The key must not be in it. */
void
table_add(struct table *table, table_key *key, void *item);

/* The item must be in it. */
void
table_remove(struct table *table, table_key *key, const void *item);

/* All items in no order: *place is 0 before the first; NULL behind the last. Meanwhile items may be
 * removed, and none added. */
void *
table_next(const struct table *table, size_t *place);

void
table_fini(struct table *table); /* empties it; the items stay */

#endif
