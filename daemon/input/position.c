#include "daemon/input/position.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

void
position_fini(struct position *position)
{
	free(position->path);
	free(position->seen_at);
	*position = (struct position){0};
}

void
position_copy(const struct position *from, struct position *to)
{
	*to = *from;
	to->path = mem_text(from->path);
	to->seen_at = mem_text(from->seen_at);
}
