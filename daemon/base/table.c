#include "daemon/base/table.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum { ROOM_LEAST = 16 };

/*
 * Open addressing, linear probing. An item stands at the first slot from its home on that was free
 * when it came; none between is empty: what is removed leaves `gone` behind until the table is made
 * anew. A quarter of the slots at least is empty.
 */
static char gone;

/* The slot in which the item stands, or the empty one behind which it does not. */
static size_t
seek(const struct table *table, table_key *key, struct span wanted, const void *item)
{
	uint64_t home = hash64(wanted.p, wanted.n) >> 32;
	size_t at = (size_t)(home * table->room >> 32);
	for (;; at = at + 1 < table->room ? at + 1 : 0) {
		const void *there = table->slot[at];
		if (!there || (item && there == item))
			return at;
		if (!item && there != &gone && span_equal(key(there), wanted))
			return at;
	}
}

void *
table_find(const struct table *table, table_key *key, struct span wanted)
{
	return table->count ? table->slot[seek(table, key, wanted, NULL)] : NULL;
}

static void
put(struct table *table, table_key *key, void *item)
{
	table->slot[seek(table, key, key(item), item)] = item;
	table->used++;
}

static void
renew(struct table *table, table_key *key)
{
	struct table old = *table;
	size_t place = 0;
	table->room = old.count * 2 > ROOM_LEAST ? old.count * 2 : ROOM_LEAST;
	table->slot = mem_array(table->room, sizeof *table->slot);
	table->used = 0;
	for (void *item; (item = table_next(&old, &place));)
		put(table, key, item);
	free(old.slot);
}

void
table_add(struct table *table, table_key *key, void *item)
{
	if ((table->used + 1) * 4 > table->room * 3)
		renew(table, key);
	put(table, key, item);
	table->count++;
}

void
table_remove(struct table *table, table_key *key, const void *item)
{
	table->slot[seek(table, key, key(item), item)] = &gone;
	table->count--;
}

void *
table_next(const struct table *table, size_t *place)
{
	while (*place < table->room) {
		void *item = table->slot[(*place)++];
		if (item && item != &gone)
			return item;
	}
	return NULL;
}

void
table_fini(struct table *table)
{
	free(table->slot);
	*table = (struct table){0};
}
