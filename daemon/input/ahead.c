#include "daemon/input/follow_parts.h"

/* A line that is not whole at the end of a block, with the anchor before it, is in the next block
 * too, if it is no longer than 12 KiB. */
enum { OVERLAP = 4 * LEDGER_CHUNK, BLOCKS = 8 };
static const uint64_t WORTH = 4 << 20; /* bytes to read */
enum { SPARSE = 16 * 1024 };	       /* bytes in which one sighting is not many */

void
ahead_stop(struct follow *follow)
{
	read_ahead_stop(follow->ahead.blocks);
	follow->ahead = (struct ahead){.blocks = NULL};
}

static size_t
block_size(const struct follow *follow)
{
	return follow->room + OVERLAP;
}

/* Where there is much to tell, who is told can use a second processor better than a reader can. */
static bool
is_dense(const struct follow *follow)
{
	size_t sightings = follow->batch->sighting_count - follow->sightings_before;
	return sightings * SPARSE > follow->batch_bytes;
}

static bool
start(struct follow *follow, const struct generation *generation, uint64_t from)
{
	struct ahead *ahead = &follow->ahead;
	if (follow->batch_bytes == 0 || generation->seen.size < from + WORTH)
		return false;
	ahead->next = from;
	ahead->blocks = read_ahead_start(&(struct read_ahead_setup){
		.fd = generation->fd,
		.at = (off_t)from,
		.block = block_size(follow),
		.blocks = BLOCKS,
		.overlap = OVERLAP,
	});
	return ahead->blocks != NULL;
}

uint8_t *
ahead_find(struct follow *follow, const struct generation *generation, uint64_t from, size_t *n)
{
	struct ahead *ahead = &follow->ahead;
	size_t block = block_size(follow);
	char *bytes;
	if (ahead->generation != generation ||
		!object_is_unchanged(&ahead->seen, &generation->seen) || is_dense(follow)) {
		ahead_stop(follow);
		ahead->generation = generation;
		ahead->seen = generation->seen;
		return NULL;
	}
	if (!ahead->blocks && !start(follow, generation, from))
		return NULL;
	uint64_t at = ahead->next;
	ahead->next += block - OVERLAP;
	uint64_t skip = from - at; /* huge where it begins before the block */
	if (read_ahead_next(ahead->blocks, &bytes) < (ssize_t)block || skip > OVERLAP) {
		ahead_stop(follow);
		return NULL;
	}
	*n = block - (size_t)skip;
	return (uint8_t *)bytes + skip;
}
