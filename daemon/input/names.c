#include "daemon/input/names.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <strings.h>

void
names_add(struct names *names, const char *name)
{
	if (names->count == names->room) {
		names->room = names->room ? names->room * 2 : 64;
		names->item = mem_grow(names->item, names->room, sizeof *names->item);
	}
	names->item[names->count++] = mem_text(name);
}

static int
by_name(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

void
names_sort(struct names *names)
{
	if (names->count)
		qsort(names->item, names->count, sizeof *names->item, by_name);
}

void
names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->item[i]);
	free(names->item);
	*names = (struct names){.count = 0};
}

size_t
names_find(const struct names *names, struct span prefix)
{
	size_t low = 0, high = names->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strncasecmp(names->item[middle], prefix.p, prefix.n) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return names_has(names, low, prefix) ? low : names->count;
}

bool
names_has(const struct names *names, size_t i, struct span prefix)
{
	return i < names->count && strncasecmp(names->item[i], prefix.p, prefix.n) == 0;
}
